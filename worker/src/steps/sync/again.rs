//! What a job that starts again from a new snapshot does first.
//!
//! Rows of the lost snapshot must not stay beside those of the new one. A table that the job
//! creates or fills held no row before it, so it is emptied; in all others rows are compared with
//! the new snapshot anyway. Before that every attempt under the lost snapshot is over: its lease
//! has had the time to lapse, and its sessions are ended.

use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::step::TableMode;

use crate::steps::attempt::{lock_name, lock_names};
use crate::steps::error::StepError;
use crate::steps::snapshot::Undo;
use crate::steps::sync::context::Context;

/// Empties the tables that the job has begun to load.
pub(super) struct Emptying(pub(super) Context);

#[async_trait]
impl Undo for Emptying {
    async fn undo(&self, lease: Duration) -> Result<(), StepError> {
        empty_what_was_loaded(&self.0, lease).await
    }
}

async fn empty_what_was_loaded(context: &Context, lease: Duration) -> Result<(), StepError> {
    tokio::time::sleep(lease).await;
    let names: Vec<String> = context.step_ids().await?.into_iter().flat_map(lock_names).collect();
    let mut target = context.target_writer().await?;
    // Its own lock is among them, and held by this very session.
    let own = lock_name(context.step().lease.step_id);
    let others: Vec<String> = names.into_iter().filter(|name| *name != own).collect();
    target.fence(&others).await?;
    for plan in context.plans(None).await? {
        if matches!(plan.mode, TableMode::Create | TableMode::Fill) {
            context.check_lease()?;
            target.empty(&plan.shape).await?;
        }
    }
    Ok(())
}
