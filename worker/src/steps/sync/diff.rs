//! `diff`: compares one range of a table on both sides and writes what differs. Where earlier jobs
//! began to load the table, a range that they did not come to is loaded as it would have been.
//!
//! Idempotent: what is written follows from what is found, and a row that was written is
//! equal when it is looked at again. Pages are written each in a transaction of its own.
//! Cancelled: the open page's transaction is taken back by the server; pages before it
//! stay (the table is `partial`), nothing temporary does.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Counts, Outcome};
use longshore_shared::domain::sync::ConflictPolicy;

use super::compare::{Comparison, Page, digests};
use super::doubt;
use super::next_number;
use super::table::{DiffDetail, RangePayload, TablePlan};
use crate::engine::shape::{KeyTuple, Range, Row};
use crate::engine::{Columns, Loaded, Reader, Writer, named};
use crate::steps::attempt::written;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::{Meter, counted, pump, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    let RangePayload { range } = context.payload()?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.begin_snapshot(None).await?;
    let done = rows(context, &mut *source, &mut *target, &plan, &range).await?;
    source.end_snapshot().await?;
    // The last range of each table has no end.
    let warning = match range.to {
        None => next_number::raise(&mut *target, &plan).await?,
        Some(_) => None,
    };
    let detail = DiffDetail { deferred: done.deferred, equal: done.equal, kept: done.kept, range };
    let warnings = warning.into_iter().collect();
    Ok(Outcome { detail: written(&detail)?, warnings, ..Outcome::default() })
}

