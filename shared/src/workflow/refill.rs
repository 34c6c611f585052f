//! Windows that are not full although steps wait: workers joined after the last step
//! ended, or other jobs ended and left their share; or a limit was lifted.

use super::{WorkflowError, announce, limits};
use crate::domain::id::{JobId, OrgId};
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::{self, Database, jobs, steps};

/// Fills the windows of at most `limit` jobs, each in its own transaction under the job's
/// lock. Answers the outbox rows to publish.
pub async fn windows(database: &Database, limit: i64) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let window = jobs::window(tx.conn()).await?;
    let found = jobs::underfilled(tx.conn(), window, limit).await?;
    tx.commit().await?;
    let mut owed = Vec::new();
    for (org_id, job_id) in found {
        owed.extend(fill(database, org_id, job_id).await?);
    }
    let mut tx = database.system().await?;
    let limited = store::limits::waiting(tx.conn(), limit).await?;
    tx.commit().await?;
    for org_id in limited {
        owed.extend(limits::announce_within_limits(database, org_id).await?);
    }
    Ok(owed)
}

async fn fill(database: &Database, org_id: OrgId, job_id: JobId) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(Vec::new()) };
    if job.state.is_final() || job.ending.is_some() || job.limited {
        return Ok(Vec::new());
    }
    let next = steps::announce_next(conn, org_id, job_id).await?;
    let owed = announce::owe(conn, org_id, job_id, job.trace.as_deref(), &next, 0.0).await?;
    reach(Failpoint::RefillBeforeCommit).await?;
    tx.commit().await?;
    Ok(owed)
}
