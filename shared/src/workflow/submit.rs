//! A new job: its row, its first step and the message it owes, in the caller's transaction.

use chrono::{DateTime, Utc};

use super::WorkflowError;
use super::first::first_step;
use super::limits::let_out_within;
use super::queue::{self, Slot};
use crate::clock;
use crate::domain::actor::{Actor, ActorKind};
use crate::domain::backup::{Backup, BackupSpec, PackageKind, VerificationSpec};
use crate::domain::connection::Connection;
use crate::domain::connection_test::TestSpec;
use crate::domain::id::{ConnectionId, JobId, OrgId, PackageId, ScheduleId};
use crate::domain::job::{Job, JobSpec, JobState, Trigger};
use crate::domain::probe::ProbeSpec;
use crate::domain::schedule::Overlap;
use crate::domain::step::StepKind;
use crate::domain::subject::Subject;
use crate::domain::sync::Selection;
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::sync_tasks::{self, SyncTask};
use crate::store::{Conn, StoreError, backups, job_log, jobs, packages};

/// Who asks for a job, and under which trace.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub by: Actor,
    /// The trace context of the request.
    pub trace: Option<&'a str>,
}

/// A due time of a schedule.
#[derive(Clone, Copy, Debug)]
pub struct DueTime {
    /// The schedule.
    pub schedule_id: ScheduleId,
    /// When it was due.
    pub at: DateTime<Utc>,
}

/// A connection that is to be tested.
#[derive(Clone, Debug)]
pub enum Tested {
    /// A saved one, by its name.
    Saved(ConnectionId, String),
    /// One that is not saved; its secrets are then to be stored under the job in the same transaction.
    Draft(Box<Connection>),
}

/// A submitted job and what to publish once the transaction is committed.
#[derive(Debug)]
pub struct Submitted {
    /// The job.
    pub job: Job,
    /// Outbox rows to publish after the commit.
    pub owed: Vec<Owed>,
}

/// Submits what a schedule is of, at its due time. The one place that knows what each kind of
/// subject runs.
///
/// Errors: [`WorkflowError::NoSuchTask`] where the subject is not there any more, and those of
/// [`sync_run`].
pub async fn due(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    due: DueTime,
    trace: &str,
) -> Result<Submitted, WorkflowError> {
    match subject {
        Subject::SyncTask(id) => {
            let task = sync_tasks::find(conn, org_id, id).await?.ok_or(WorkflowError::NoSuchTask)?;
            let by = Actor::schedule(due.schedule_id, &task.name);
            run(conn, &task, Request { by, trace: Some(trace) }, Some(due.at)).await
        }
    }
}

/// Submits a run of a sync task that somebody asks for. A task that queues gets a job that waits for
/// the run that has not ended.
///
/// Errors: [`WorkflowError::RunInProgress`], after which the transaction is spoilt and must be
/// rolled back; [`WorkflowError::RunQueued`].
pub async fn sync_run(
    conn: &mut Conn,
    task: &SyncTask,
    request: Request<'_>,
) -> Result<Submitted, WorkflowError> {
    run(conn, task, request, None).await
}

/// A run of a task; a due time takes the place of an earlier one that waits.
async fn run(
    conn: &mut Conn,
    task: &SyncTask,
    request: Request<'_>,
    due_at: Option<DateTime<Utc>>,
) -> Result<Submitted, WorkflowError> {
    let fresh_run = |by: Actor| Job {
        subject: Some(task.id.into()),
        source_id: Some(task.source_id),
        target_id: Some(task.target_id),
        due_at,
        ..fresh(task.org_id, task.name.clone(), JobSpec::Sync(task.spec.clone()), by)
    };
    let place = match task.timing.overlap {
        Overlap::Skip => Slot::Free,
        Overlap::Queue => queue::place(conn, task.org_id, task.id.into()).await?,
    };
    let queued_behind = match (place, due_at) {
        (Slot::Free, _) => None,
        (Slot::Behind(active), _) => Some(active),
        (Slot::Full(queued, active), Some(due_at)) if queued.trigger == Trigger::Schedule => {
            queue::overtake(conn, task.org_id, &queued, due_at).await?;
            let job = Job { id: queued.id, queued_behind: Some(active), ..fresh_run(request.by) };
            return Ok(Submitted { job, owed: Vec::new() });
        }
        (Slot::Full(queued, _), _) => return Err(WorkflowError::RunQueued(queued.id)),
    };
    accept(conn, Job { queued_behind, ..fresh_run(request.by) }, request.trace).await
}

