//! `reconcile`: writes the rows whose unique values were in each other's way while the
//! table's ranges were compared (two rows that swap a unique value, for one).
//!
//! In one transaction: the rows that still differ are deleted by key, then inserted as
//! the source has them. Referential checks are off in the session, so the deletion
//! cascades nowhere. What clashes even then clashes with a row that the source does not
//! have (or, `target_first`, that is kept): that is the person's to decide.
//! Idempotent: all of it happens or nothing, and what is written is equal afterwards.
//! Cancelled: the server takes the transaction back. Memory grows with the number of
//! rows that clash, by their keys only.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Counts, Outcome, StepKind};
use longshore_shared::domain::sync::ConflictPolicy;

use super::compare::Comparison;
use super::table::{DiffDetail, TablePlan};
use crate::engine::shape::{KeyTuple, Range, Row};
use crate::engine::{Columns, Hash, Reader, Writer, named};
use crate::steps::attempt::read;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::whole;

/// Rows inserted at once, and the bytes that they are to stay below.
const BATCH_ROWS: u64 = 500;
const BATCH_BYTES: u64 = 8 << 20;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    if deferred(context).await? == 0 {
        return Ok(Outcome::default());
    }
    let plan = context.table().await?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.begin_snapshot(None).await?;
    settle(context, &mut *source, &mut *target, &plan).await?;
    source.end_snapshot().await?;
    Ok(Outcome::default())
}

/// Writes what was left out, by sessions that are open.
pub(super) async fn settle(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
) -> Result<(), StepError> {
    target.begin().await?;
    let policy = context.spec().policy;
    let stuck = stuck(source, target, plan, policy, context.hash()).await?;
    write(source, target, plan, &stuck, policy).await?;
    context.commit(target).await?;
    context.meter().add(Counts {
        updated: whole(stuck.there.len()),
        inserted: whole(stuck.missing.len()),
        ..Counts::default()
    });
    Ok(())
}

async fn deferred(context: &Context) -> Result<u64, StepError> {
    let details = context.details(&[StepKind::Diff]).await?;
    let each = details.iter().map(|detail| read::<DiffDetail>(detail, "outcome").map(|d| d.deferred));
    Ok(each.sum::<Result<u64, Failure>>()?)
}

/// Keys of rows that are not yet as the policy wants them.
#[derive(Default)]
struct Stuck {
    /// The target has them with other content.
    there: Vec<KeyTuple>,
    /// The target lacks them.
    missing: Vec<KeyTuple>,
}

async fn stuck(
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    policy: ConflictPolicy,
    hash: Hash,
) -> Result<Stuck, StepError> {
    let mut stuck = Stuck::default();
    let mut comparison = Comparison::new(&plan.shape, &Range::ALL, hash);
    while let Some(page) = comparison.next(source, target).await? {
        let keys = |rows: &[Row]| rows.iter().filter_map(|row| plan.shape.key_of(row)).collect::<Vec<_>>();
        stuck.missing.extend(keys(&page.missing));
        if policy == ConflictPolicy::SourceFirst {
            stuck.there.extend(keys(&page.differing));
        }
    }
    Ok(stuck)
}

async fn write(
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    stuck: &Stuck,
    policy: ConflictPolicy,
) -> Result<(), StepError> {
    let table = &plan.shape;
    let batch = (BATCH_BYTES / table.row_bytes.max(1)).clamp(1, BATCH_ROWS);
    let batch = usize::try_from(batch).unwrap_or(1);
    for keys in stuck.there.chunks(batch) {
        target.delete(table, keys).await?;
    }
    for keys in [stuck.there.as_slice(), &stuck.missing].into_iter().flat_map(|keys| keys.chunks(batch)) {
        let rows: Vec<Row> =
            source.fetch(table, keys, Columns::Stored).await?.into_iter().flatten().collect();
        let clashes = target.insert(table, &rows).await?;
        if let Some(first) = clashes.first() {
            target.rollback().await?;
            let first = rows.get(*first).and_then(|row| table.key_of(row));
            return Err(clash(plan, clashes.len(), first.as_ref(), policy).into());
        }
    }
    Ok(())
}

fn clash(plan: &TablePlan, rows: usize, first: Option<&KeyTuple>, policy: ConflictPolicy) -> Failure {
    let holder = match policy {
        ConflictPolicy::SourceFirst => "a row that only the target has holds the same value",
        ConflictPolicy::TargetFirst => "a row that the target keeps holds the same value",
    };
    let by_beginning = plan.shape.key.iter().filter(|key| key.prefixed).map(|key| &key.name);
    let unique = plan.shape.indexes.iter().filter(|index| index.unique).map(|index| &index.name);
    let unique: Vec<&str> = by_beginning.chain(unique).map(String::as_str).collect();
    let failure = Failure::permanent(
        FailureCode::UniqueClash,
        format!(
            "table {}: at least {rows} rows of the source cannot be written, since in one of its unique keys \
             ({}) {holder}",
            plan.shape.name,
            unique.join(", ")
        ),
    );
    first.map_or_else(|| failure.clone(), |key| named::of_row(&plan.shape, key, None, &failure))
}
