//! The steps of a backup: one verb a file.
//!
//! `plan` looks at the source and lays out the others, the sync's `snapshot` fixes the one point, `dump`
//! streams ranges of rows into parts of the package, and `end` proves that all of them are there and writes
//! the manifest, which makes the package one. Nothing of a target is touched.

mod dump;
mod end;
mod layout;
mod packing;
mod plan;
mod rights;
mod select;
mod table;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::backup::BackupSpec;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::job::Job;
use longshore_shared::domain::step::{Outcome, StepKind};

use self::table::DumpPlan;
use super::attempt::{Attempt, Side, WorkerResources, misplaced, read};
use super::error::StepError;
use super::family::{Family, Leader};
use super::secrets::gone;
use super::snapshot::{Fixing, Keeping, Snapshot, Undo};
use super::snapshot_share::SnapshotShare;

/// Backups of a connection's database.
pub(super) struct BackupJob(pub(super) BackupSpec);

#[async_trait]
impl Family for BackupJob {
    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError> {
        match attempt.step().kind {
            StepKind::DumpPlan => Box::pin(plan::run(attempt, &self.0)).await,
            StepKind::Dump => Box::pin(dump::run(attempt, &self.0)).await,
            StepKind::DumpEnd => Box::pin(end::run(attempt, &self.0)).await,
            kind @ (StepKind::Plan
            | StepKind::Snapshot
            | StepKind::Copy
            | StepKind::Diff
            | StepKind::Prune
            | StepKind::Reconcile
            | StepKind::Replace
            | StepKind::Together
            | StepKind::Index
            | StepKind::ForeignKeys
            | StepKind::Verify
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
        let source = source(attempt).await?;
        let tables = plans(attempt).await?.into_iter().map(|(_, plan)| plan.shape).collect();
        Ok(Some(Box::new(Fixing::begin(attempt, &source, tables, Keeping::Position, Box::new(Nothing)))))
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

/// Parts of a lost point lie under names that no manifest will hold: the sweep removes them.
struct Nothing;

#[async_trait]
impl Undo for Nothing {
    async fn undo(&self, _: Duration) -> Result<(), StepError> {
        Ok(())
    }
}

/// The database that is backed up.
async fn source(attempt: &Attempt) -> Result<Arc<Side>, StepError> {
    let source = attempt.sides().await?.source.clone();
    Ok(source.ok_or_else(|| gone("source"))?)
}

/// The plans of the job's tables, with their numbers.
async fn plans(attempt: &Attempt) -> Result<Vec<(i32, DumpPlan)>, StepError> {
    let found = attempt.table_plans().await?;
    found.into_iter().map(|(number, plan)| Ok((number, read(&plan, "plan")?))).collect()
}
