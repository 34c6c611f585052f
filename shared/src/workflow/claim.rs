//! A worker takes a step, keeps it, or hands it back.

use super::{WorkflowError, announce};
use crate::domain::id::{OrgId, StepId, WorkerId};
use crate::domain::step::Lease;
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::steps::{Claimed, Renewal};
use crate::store::{Database, jobs, steps};

/// Claims a step for `lease_seconds`. `None`: it is taken, done, or not wanted any more;
/// the message is then to be acknowledged and forgotten.
pub async fn claim(
    database: &Database,
    org_id: OrgId,
    step_id: StepId,
    worker: WorkerId,
    worker_name: &str,
    lease_seconds: f64,
) -> Result<Option<Claimed>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let mut claimed = steps::claim(conn, org_id, step_id, worker, worker_name, lease_seconds).await?;
    if claimed.is_none() {
        // It may be the first of its job. Whoever writes a job's row locks it before a step's.
        let Some(job_id) = steps::job_of(conn, org_id, step_id).await? else { return Ok(None) };
        jobs::lock(conn, org_id, job_id).await?;
        if jobs::start(conn, org_id, job_id).await? {
            claimed = steps::claim(conn, org_id, step_id, worker, worker_name, lease_seconds).await?;
        }
    }
    if claimed.is_some() {
        reach(Failpoint::ClaimBeforeCommit).await?;
        tx.commit().await?;
        reach(Failpoint::ClaimAfterCommit).await?;
    }
    Ok(claimed)
}

/// Leaves a step, of which this release does not know what it is, to a worker that does: it
/// stays announced, and its message comes again after `pause_seconds` (the sweep sends it).
pub async fn leave(
    database: &Database,
    org_id: OrgId,
    step_id: StepId,
    pause_seconds: f64,
) -> Result<(), WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job_id) = steps::job_of(conn, org_id, step_id).await? else { return Ok(()) };
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(()) };
    if let Some(step) = steps::announce_again(conn, org_id, step_id, pause_seconds).await? {
        announce::owe(conn, org_id, job_id, job.trace.as_deref(), &[step], pause_seconds).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Renews a lease for `lease_seconds`.
pub async fn renew(database: &Database, lease: &Lease, lease_seconds: f64) -> Result<Renewal, WorkflowError> {
    let mut tx = database.system().await?;
    let renewal = steps::renew(tx.conn(), lease, lease_seconds).await?;
    tx.commit().await?;
    Ok(renewal)
}

/// Gives a step back undone, without burning its attempt (soft stop). Answers what to
/// publish.
pub async fn hand_back(database: &Database, lease: &Lease) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let Some(job) = jobs::lock(tx.conn(), lease.org_id, lease.job_id).await? else {
        return Err(WorkflowError::NoSuchJob);
    };
    if job.ending.is_some() {
        // Nobody may claim it again; it ends here as cancelled.
        super::advance::cancel_held(tx.conn(), lease).await?;
        tx.commit().await?;
        return Ok(Vec::new());
    }
    let Some(step) = steps::give_back(tx.conn(), lease, false, None, 0.0).await? else {
        return Err(WorkflowError::LeaseLost);
    };
    let owed =
        announce::owe(tx.conn(), lease.org_id, lease.job_id, job.trace.as_deref(), &[step], 0.0).await?;
    reach(Failpoint::HandBackBeforeCommit).await?;
    tx.commit().await?;
    reach(Failpoint::HandBackAfterCommit).await?;
    Ok(owed)
}