/// Has the target hold the range's rows as the policy says, committed.
pub(super) async fn rows(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<Applied, StepError> {
    match is_open(context, target, plan, range).await? {
        true => load(context, source, target, plan, range).await,
        false => apply(context, source, target, plan, range, context.meter()).await,
    }
}

/// Whether unfinished loads have left the range to be loaded. Rows that the task's condition leaves
/// out count: they are in the way as well. What is in the way otherwise (a row that the target sorts
/// into another range, or that holds a unique value) no look tells: then a load is tried once, takes
/// back what it did, and the next attempt compares.
async fn is_open(
    context: &Context,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<bool, Failure> {
    if !plan.loads_on() || context.is_repeated() {
        return Ok(false);
    }
    Ok(target.page(&plan.shape.unfiltered(), range, None, 1, Columns::Key).await?.is_empty())
}

/// Loads a range of which the target has no row, in one transaction, and compares it there.
async fn load(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<Applied, StepError> {
    target.begin().await?;
    let loaded = async {
        let Loaded { rows, doubt } = pump(source, target, &plan.shape, range, context.meter()).await?;
        doubt::settle(source, target, &plan.shape, range, doubt).await?;
        Ok::<_, Failure>(rows)
    };
    let rows = match loaded.await {
        Err(failure) if failure.code == FailureCode::DuplicateKey => return Err(clash(plan, 1).into()),
        other => other?,
    };
    let equal = equal(context, source, target, plan, range).await?;
    context.commit(target).await?;
    context.meter().add(Counts { inserted: whole(rows), ..Counts::default() });
    Ok(Applied { deferred: 0, equal, kept: equal.is_some() })
}

/// What came of a range.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Applied {
    /// Rows that were left out since another row holds their unique value.
    pub(super) deferred: u64,
    /// How many rows each side has, if their checksums are equal now.
    pub(super) equal: Option<u64>,
    /// The target was seen to have each row of the source as the policy promises.
    pub(super) kept: bool,
}

/// Makes the target's rows of the range as the policy says.
pub(super) async fn apply(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
    meter: &Meter,
) -> Result<Applied, StepError> {
    if let Some(equal) = equal(context, source, target, plan, range).await? {
        let rows = whole(equal);
        meter.add(Counts { rows, unchanged: rows, ..Counts::default() });
        return Ok(Applied { deferred: 0, equal: Some(equal), kept: true });
    }
    let (mut deferred, mut kept, mut skipped, mut rows) = (0, true, 0, 0);
    let mut comparison = Comparison::new(&plan.shape, range, context.hash());
    while let Some(page) = comparison.next(source, target).await? {
        rows += page.rows;
        let written = write(context, source, target, plan, page).await?;
        meter.add(written.counts);
        deferred += written.deferred;
        skipped += written.counts.skipped;
        kept &= written.kept;
    }
    // Each row of the source has been seen on the target, as it is, by whoever has the range in
    // hand; if there is none besides, nothing is left to compare.
    let equal = (kept && skipped == 0 && comparison.extra_rows() == Some(0)).then_some(rows);
    Ok(Applied { deferred, equal, kept })
}

/// How many rows each side has, if both checksums are equal.
async fn equal(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<Option<u64>, StepError> {
    let found = digests(source, target, &plan.shape, range, context.hash()).await?;
    Ok(found.filter(|(left, right)| left == right).map(|(left, _)| left.rows))
}

/// What came of a page.
struct Written {
    counts: Counts,
    /// Rows that were left out since another row holds their unique value.
    deferred: u64,
    /// Whether the target was seen to have each row of the page as the policy promises.
    kept: bool,
}

async fn write(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    page: Page,
) -> Result<Written, StepError> {
    let mut counts = Counts {
        rows: whole(page.rows),
        bytes: whole(page.bytes),
        unchanged: whole(page.unchanged),
        ..Counts::default()
    };
    let updates = match context.spec().policy {
        ConflictPolicy::SourceFirst => page.differing,
        ConflictPolicy::TargetFirst => {
            counts.skipped = whole(page.differing.len());
            Vec::new()
        }
    };
    if updates.is_empty() && page.missing.is_empty() {
        return Ok(Written { kept: true, counts, deferred: 0 });
    }
    target.begin().await?;
    let not_updated = match updates.is_empty() {
        true => 0,
        false => target.update(&plan.shape, &updates).await?.len(),
    };
    let not_inserted = match page.missing.is_empty() {
        true => 0,
        false => target.insert(&plan.shape, &page.missing).await?.len(),
    };
    let deferred = counted(not_updated + not_inserted);
    if deferred > 0 && !plan.can_clash() {
        target.rollback().await?;
        return Err(clash(plan, deferred).into());
    }
    let rows = [updates, page.missing];
    let is_equal = match &page.span {
        Some(span) if deferred == 0 && counts.skipped == 0 => {
            equal(context, source, target, plan, span).await?.is_some()
        }
        _ => false,
    };
    let mut kept = is_equal || deferred == 0 && is_there(target, plan, &rows).await?;
    if !kept && deferred == 0 && plan.shape.computed().next().is_some() {
        compute_anew(target, plan, &rows).await?;
        kept = is_there(target, plan, &rows).await?;
    }
    context.commit(target).await?;
    counts.updated = whole(rows[0].len() - not_updated);
    counts.inserted = whole(rows[1].len() - not_inserted);
    Ok(Written { counts, deferred, kept })
}

/// Whether the target has these rows now, to the byte: a trigger of it may have changed them.
async fn is_there(target: &mut dyn Writer, plan: &TablePlan, rows: &[Vec<Row>]) -> Result<bool, StepError> {
    let rows: Vec<&Row> = rows.iter().flatten().collect();
    let keys: Vec<KeyTuple> = rows.iter().filter_map(|row| plan.shape.key_of(row)).collect();
    let found = target.fetch(&plan.shape, &keys, Columns::Stored).await?;
    Ok(rows.len() == found.len()
        && rows.into_iter().zip(&found).all(|(row, there)| there.as_ref() == Some(row)))
}

/// Puts rows anew for which the target has computed other values before: an update that changes
/// nothing computes nothing anew (MariaDB). Fails by the first for which it still does.
async fn compute_anew(target: &mut dyn Writer, plan: &TablePlan, rows: &[Vec<Row>]) -> Result<(), StepError> {
    let table = &plan.shape;
    let rows: Vec<Row> = rows.iter().flatten().cloned().collect();
    let stale = miscomputed(target, plan, &rows).await?;
    if stale.is_empty() {
        return Ok(());
    }
    let (keys, rows): (Vec<KeyTuple>, Vec<Row>) = stale.into_iter().map(|(key, row, _)| (key, row)).unzip();
    target.delete(table, &keys).await?;
    let clashes = target.insert(table, &rows).await?.len();
    if let Some((key, _, column)) = miscomputed(target, plan, &rows).await?.into_iter().next() {
        target.rollback().await?;
        return Err(named::computed(table, &[&column], Some(&key)).into());
    }
    if clashes > 0 {
        target.rollback().await?;
        return Err(clash(plan, counted(clashes)).into());
    }
    Ok(())
}

/// Rows that the target has as they are, but for a value that it has computed, with that column.
async fn miscomputed(
    target: &mut dyn Writer,
    plan: &TablePlan,
    rows: &[Row],
) -> Result<Vec<(KeyTuple, Row, String)>, StepError> {
    let table = &plan.shape;
    let keys: Vec<KeyTuple> = rows.iter().filter_map(|row| table.key_of(row)).collect();
    let found = target.fetch(table, &keys, Columns::Stored).await?;
    let mut stale = Vec::new();
    for ((row, there), key) in rows.iter().zip(&found).zip(keys) {
        let Some(there) = there else { continue };
        let at = row.0.iter().zip(&there.0).position(|(ours, theirs)| ours != theirs);
        let column = at.and_then(|at| table.proven().nth(at)).filter(|column| column.generated);
        stale.extend(column.map(|column| (key, row.clone(), column.name.clone())));
    }
    Ok(stale)
}

/// Rows clash although nothing that this job knows of can be in their way.
pub(super) fn clash(plan: &TablePlan, rows: u64) -> Failure {
    Failure::transient(
        FailureCode::DuplicateKey,
        format!("table {}: {rows} rows met rows of the same unique key on the target", plan.shape.name),
    )
    .with_hint(
        "the rows are there already, or somebody else writes to the target; it is tried again by itself",
    )
}
