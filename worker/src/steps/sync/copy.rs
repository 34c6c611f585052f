//! `copy`: loads one range of a table into a target that held no rows when the job was
//! planned.
//!
//! Idempotent: the first attempt is one transaction; a repeated one cannot know whether
//! a former one committed, so it looks: an empty range is loaded, any other is compared
//! and completed, and a table without a key (one range, empty before the job) is emptied
//! and loaded in one transaction. The session's hold ends a former attempt that still
//! runs on the server.
//! A small table's one step also builds its indexes and compares the two sides, in the sessions that
//! it has: for thousands of them logins would cost more than rows. Both can be done twice.
//! Cancelled: the session ends, the server takes the open transaction back; a repeated
//! attempt leaves whole pages behind, which the next one finds.

use longshore_shared::domain::step::{Counts, Outcome};

use super::table::{CopyPayload, DiffDetail, TablePlan};
use super::{diff, doubt, index};
use crate::engine::shape::{Digest, Range};
use crate::engine::{Columns, Loaded, Reader, Writer};
use crate::steps::attempt::written;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::{Meter, pump, whole};

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    let CopyPayload { range, finishes } = context.payload()?;
    let (mut source, mut target) = futures::try_join!(context.source_reader(), context.target_writer())?;
    source.begin_snapshot(None).await?;
    rows(context, &mut *source, &mut *target, &plan, &range).await?;
    let expected = match finishes {
        true => Some(source.digest(&plan.shape, &range, context.hash()).await?),
        false => None,
    };
    source.end_snapshot().await?;
    match expected {
        Some(expected) => finish(context, &mut *target, &plan, range, expected).await,
        None => Ok(Outcome::default()),
    }
}

/// Has the target hold the range's rows, committed.
pub(super) async fn rows(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<(), StepError> {
    let is_begun =
        context.is_repeated() && plan.shape.key.is_some() && !is_empty(target, plan, range).await?;
    if is_begun {
        return complete(context, source, target, plan, range).await;
    }
    let rows = load(context, source, target, plan, range).await?;
    context.commit(target).await?;
    context.meter().add(Counts { inserted: whole(rows), ..Counts::default() });
    Ok(())
}

/// Does what else there is to do for a small table whose rows are all there.
async fn finish(
    context: &Context,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: Range,
    expected: Digest,
) -> Result<Outcome, StepError> {
    index::build(target, plan).await?;
    let found = target.digest(&plan.shape, &range, context.hash()).await?;
    // What is not equal is left to the verification, which says what differs.
    let equal = (found == expected).then_some(expected.rows);
    let detail = written(&DiffDetail { deferred: 0, equal, kept: equal.is_some(), range })?;
    Ok(Outcome { detail, ..Outcome::default() })
}

/// Whether the target surely holds no row of the range: a former attempt did not commit.
async fn is_empty(target: &mut dyn Writer, plan: &TablePlan, range: &Range) -> Result<bool, StepError> {
    if !plan.shape.key.as_ref().is_some_and(|key| key.same_order) {
        return Ok(false);
    }
    Ok(target.page(&plan.shape, range, None, 1, Columns::Key).await?.is_empty())
}

/// Loads everything in one transaction, which stays open; answers how many rows.
async fn load(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<u64, StepError> {
    target.begin().await?;
    if context.is_repeated() && plan.shape.key.is_none() {
        // A table without a key is one chunk: whatever is there is a former attempt's.
        target.delete_all(&plan.shape).await?;
    }
    let Loaded { rows, doubt } = pump(source, target, &plan.shape, range, context.meter()).await?;
    doubt::settle(source, target, &plan.shape, range, doubt).await?;
    Ok(rows)
}

/// Adds what a former attempt did not.
async fn complete(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
    range: &Range,
) -> Result<(), StepError> {
    let before = Meter::default();
    let deferred = diff::apply(context, source, target, plan, range, &before).await?.deferred;
    if deferred > 0 {
        return Err(diff::clash(plan, deferred).into());
    }
    // What is equal already was inserted by a former attempt of this very step.
    let found = before.counts();
    context.meter().add(Counts { inserted: found.inserted + found.unchanged, unchanged: 0, ..found });
    Ok(())
}
