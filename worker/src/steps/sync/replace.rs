//! `replace`: makes a table without a key hold the source's rows: one that does already is left
//! alone, any other is emptied and loaded anew.
//!
//! Idempotent: deletion and load are one transaction, so it happens or not, and twice is
//! the same as once. Cancelled: the server takes the transaction back; readers of the
//! target see the old rows until the commit.

use longshore_shared::domain::step::{Counts, Outcome};

use super::bereft;
use super::compare::digests;
use super::doubt;
use super::prune::too_many;
use super::table::{Bystander, DiffDetail, ReplacePayload};
use crate::engine::shape::{Range, TableShape};
use crate::engine::{Hash, Loaded, Reader, Writer};
use crate::steps::attempt::written;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::{pump, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let table = context.table().await?.shape;
    let ReplacePayload { bystanders } = context.payload()?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.begin_snapshot(None).await?;
    let equal = all(context, &mut *source, &mut *target, &table, &bystanders).await?;
    source.end_snapshot().await?;
    // Tells the verification how many rows both sides were seen to have alike.
    let detail = DiffDetail { equal, kept: equal.is_some(), ..DiffDetail::default() };
    Ok(Outcome { detail: written(&detail)?, ..Outcome::default() })
}

/// Makes the table hold the source's rows, by sessions that are open; answers how many both sides have if they
/// were alike already.
pub(super) async fn all(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    table: &TableShape,
    bystanders: &[Bystander],
) -> Result<Option<u64>, StepError> {
    let found = digests(source, target, table, &Range::ALL, Hash::Strong).await?;
    if let Some((left, _)) = found.filter(|(left, right)| left == right) {
        let rows = whole(left.rows);
        context.meter().add(Counts { rows, unchanged: rows, ..Counts::default() });
        return Ok(Some(left.rows));
    }
    target.begin().await?;
    let before = bereft::missing(target, bystanders).await?;
    let deleted = target.delete_all(table).await?;
    let Loaded { rows: inserted, doubt } = pump(source, target, table, &Range::ALL, context.meter()).await?;
    doubt::settle(source, target, table, &Range::ALL, doubt).await?;
    // Nobody can tell which rows went; so many fewer there are.
    let fewer = deleted.saturating_sub(inserted);
    if !context.spec().may_delete(fewer, deleted) {
        target.rollback().await?;
        return Err(too_many(context.spec(), &table.name, fewer, deleted).into());
    }
    if let Err(failure) = bereft::check_replaced(target, bystanders, &before).await {
        target.rollback().await?;
        return Err(failure.into());
    }
    context.commit(target).await?;
    context.meter().add(Counts { deleted: whole(deleted), inserted: whole(inserted), ..Counts::default() });
    Ok(None)
}
