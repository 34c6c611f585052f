//! A run that waits for its subject's run before it.
//!
//! Invariants: of a subject at most one run is active and at most one waits (unique indexes);
//! a waiting run is a pending job without a step, so nothing can claim it; the transition
//! that ends the run before it lets it go, in the same transaction. It then does what the
//! subject says by then. Locks: the subject's schedule, then its active run, then its waiting one.

use chrono::{DateTime, Utc};

use super::{Reached, WorkflowError, advance, submit};
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::{Ending, JobSpec, Trigger};
use crate::domain::step::StepKind;
use crate::domain::subject::Subject;
use crate::domain::sync::SyncSpec;
use crate::store::jobs::queue::{self, Queued, Renewed};
use crate::store::{Conn, Database, StoreError, job_log, jobs, schedule_events, schedules, sync_tasks};

/// Nobody waits to publish what a released run owes: the sweep does, as soon as it is due.
const AT_ONCE: f64 = 0.001;

/// What a run finds that may be queued; nobody else submits or ends one of the subject meanwhile.
pub(super) enum Slot {
    /// Nothing is in its way.
    Free,
    /// It has to wait for this run.
    Behind(JobId),
    /// One waits already, for this run.
    Full(Queued, JobId),
}

/// Looks where a new run of the subject belongs, and keeps that so for the transaction.
pub(super) async fn place(conn: &mut Conn, org_id: OrgId, subject: Subject) -> Result<Slot, WorkflowError> {
    if !schedules::lock(conn, org_id, subject).await? {
        return Err(WorkflowError::NoSuchTask);
    }
    let Some(active) = queue::lock_active(conn, org_id, subject).await? else { return Ok(Slot::Free) };
    Ok(match queue::lock(conn, org_id, subject).await? {
        None => Slot::Behind(active),
        Some(queued) => Slot::Full(queued, active),
    })
}

/// A later due time takes the place of the waiting one, which is skipped.
pub(super) async fn overtake(
    conn: &mut Conn,
    org_id: OrgId,
    queued: &Queued,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    schedule_events::skip_queued(conn, org_id, queued.subject, queued.id).await?;
    queue::replace_due(conn, org_id, queued.id, due_at).await?;
    let line = format!("the due time {due_at} takes this run's place in the queue");
    job_log::add(conn, org_id, queued.id, "info", &line, None, None).await
}

/// A job has ended: the run of its subject that waits for that, if there is one, goes on.
pub(super) async fn after(conn: &mut Conn, org_id: OrgId, ended: JobId) -> Result<(), StoreError> {
    match queue::subject_waiting_for(conn, org_id, ended).await? {
        Some(subject) => release(conn, org_id, subject).await,
        None => Ok(()),
    }
}

/// Lets the subject's waiting run go; its active one has ended.
async fn release(conn: &mut Conn, org_id: OrgId, subject: Subject) -> Result<(), StoreError> {
    let Some(queued) = queue::lock(conn, org_id, subject).await? else { return Ok(()) };
    let Some(job) = jobs::find(conn, org_id, queued.id).await? else { return Ok(()) };
    let kind = job.spec.kind();
    match renewed(conn, org_id, subject, job.spec).await {
        Ok(Some(renewed)) => queue::refresh(conn, org_id, queued.id, &renewed).await?,
        // The run before it must end all the same; this one does what it was queued with.
        Ok(None) => {}
        Err(StoreError::Row(reason)) => {
            tracing::error!(job.id = %queued.id, %reason, "what a run is of does not read");
        }
        Err(error) => return Err(error),
    }
    queue::release(conn, org_id, queued.id).await?;
    job_log::add(conn, org_id, queued.id, "info", "the run before it has ended", None, None).await?;
    let (first, trace) = (StepKind::first_of(kind, queued.trigger), queued.trace.as_deref());
    submit::first_step(conn, org_id, queued.id, first, trace, AT_ONCE).await?;
    Ok(())
}

/// What a run that was queued with `before` is to do, as its subject says by now; none if that is
/// gone.
async fn renewed(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    before: JobSpec,
) -> Result<Option<Renewed>, StoreError> {
    match subject {
        Subject::SyncTask(id) => {
            let Some(task) = sync_tasks::find(conn, org_id, id).await? else { return Ok(None) };
            // A person said it of this run, not of the task.
            let deletes_confirmed = matches!(before, JobSpec::Sync(spec) if spec.deletes_confirmed);
            let spec = JobSpec::Sync(SyncSpec { deletes_confirmed, ..task.spec });
            let (source_id, target_id) = (task.source_id, task.target_id);
            Ok(Some(Renewed { name: task.name, spec, source_id, target_id }))
        }
    }
}

/// The subject is paused, deleted or scheduled otherwise: what waits because of the old schedule
/// will not run; nor does what a person asked for, once the subject is gone.
pub async fn forget(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    deleted: bool,
) -> Result<Reached, WorkflowError> {
    let Some(queued) = queue::lock(conn, org_id, subject).await? else { return Ok(Reached::NOBODY) };
    let why = match (deleted, queued.trigger) {
        (true, _) => "the task was deleted",
        (false, Trigger::Schedule) => "the task's schedule was changed",
        (false, _) => return Ok(Reached::NOBODY),
    };
    Ok(withdraw(conn, org_id, &queued, why).await?)
}

async fn withdraw(conn: &mut Conn, org_id: OrgId, queued: &Queued, why: &str) -> Result<Reached, StoreError> {
    let line = format!("{why} while this run waited");
    job_log::add(conn, org_id, queued.id, "warn", &line, None, None).await?;
    advance::end_early(conn, org_id, queued.id, Ending::Cancelled, None).await
}

/// Lets go what waits although nothing is in its way, each in its own transaction; the
/// transition that ended the run before it should have. Answers how many.
pub async fn reconcile(database: &Database, limit: i64) -> Result<usize, WorkflowError> {
    let mut tx = database.system().await?;
    let found = queue::stranded(tx.conn(), limit).await?;
    tx.commit().await?;
    for (org_id, subject) in &found {
        let mut tx = database.system().await?;
        schedules::lock(tx.conn(), *org_id, *subject).await?;
        if queue::lock_active(tx.conn(), *org_id, *subject).await?.is_none() {
            release(tx.conn(), *org_id, *subject).await?;
            tx.commit().await?;
        }
    }
    Ok(found.len())
}
