//! A new job: its row, its first step and the message it owes, in the caller's transaction.

use chrono::{DateTime, Utc};

use super::WorkflowError;
use super::limits::let_out_within;
use super::queue::{self, Slot};
use crate::bus::StepMessage;
use crate::clock;
use crate::domain::connection_test::TestSpec;
use crate::domain::id::{ConnectionId, JobId, OrgId, StepId, TokenId};
use crate::domain::job::{Job, JobSpec, JobState, Trigger};
use crate::domain::probe::ProbeSpec;
use crate::domain::step::StepKind;
use crate::domain::sync::Overlap;
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::{Announcement, Owed};
use crate::store::sync_tasks::SyncTask;
use crate::store::{Conn, StoreError, job_log, jobs, steps};

/// A submitted job and what to publish once the transaction is committed.
#[derive(Debug)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// Outbox rows to publish after the commit.
    pub owed: Vec<Owed>,
}

/// Submits a run of a sync task. `token` is the person's who asks, `due_at` the schedule's due
/// time when it is one. A task that queues gets a job that waits for the run that has not ended; a due time takes
/// the place of an earlier one that waits.
///
/// Errors: [`WorkflowError::RunInProgress`], [`WorkflowError::AlreadyFired`], after which
/// the transaction is spoilt and must be rolled back; [`WorkflowError::RunQueued`].
pub async fn sync_run(
    conn: &mut Conn,
    task: &SyncTask,
    trigger: Trigger,
    token: Option<TokenId>,
    due_at: Option<DateTime<Utc>>,
    trace: Option<&str>,
) -> Result<Submitted, WorkflowError> {
    let place = match task.overlap {
        Overlap::Skip => Slot::Free,
        Overlap::Queue => queue::place(conn, task.org_id, task.id).await?,
    };
    let queued_behind = match (place, due_at) {
        (Slot::Free, _) => None,
        (Slot::Behind(active), _) => Some(active),
        (Slot::Full(queued, active), Some(due_at)) if queued.trigger == Trigger::Schedule => {
            queue::overtake(conn, task.org_id, &queued, due_at).await?;
            let job = Job { id: queued.id, queued_behind: Some(active), ..fresh_run(task, trigger) };
            return Ok(Submitted { job: Job { due_at: Some(due_at), ..job }, owed: Vec::new() });
        }
        (Slot::Full(queued, _), _) => return Err(WorkflowError::RunQueued(queued.id)),
    };
    accept(conn, Job { due_at, queued_behind, ..fresh_run(task, trigger) }, token, trace).await
}

fn fresh_run(task: &SyncTask, trigger: Trigger) -> Job {
    Job {
        task_id: Some(task.id),
        source_id: Some(task.source_id),
        target_id: Some(task.target_id),
        ..fresh(task.org_id, JobSpec::Sync(task.spec.clone()), trigger)
    }
}

/// Submits a probe of the fleet.
pub async fn probe(
    conn: &mut Conn,
    org_id: OrgId,
    spec: ProbeSpec,
    trace: Option<&str>,
) -> Result<Submitted, WorkflowError> {
    accept(conn, fresh(org_id, JobSpec::Probe(spec), Trigger::Person), None, trace).await
}

/// Submits a test of a connection: of a saved one, or of the spec's draft, whose secrets are
/// then to be stored under the job in the same transaction.
pub async fn connection_test(
    conn: &mut Conn,
    org_id: OrgId,
    spec: TestSpec,
    saved: Option<ConnectionId>,
    trigger: Trigger,
    token: Option<TokenId>,
    trace: Option<&str>,
) -> Result<Submitted, WorkflowError> {
    let job = fresh(org_id, JobSpec::ConnectionTest(spec), trigger);
    accept(conn, Job { source_id: saved, ..job }, token, trace).await
}

fn fresh(org_id: OrgId, spec: JobSpec, trigger: Trigger) -> Job {
    Job {
        org_id,
        id: JobId(clock::fresh_id()),
        state: JobState::Pending,
        task_id: None,
        source_id: None,
        target_id: None,
        spec,
        trigger,
        due_at: None,
        queued_behind: None,
        ending: None,
        warnings: Vec::new(),
        failure: None,
        created_at: clock::now(),
        started_at: None,
        ended_at: None,
    }
}

async fn accept(
    conn: &mut Conn,
    job: Job,
    token: Option<TokenId>,
    trace: Option<&str>,
) -> Result<Submitted, WorkflowError> {
    jobs::insert(conn, &job, trace).await.map_err(|error| match error {
        StoreError::Taken { constraint } if constraint == "jobs_due" => WorkflowError::AlreadyFired,
        StoreError::Taken { constraint } if constraint == "jobs_one_active_run" => {
            WorkflowError::RunInProgress
        }
        other => other.into(),
    })?;
    let told = match job.queued_behind {
        None => "the job was accepted",
        Some(_) => "the job was accepted; it waits for the run before it",
    };
    let told = match token {
        Some(token) => format!("{told}; it was asked for with the token {token}"),
        None => told.to_owned(),
    };
    job_log::add(conn, job.org_id, job.id, "info", &told, None, None).await?;
    let owed = match job.queued_behind {
        None => {
            let first = StepKind::first_of(job.spec.kind(), job.trigger);
            match first_step(conn, job.org_id, job.id, first, trace, 0.0).await? {
                Some(owed) => owed,
                None => let_out_within(conn, job.org_id).await?,
            }
        }
        Some(_) => Vec::new(),
    };
    reach(Failpoint::SubmitBeforeCommit).await?;
    Ok(Submitted { job, owed })
}

/// The job's first step, announced (where a limit holds it waits, and this is `None`);
/// published by the caller, or after `pause_seconds` by
/// the sweep.
pub(super) async fn first_step(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    kind: StepKind,
    trace: Option<&str>,
    pause_seconds: f64,
) -> Result<Option<Vec<Owed>>, StoreError> {
    let id = StepId(clock::fresh_id());
    let body = serde_json::to_value(StepMessage::new(org_id, job_id, id, kind.as_str(), trace))?;
    let first = Announcement { step_id: id, queue: kind.traits().queue, body };
    steps::insert_first(conn, org_id, job_id, kind, &first, pause_seconds).await
}
