//! Everything that the store knows of a job, as of one moment.

use longshore_shared::domain::id::JobId;
use longshore_shared::domain::job::{Job, WaitReason};
use longshore_shared::store::job_tables::{TableProgress, TableSum};
use longshore_shared::store::step_reports::{KindSum, StepUnderWay};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, words};

/// Everything that the store knows of a job, as of one moment.
#[derive(Clone, Debug)]
pub(crate) struct JobSnapshot {
    /// The job.
    pub(crate) job: Job,
    /// Its tables; of those that travel with others, of very many only some.
    pub(crate) tables: Vec<TableProgress>,
    /// The others, summed up.
    pub(crate) rest: Vec<TableSum>,
    /// Its steps that workers hold.
    pub(crate) running: Vec<StepUnderWay>,
    /// Its steps by table and kind.
    pub(crate) kinds: Vec<KindSum>,
    /// The names of its open stages.
    pub(crate) phases: Vec<String>,
    /// Its workers and their chunks.
    pub(crate) workers: Vec<(String, i64)>,
    /// What it waits for.
    pub(crate) waiting_for: Option<WaitView>,
}

/// Why a job does nothing just now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
#[schema(as = JobWait)]
pub(crate) struct WaitView {
    #[schema(schema_with = words::<WaitReason>)]
    pub(super) reason: Word<WaitReason>,
    /// The job whose end it waits for, if it is one of the same organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
}

impl WaitView {
    /// The run of its task before it, if it waits for that.
    pub(super) fn of(job: &Job) -> Option<Self> {
        let behind = job.queued_behind.filter(|_| !job.state.is_final())?;
        Some(Self { reason: Word(WaitReason::RunInProgress), job_id: Some(behind.0) })
    }

    /// Another job writes the target.
    pub(crate) fn for_target(holder: Option<JobId>) -> Self {
        Self { reason: Word(WaitReason::TargetBusy), job_id: holder.map(|id| id.0) }
    }
}
