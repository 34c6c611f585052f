//! The history's time is over for a job: its result, tables and counts stay, its steps,
//! stages, plans and log lines go. Of a test that nobody asked for nothing stays.
//!
//! In batches, each a transaction of its own: no statement deletes more than [`ROWS`] rows,
//! so nothing waits long behind it. Idempotent, and safe when two do it at once: the jobs
//! of a batch are locked, and a second one takes others.

use super::WorkflowError;
use crate::store::{Database, history};

/// Jobs of a batch at most.
const JOBS: i64 = 200;
/// Rows that one statement deletes at most.
pub const ROWS: i64 = 5_000;

/// What a batch did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Jobs of which the details are gone now.
    pub jobs: usize,
    /// Rows that were deleted.
    pub rows: u64,
    /// Whether there may be more to do.
    pub more: bool,
}

/// Deletes a batch of the scheduler's tests of connections that ended at least `age_seconds`
/// ago, jobs and all: what they found stands at the connection. Answers how many.
pub async fn rechecks(database: &Database, age_seconds: f64) -> Result<u64, WorkflowError> {
    let mut tx = database.system().await?;
    let deleted = history::delete_rechecks(tx.conn(), age_seconds, ROWS).await?;
    tx.commit().await?;
    Ok(deleted)
}

/// Deletes a batch of details of jobs that ended at least `age_seconds` ago.
pub async fn history(database: &Database, age_seconds: f64) -> Result<Pruned, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let jobs = history::lock_expired(conn, age_seconds, JOBS).await?;
    if jobs.is_empty() {
        return Ok(Pruned::default());
    }
    // A release before summaries may have ended it.
    for (org_id, job_id) in jobs.iter() {
        history::summarise(conn, org_id, job_id).await?;
    }
    let steps = history::delete_steps(conn, &jobs, ROWS).await?;
    let lines = history::delete_log(conn, &jobs, ROWS).await?;
    let whole = ROWS.unsigned_abs();
    let mut pruned = Pruned { jobs: 0, rows: steps + lines, more: true };
    if steps < whole && lines < whole {
        history::delete_plans(conn, &jobs).await?;
        history::mark_pruned(conn, &jobs).await?;
        pruned.jobs = jobs.len();
    }
    tx.commit().await?;
    Ok(pruned)
}