/// Submits a probe of the fleet.
pub async fn probe(
    conn: &mut Conn,
    org_id: OrgId,
    spec: ProbeSpec,
    request: Request<'_>,
) -> Result<Submitted, WorkflowError> {
    let job = fresh(org_id, "probe".to_owned(), JobSpec::Probe(spec), request.by);
    accept(conn, job, request.trace).await
}

/// Submits a test of a connection.
pub async fn connection_test(
    conn: &mut Conn,
    org_id: OrgId,
    tested: Tested,
    request: Request<'_>,
) -> Result<Submitted, WorkflowError> {
    let (source_id, name, spec) = match tested {
        Tested::Saved(id, name) => (Some(id), name, TestSpec::Saved),
        Tested::Draft(draft) => (None, draft.name.clone(), TestSpec::Draft(draft)),
    };
    let job = fresh(org_id, name, JobSpec::ConnectionTest(spec), request.by);
    accept(conn, Job { source_id, ..job }, request.trace).await
}

/// What a backup is to be of.
#[derive(Clone, Debug)]
pub struct NewBackup {
    /// What a person calls it.
    pub name: String,
    /// The connection.
    pub connection: Connection,
    /// Which tables.
    pub selection: Selection,
}

/// Submits a backup: its package's row, its own, and the job that makes it.
pub async fn backup(
    conn: &mut Conn,
    org_id: OrgId,
    new: NewBackup,
    request: Request<'_>,
) -> Result<(PackageId, Submitted), WorkflowError> {
    let package_id = PackageId(clock::fresh_id());
    let spec = BackupSpec { package_id, selection: new.selection.clone() };
    let source_id = Some(new.connection.id);
    let job = fresh(org_id, new.name.clone(), JobSpec::Backup(spec), request.by.clone());
    let job = Job { source_id, ..job };
    packages::insert(conn, org_id, package_id, PackageKind::Backup, new.connection.engine, job.id).await?;
    backups::insert(conn, org_id, package_id, &new.name, &new.connection, &new.selection, &request.by)
        .await?;
    Ok((package_id, accept(conn, job, request.trace).await?))
}

/// Submits the verification of a backup, which is complete.
pub async fn backup_verification(
    conn: &mut Conn,
    backup: &Backup,
    request: Request<'_>,
) -> Result<Submitted, WorkflowError> {
    let spec = JobSpec::BackupVerification(VerificationSpec { package_id: backup.id });
    let job = fresh(backup.org_id, backup.name.clone(), spec, request.by);
    accept(conn, job, request.trace).await
}

fn fresh(org_id: OrgId, name: String, spec: JobSpec, requested_by: Actor) -> Job {
    Job {
        org_id,
        id: JobId(clock::fresh_id()),
        state: JobState::Pending,
        subject: None,
        name,
        source_id: None,
        source_name: None,
        target_id: None,
        target_name: None,
        spec,
        requested_by,
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

async fn accept(conn: &mut Conn, mut job: Job, trace: Option<&str>) -> Result<Submitted, WorkflowError> {
    jobs::insert(conn, &mut job, trace).await.map_err(|error| match error {
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
    let told = format!("{told}; {}", asked(&job.requested_by));
    job_log::add(conn, job.org_id, job.id, "info", &told, None, None).await?;
    let owed = match job.queued_behind {
        None => {
            let first = StepKind::first_of(job.spec.kind(), job.trigger());
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

/// Who asked, for the job's log.
fn asked(by: &Actor) -> String {
    let Actor { kind, id, name } = by;
    match (kind, id) {
        (ActorKind::Token, Some(id)) => format!("it was asked for with the token {name} ({id})"),
        (ActorKind::User, Some(id)) => format!("it was asked for by {name} ({id})"),
        (ActorKind::Schedule, Some(_)) => format!("it was due by the schedule of {name}"),
        (_, None) => format!("it was due by the {name}"),
    }
}
