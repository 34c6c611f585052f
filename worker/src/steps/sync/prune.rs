//! `prune`: deletes, in one range of the target, the rows that the source does not have.
//!
//! Before, every range of the table is counted by a step of its own, so that a run which would
//! delete more than its task allows deletes nothing.
//! Idempotent: a deleted row is not found again. Pages are deleted each in a transaction
//! of its own. Cancelled: the open page's transaction is taken back by the server; pages
//! before it stay deleted (the table is `partial`).

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Counts, Outcome, StepKind};
use longshore_shared::domain::sync::SyncSpec;

use super::compare::{PAGE_ROWS, digests};
use super::table::{Counted, PrunePayload};
use crate::engine::shape::{KeyTuple, Range, Row, TableShape};
use crate::engine::{Columns, Reader, Writer};
use crate::steps::attempt::{read, written};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::{self, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let table = context.table().await?.shape;
    let PrunePayload { range, counts } = context.payload()?;
    if counts {
        let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_reader())?;
        source.begin_snapshot(None).await?;
        let counted = count(context, &mut *source, &mut *target, &table, range).await?;
        source.end_snapshot().await?;
        return Ok(Outcome { detail: written(&counted)?, ..Outcome::default() });
    }
    let counted = context.details(&[StepKind::Prune]).await?;
    let counted: Vec<Counted> =
        // What has deleted already tells nothing.
        counted.iter().filter(|told| !told.is_null()).map(|told| read(told, "outcome")).collect::<Result<_, Failure>>()?;
    guard(context.spec(), &table, &counted)?;
    if counted.iter().any(|counted| counted.range == range && counted.extra == 0) {
        return Ok(Outcome::default());
    }
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.begin_snapshot(None).await?;
    delete(context, &mut *source, &mut *target, &table, &range).await?;
    source.end_snapshot().await?;
    Ok(Outcome::default())
}

/// Counts, and then deletes, in a table of one range, by sessions that are open.
pub(super) async fn all(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    table: &TableShape,
) -> Result<(), StepError> {
    let counted = count(context, source, target, table, Range::ALL).await?;
    guard(context.spec(), table, std::slice::from_ref(&counted))?;
    if counted.extra > 0 {
        delete(context, source, target, table, &Range::ALL).await?;
    }
    Ok(())
}

/// Refuses to delete more than the task allows, whatever range asks first.
fn guard(spec: &SyncSpec, table: &TableShape, counted: &[Counted]) -> Result<(), Failure> {
    let sum = |of: fn(&Counted) -> u64| counted.iter().map(of).sum::<u64>();
    let (extra, rows) = (sum(|counted| counted.extra), sum(|counted| counted.rows));
    if spec.may_delete(extra, rows) {
        return Ok(());
    }
    Err(too_many(spec, &table.name, extra, rows))
}

/// A run would delete more than its task allows.
pub(super) fn too_many(spec: &SyncSpec, table: &str, extra: u64, rows: u64) -> Failure {
    Failure::permanent(
        FailureCode::TooManyDeletes,
        format!(
            "table {table}: the source does not have {extra} of the target's {rows} rows, and the task deletes at \
             most {} % of a table; nothing of it was deleted",
            spec.max_delete_percent
        ),
    )
}

async fn count(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
    range: Range,
) -> Result<Counted, StepError> {
    let digests = digests(source, target, table, &range, context.hash()).await?;
    let mut counted = Counted { range, rows: 0, extra: 0 };
    match digests {
        Some((ours, theirs)) if ours == theirs => counted.rows = theirs.rows,
        _ => {
            let mut after = None;
            while let Some(page) = page(source, target, table, &counted.range, after).await? {
                counted.rows += transfer::counted(page.rows);
                counted.extra += transfer::counted(page.extra.len());
                after = Some(page.last);
            }
        }
    }
    Ok(counted)
}

async fn delete(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    table: &TableShape,
    range: &Range,
) -> Result<(), StepError> {
    let mut after = None;
    while let Some(page) = page(source, target, table, range, after).await? {
        if !page.extra.is_empty() {
            target.begin().await?;
            let deleted = target.delete(table, &page.extra).await?;
            context.commit(target).await?;
            context.meter().add(Counts { deleted: whole(deleted), ..Counts::default() });
        }
        after = Some(page.last);
    }
    Ok(())
}

/// Some rows of the target.
struct Page {
    rows: usize,
    /// Keys that the source does not have.
    extra: Vec<KeyTuple>,
    last: KeyTuple,
}

async fn page(
    source: &mut dyn Reader,
    target: &mut dyn Reader,
    table: &TableShape,
    range: &Range,
    after: Option<KeyTuple>,
) -> Result<Option<Page>, Failure> {
    let rows = target.page(table, range, after.as_ref(), PAGE_ROWS, Columns::Key).await?;
    let keys: Vec<KeyTuple> = rows.into_iter().filter_map(key).collect();
    let Some(last) = keys.last().cloned() else { return Ok(None) };
    let found = source.fetch(table, &keys, Columns::Key).await?;
    let rows = keys.len();
    let extra =
        keys.into_iter().zip(found).filter(|(_, there)| there.is_none()).map(|(key, _)| key).collect();
    Ok(Some(Page { rows, extra, last }))
}

fn key(row: Row) -> Option<KeyTuple> {
    row.0.into_iter().collect::<Option<Vec<_>>>().map(KeyTuple)
}

#[cfg(test)]
mod tests {
    use super::super::plan::fake;
    use super::*;

    #[test]
    fn how_much_may_be_deleted() {
        let counted = |extra, rows| Counted { range: Range::ALL, rows, extra };
        for (percent, confirmed, counts, refused) in [
            (50, false, &[(0, 0)][..], false),
            (50, false, &[(50, 100)], false),
            (50, false, &[(51, 100)], true),
            // Of the whole table, not of a range.
            (50, false, &[(10, 10), (0, 90)], false),
            (50, false, &[(10, 10), (45, 90)], true),
            (0, false, &[(1, 1_000_000)], true),
            (0, true, &[(1, 1)], false),
            (100, false, &[(1, 1)], false),
            (50, false, &[], false),
        ] {
            let spec = SyncSpec { max_delete_percent: percent, deletes_confirmed: confirmed, ..fake::spec() };
            let counted: Vec<_> = counts.iter().map(|(extra, rows)| counted(*extra, *rows)).collect();
            let answer = guard(&spec, &fake::shape("t"), &counted);
            assert_eq!(answer.is_err(), refused, "{percent} {confirmed} {counts:?}");
        }
    }
}
