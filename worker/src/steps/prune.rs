//! `prune`: deletes, in one range of the target, the rows that the source does not have.
//!
//! Idempotent: a deleted row is not found again. Pages are deleted each in a transaction
//! of its own. Cancelled: the open page's transaction is taken back by the server; pages
//! before it stay deleted (the table is `partial`).

use longshore_shared::domain::step::{Counts, Outcome};

use super::compare::{PAGE_ROWS, digests};
use super::context::Context;
use super::error::StepError;
use super::table::RangePayload;
use crate::engine::Columns;
use crate::engine::shape::{KeyTuple, Row};
use crate::transfer::whole;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let table = context.table().await?.shape;
    let RangePayload { range } = context.payload()?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.freeze().await?;
    if digests(&mut *source, &mut *target, &table, &range, context.hash())
        .await?
        .is_some_and(|(ours, theirs)| ours == theirs)
    {
        return Ok(Outcome::default());
    }
    let mut after: Option<KeyTuple> = None;
    loop {
        let rows = target.page(&table, &range, after.as_ref(), PAGE_ROWS, Columns::Key).await?;
        let keys: Vec<KeyTuple> = rows.into_iter().filter_map(key).collect();
        let Some(last) = keys.last().cloned() else { break };
        let found = source.fetch(&table, &keys, Columns::Key).await?;
        let extra: Vec<KeyTuple> =
            keys.into_iter().zip(found).filter(|(_, there)| there.is_none()).map(|(key, _)| key).collect();
        if !extra.is_empty() {
            target.begin().await?;
            let deleted = target.delete(&table, &extra).await?;
            context.commit(&mut *target).await?;
            context.meter().add(Counts { deleted: whole(deleted), ..Counts::default() });
        }
        after = Some(last);
    }
    source.thaw().await?;
    Ok(Outcome::default())
}

fn key(row: Row) -> Option<KeyTuple> {
    row.0.into_iter().collect::<Option<Vec<_>>>().map(KeyTuple)
}
