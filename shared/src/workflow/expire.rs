//! Leases that lapsed: their steps go back to be claimed, or are given up when every
//! worker that takes one dies.

use super::settle::{self, Settled};
use super::{WorkflowError, announce};
use crate::domain::failure::{Failure, FailureCode};
use crate::domain::retry::{POISON_CLAIMS, Verdict};
use crate::domain::step::{Lease, Remains};
use crate::failpoint::{Failpoint, reach};
use crate::store::outbox::Owed;
use crate::store::{Database, job_log, jobs, steps};

/// What the reaper did.
#[derive(Debug, Default)]
pub struct Reaped {
    /// Steps whose lease had lapsed.
    pub steps: usize,
    /// Outbox rows to publish.
    pub owed: Vec<Owed>,
}

/// Takes lapsed leases back, at most `limit`, each in its own transaction.
pub async fn lapsed(database: &Database, limit: i64) -> Result<Reaped, WorkflowError> {
    let mut tx = database.system().await?;
    let found = steps::lapsed(tx.conn(), limit).await?;
    tx.commit().await?;
    let mut reaped = Reaped::default();
    for (lease, attempt, worker) in found {
        match reap(database, &lease, attempt, &worker).await {
            Ok(Some(owed)) => {
                reaped.steps += 1;
                reaped.owed.extend(owed);
            }
            // Renewed or ended in between: all is well.
            Ok(None) | Err(WorkflowError::LeaseLost) => {}
            Err(error) => return Err(error),
        }
    }
    Ok(reaped)
}

async fn reap(
    database: &Database,
    lease: &Lease,
    attempt: i32,
    worker: &str,
) -> Result<Option<Vec<Owed>>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job) = jobs::lock(conn, lease.org_id, lease.job_id).await? else { return Ok(None) };
    if !steps::is_lapsed(conn, lease).await? {
        return Ok(None);
    }
    let remains = Remains::unknown();
    if job.ending.is_some() || attempt >= POISON_CLAIMS {
        let failure = Failure::permanent(
            FailureCode::WorkerDied,
            format!("{attempt} workers in a row stopped in the middle of this step, the last was {worker}"),
        );
        let tried =
            settle::Tried { lease, attempt, table_number: None, alone: false, remains: &remains, worker };
        let (settled, reached) = settle::failed_within(conn, &tried, Verdict::GiveUp, &failure).await?;
        debug_assert!(matches!(settled, Settled::GivenUp | Settled::Cancelled));
        tx.commit().await?;
        reached.count();
        return Ok(Some(Vec::new()));
    }
    let Some(step) = steps::give_back(conn, lease, true, None, remains.wrote, 0.0).await? else {
        return Ok(None);
    };
    let line = format!("the lease of worker {worker} lapsed in attempt {attempt}; another worker takes over");
    job_log::add(conn, lease.org_id, lease.job_id, "warn", &line, Some(lease.step_id), Some(worker)).await?;
    let owed = announce::owe(conn, lease.org_id, lease.job_id, job.trace.as_deref(), &[step], 0.0).await?;
    reach(Failpoint::ReapBeforeCommit).await?;
    tx.commit().await?;
    reach(Failpoint::ReapAfterCommit).await?;
    Ok(Some(owed))
}
