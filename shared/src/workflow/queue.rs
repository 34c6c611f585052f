//! A run that waits for its subject's run before it.
//!
//! Invariants: of a subject at most one run is active and at most one waits (unique indexes);
//! a waiting run is a pending job without a step, so nothing can claim it; the transition
//! that ends the run before it lets it go, in the same transaction. It then does what the
//! subject says by then. Locks: the subject's schedule, then its active run, then its waiting one.

use chrono::{DateTime, Utc};

use super::WorkflowError;
use crate::domain::id::{JobId, OrgId};
use crate::domain::subject::Subject;
use crate::store::jobs::queue::{self, Queued};
use crate::store::{Conn, StoreError, job_log, schedule_events, schedules};

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
