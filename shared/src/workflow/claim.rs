//! A worker takes a step, keeps it, or hands it back.

use super::{WorkflowError, announce};
use crate::domain::id::{OrgId, StepId, WorkerId};
use crate::domain::step::{Lease, Remains};
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::steps::{Claimed, Renewal};
use crate::store::{Database, job_tables, jobs, steps};

/// A step that this release cannot read is left alone for so long.
const UNREAD_PAUSE: f64 = 10.0;

/// Claims a step for `lease_seconds`. `None`: it is taken, done, or not wanted any more;
/// the message is then to be acknowledged and forgotten. A step of a newer release, which
/// cannot be read, is handed back for a worker that can, and the error says why.
pub async fn claim(
    database: &Database,
    org_id: OrgId,
    step_id: StepId,
    worker: WorkerId,
    worker_name: &str,
    lease_seconds: f64,
) -> Result<Option<Claimed>, WorkflowError> {
    let mut single = database.single().await?;
    reach(Failpoint::ClaimBeforeCommit).await?;
    let conn = single.conn();
    let found = match steps::claim(conn, org_id, step_id, worker, worker_name, lease_seconds).await? {
        None => steps::claim_first(conn, org_id, step_id, worker, worker_name, lease_seconds).await?,
        found => found,
    };
    drop(single);
    let Some(found) = found else { return Ok(None) };
    reach(Failpoint::ClaimAfterCommit).await?;
    let lease = found.lease.clone();
    match found.read() {
        Ok(claimed) => Ok(Some(claimed)),
        Err(error) => {
            give_back(database, &lease, &Remains::default(), UNREAD_PAUSE).await?;
            Err(error.into())
        }
    }
}

/// Renews a lease for `lease_seconds`.
pub async fn renew(database: &Database, lease: &Lease, lease_seconds: f64) -> Result<Renewal, WorkflowError> {
    Ok(steps::renew(database.single().await?.conn(), lease, lease_seconds).await?)
}

/// Gives a step back undone, without burning its attempt (soft stop). Answers what to
/// publish.
pub async fn hand_back(
    database: &Database,
    lease: &Lease,
    remains: &Remains,
) -> Result<Vec<Owed>, WorkflowError> {
    give_back(database, lease, remains, 0.0).await
}

async fn give_back(
    database: &Database,
    lease: &Lease,
    remains: &Remains,
    pause: f64,
) -> Result<Vec<Owed>, WorkflowError> {
    let mut tx = database.system().await?;
    let Some(job) = jobs::lock(tx.conn(), lease.org_id, lease.job_id).await? else {
        return Err(WorkflowError::NoSuchJob);
    };
    if job.ending.is_some() {
        // Nobody may claim it again; it ends here as cancelled.
        let reached = super::advance::cancel_held(tx.conn(), lease, remains).await?;
        tx.commit().await?;
        reached.count();
        return Ok(Vec::new());
    }
    let Some(step) = steps::give_back(tx.conn(), lease, false, None, remains.wrote, pause).await? else {
        return Err(WorkflowError::LeaseLost);
    };
    job_tables::set_travelled(tx.conn(), lease, &remains.tables).await?;
    let owed =
        announce::owe(tx.conn(), lease.org_id, lease.job_id, job.trace.as_deref(), &[step], pause).await?;
    reach(Failpoint::HandBackBeforeCommit).await?;
    tx.commit().await?;
    reach(Failpoint::HandBackAfterCommit).await?;
    Ok(owed)
}
