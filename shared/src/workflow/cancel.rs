//! A person ends a job.

use super::{Reached, WorkflowError, advance};
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::Ending;
use crate::store::{Conn, job_log, jobs};

/// Asks for the job's end: what nobody holds is cancelled now, what is held stops at its
/// next renewal or at the control message that the caller sends after the commit.
/// The caller counts the job's end, if it is one, after the commit too.
pub async fn request(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Reached, WorkflowError> {
    let job = jobs::lock(conn, org_id, job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    if job.state.is_final() {
        return Err(WorkflowError::JobEnded);
    }
    if job.ending.is_some() {
        return Ok(Reached::NOBODY);
    }
    job_log::add(conn, org_id, job_id, "info", "a person asked to cancel the job", None, None).await?;
    Ok(advance::end_early(conn, org_id, job_id, Ending::Cancelled, None).await?)
}
