//! Steps that a limit holds for: they are announced here and nowhere else, by whoever has the
//! organisation's lock of limits, so that no two find the same room. Where there is none they
//! wait, without a message and without an attempt.

use super::{WorkflowError, announce};
use crate::domain::id::{JobId, OrgId};
use crate::domain::limits::allot;
use crate::store::outbox::Owed;
use crate::store::{Conn, Database, jobs, limits, steps};

/// Announces what the organisation's limits let out now. Answers what to publish.
pub(super) async fn announce_within_limits(
    database: &Database,
    org_id: OrgId,
) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let owed = let_out_within(tx.conn(), org_id).await?;
    tx.commit().await?;
    Ok(owed)
}

/// As [`announce_within_limits`], for whoever holds the lock of no job but one that nobody else sees yet.
pub(super) async fn let_out_within(conn: &mut Conn, org_id: OrgId) -> Result<Vec<Owed>, WorkflowError> {
    limits::lock(conn, org_id).await?;
    let room = limits::room(conn, org_id).await?;
    let contenders = limits::contenders(conn, org_id).await?;
    let mut owed = Vec::new();
    for (job_id, count) in allot(room, &contenders) {
        owed.extend(announce_some(conn, org_id, job_id, i64::try_from(count).unwrap_or(i64::MAX)).await?);
    }
    Ok(owed)
}

/// The job may have ended, or come nearer to its end, since it was looked at.
async fn announce_some(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    count: i64,
) -> Result<Vec<Owed>, WorkflowError> {
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(Vec::new()) };
    if job.state.is_final() || job.ending.is_some() {
        return Ok(Vec::new());
    }
    let next = steps::announce_some(conn, org_id, job_id, count).await?;
    limits::note_turn(conn, org_id, job_id).await?;
    Ok(announce::owe(conn, org_id, job_id, job.trace.as_deref(), &next, 0.0).await?)
}
