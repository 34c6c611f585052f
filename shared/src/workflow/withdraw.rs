//! Runs that wait and will not run: their subject is paused, deleted or scheduled otherwise.

use super::{Reached, WorkflowError, advance};
use crate::domain::id::OrgId;
use crate::domain::job::{Ending, Trigger};
use crate::domain::subject::Subject;
use crate::store::jobs::queue::{self, Queued};
use crate::store::{Conn, StoreError, job_log};

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
