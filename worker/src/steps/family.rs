//! What the runtime asks of a family of jobs, and the one place that finds the family of a job.
//!
//! The runtime claims, leases, locks targets, asks for holders and settles; it knows no family by
//! name. What a family does not say is so for jobs that write nothing and are held by nobody.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::job::{Job, JobSpec};
use longshore_shared::domain::step::Outcome;
use longshore_shared::domain::sync::TargetBusy;
use longshore_shared::domain::target::TargetArea;
use longshore_shared::store::job_holders::Enlisted;
use serde_json::Value;

use super::attempt::{Attempt, WorkerResources};
use super::backup::BackupJob;
use super::backup_check::VerificationJob;
use super::connection_test::ConnectionTestJob;
use super::error::StepError;
use super::probe::ProbeJob;
use super::snapshot_share::SnapshotShare;
use super::sync::SyncJob;

/// The part of a target that a job will write.
pub(crate) struct Wanted {
    /// What it is to be the one writer of.
    pub(crate) area: TargetArea,
    /// What it does if another job is.
    pub(crate) busy: TargetBusy,
}

/// The jobs of one kind.
#[async_trait]
pub(crate) trait Family: Send + Sync {
    /// What the attempt's job will write; asked in its first step, before anything else. `None`: it
    /// writes no target.
    async fn wanted(&self, _attempt: &Arc<Attempt>) -> Result<Option<Wanted>, StepError> {
        Ok(None)
    }

    /// Does the attempt's step, unless it is one that leads.
    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError>;

    /// What the attempt's step brings along to lead holders; `None`: it does not lead.
    async fn leader(&self, _attempt: &Arc<Attempt>) -> Result<Option<Box<dyn Leader>>, StepError> {
        Ok(None)
    }

    /// Sessions that a worker with so many permits asks for to hold for such a job.
    fn sessions_to_hold(&self, _permits: u32) -> i16 {
        0
    }

    /// Gets ready to hold for the job: what takes long and fixes nothing.
    async fn hold(
        &self,
        _resources: WorkerResources,
        _job: Job,
        _worker_id: WorkerId,
        _sessions: i16,
    ) -> Result<SnapshotShare, StepError> {
        Ok(SnapshotShare::token())
    }
}

/// What a step that leads does, while the runtime asks for holders and tells them the point.
#[async_trait]
pub(crate) trait Leader: Send {
    /// How many holders it asks for at most.
    fn wanted(&self) -> Result<u32, Failure>;

    /// The job starts again with other holders. `lease`: what a worker that nobody hears may still
    /// believe in.
    async fn restart(&mut self, _lease: Duration) -> Result<(), StepError> {
        Ok(())
    }

    /// The next point, for these holders.
    async fn point(&mut self, enlisted: &[Enlisted]) -> Result<Value, StepError>;

    /// Whether the point stands, now that these hold it or have not told.
    async fn stands(&mut self, _enlisted: &[Enlisted]) -> Result<bool, StepError> {
        Ok(true)
    }

    /// It is settled who holds the point.
    async fn end(&mut self, _holders: &[WorkerId]) -> Result<Fixed, StepError> {
        Ok(Fixed::default())
    }
}

/// What a step that led leaves to its job.
#[derive(Default)]
pub(crate) struct Fixed {
    /// What a reader of the job should know.
    pub(crate) warning: Option<String>,
    /// What later steps should know of the point; the family's.
    pub(crate) point: Value,
}

/// The family of a job that asks for this.
pub(crate) fn family(spec: &JobSpec) -> Box<dyn Family> {
    match spec {
        JobSpec::Sync(spec) => Box::new(SyncJob(spec.clone())),
        JobSpec::Probe(spec) => Box::new(ProbeJob(*spec)),
        JobSpec::ConnectionTest(spec) => Box::new(ConnectionTestJob(spec.clone())),
        JobSpec::Backup(spec) => Box::new(BackupJob(spec.clone())),
        JobSpec::BackupVerification(spec) => Box::new(VerificationJob(*spec)),
    }
}
