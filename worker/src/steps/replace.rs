//! `replace`: empties a table without a key and loads it anew.
//!
//! Idempotent: deletion and load are one transaction, so it happens or not, and twice is
//! the same as once. Cancelled: the server takes the transaction back; readers of the
//! target see the old rows until the commit.

use longshore_shared::domain::step::{Counts, Outcome};

use super::context::Context;
use super::error::StepError;
use super::prune::too_many;
use crate::engine::shape::Range;
use crate::transfer::{pump, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let table = context.table().await?.shape;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.freeze().await?;
    target.begin().await?;
    let deleted = target.delete_all(&table).await?;
    let inserted = pump(&mut *source, &mut *target, &table, &Range::ALL, context.meter()).await?;
    source.thaw().await?;
    // Nobody can tell which rows went; so many fewer there are.
    let fewer = deleted.saturating_sub(inserted);
    if !context.spec().may_delete(fewer, deleted) {
        target.rollback().await?;
        return Err(too_many(context.spec(), &table.name, fewer, deleted).into());
    }
    context.commit(&mut *target).await?;
    context.meter().add(Counts { deleted: whole(deleted), inserted: whole(inserted), ..Counts::default() });
    Ok(Outcome::default())
}
