//! The steps of a sync: one verb a file.
//!
//! `plan` lays out the others, `snapshot` fixes the point that all read; rows come by `copy`, `diff`
//! and `replace`, go by `prune`, and are brought to an end by `reconcile`, `index`, `foreign_keys`
//! and `verify`; of many small tables all of that but the foreign keys is done by `together`.

mod again;
mod area;
mod bereft;
mod compare;
mod confirm;
mod context;
mod copy;
mod diff;
mod doubt;
mod foreign_keys;
mod index;
mod next_number;
mod places;
mod plan;
mod prune;
mod reconcile;
mod records;
mod replace;
mod table;
mod together;
mod verify;

#[cfg(test)]
pub(super) use self::plan::fake;

use std::sync::Arc;

use async_trait::async_trait;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::job::Job;
use longshore_shared::domain::step::{Outcome, StepKind};
use longshore_shared::domain::sync::SyncSpec;

use self::again::Emptying;
use self::context::{Context, both};
use super::attempt::{Attempt, WorkerResources, misplaced};
use super::error::StepError;
use super::family::{Family, Leader, Wanted};
use super::snapshot::{Fixing, Keeping, Snapshot};
use super::snapshot_share::SnapshotShare;

/// Runs of a sync task.
pub(super) struct SyncJob(pub(super) SyncSpec);

#[async_trait]
impl Family for SyncJob {
    async fn wanted(&self, attempt: &Arc<Attempt>) -> Result<Option<Wanted>, StepError> {
        let (source, target) = both(attempt).await?;
        confirm::confirm(attempt, &target.connection).await?;
        let area = area::wanted(attempt, &self.0, (&source, &target)).await?;
        Ok(Some(Wanted { area, busy: self.0.target_busy }))
    }

    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError> {
        let context = Context::load(attempt, self.0.clone()).await?;
        match attempt.step().kind {
            StepKind::Plan => Box::pin(plan::run(&context)).await,
            StepKind::Copy => Box::pin(copy::run(&context)).await,
            StepKind::Diff => Box::pin(diff::run(&context)).await,
            StepKind::Prune => Box::pin(prune::run(&context)).await,
            StepKind::Reconcile => Box::pin(reconcile::run(&context)).await,
            StepKind::Replace => Box::pin(replace::run(&context)).await,
            StepKind::Together => Box::pin(together::run(&context)).await,
            StepKind::Index => Box::pin(index::run(&context)).await,
            StepKind::ForeignKeys => Box::pin(foreign_keys::run(&context)).await,
            StepKind::Verify => Box::pin(verify::run(&context)).await,
            kind @ (StepKind::Snapshot
            | StepKind::DumpPlan
            | StepKind::Dump
            | StepKind::DumpEnd
            | StepKind::CheckPlan
            | StepKind::CheckParts
            | StepKind::CheckEnd
            | StepKind::ProbePlan
            | StepKind::ProbeEnlist
            | StepKind::Probe
            | StepKind::ConnectionTest
            | StepKind::ConnectionRecheck) => Err(misplaced(kind).into()),
        }
    }

    async fn leader(&self, attempt: &Arc<Attempt>) -> Result<Option<Box<dyn Leader>>, StepError> {
        if attempt.step().kind != StepKind::Snapshot {
            return Ok(None);
        }
        let context = Context::load(attempt, self.0.clone()).await?;
        let tables = context.plans(None).await?.into_iter().map(|plan| plan.shape).collect();
        let source = context.source_side();
        let fixing = Fixing::begin(attempt, &source, tables, Keeping::Nothing, Box::new(Emptying(context)));
        Ok(Some(Box::new(fixing)))
    }

    fn sessions_to_hold(&self, permits: u32) -> i16 {
        i16::try_from(permits).unwrap_or(i16::MAX)
    }

    async fn hold(
        &self,
        resources: WorkerResources,
        job: Job,
        worker_id: WorkerId,
        sessions: i16,
    ) -> Result<SnapshotShare, StepError> {
        Ok(SnapshotShare::Snapshot(Snapshot::open(resources, job, worker_id, sessions).await?))
    }
}
