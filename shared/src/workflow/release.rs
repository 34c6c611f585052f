//! Lets a run go that waited for its subject's run before it.
//!
//! The transition that ends the run before it does so, in the same transaction; what was missed
//! nevertheless, [`reconcile`] finds.

use super::WorkflowError;
use super::first::first_step;
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::JobSpec;
use crate::domain::step::StepKind;
use crate::domain::subject::Subject;
use crate::domain::sync::SyncSpec;
use crate::store::jobs::queue::{self, Renewed};
use crate::store::{Conn, Database, StoreError, job_log, jobs, schedules, sync_tasks};

/// Nobody waits to publish what a released run owes: the sweep does, as soon as it is due.
const AT_ONCE: f64 = 0.001;

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
    first_step(conn, org_id, queued.id, first, trace, AT_ONCE).await?;
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
