//! Jobs that last longer than any job may: a server whose answers never end looks like one with
//! a very large table, and nobody may be there to cancel it.

use std::time::Duration;

use super::{Reached, WorkflowError, advance};
use crate::domain::failure::{Failure, FailureCode};
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::Ending;
use crate::store::{Database, job_log, jobs};

/// Ends at most `limit` jobs that began longer than `longest` ago, each in its own transaction.
/// What workers hold of them stops as it does when a person cancels. Answers how many.
pub async fn end(database: &Database, longest: Duration, limit: i64) -> Result<usize, WorkflowError> {
    let mut tx = database.system().await?;
    let found = jobs::lasting(tx.conn(), longest.as_secs_f64(), limit).await?;
    tx.commit().await?;
    let failure = failure(longest);
    let mut ended = 0;
    for (org_id, job_id) in found {
        if let Some(reached) = end_one(database, org_id, job_id, &failure).await? {
            reached.count();
            ended += 1;
        }
    }
    Ok(ended)
}

async fn end_one(
    database: &Database,
    org_id: OrgId,
    job_id: JobId,
    failure: &Failure,
) -> Result<Option<Reached>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(None) };
    if job.state.is_final() || job.ending.is_some() {
        return Ok(None);
    }
    job_log::add(conn, org_id, job_id, "error", &failure.message, None, None).await?;
    let reached = advance::end_early(conn, org_id, job_id, Ending::Failed, Some(failure)).await?;
    tx.commit().await?;
    Ok(Some(reached))
}

fn failure(longest: Duration) -> Failure {
    let seconds = longest.as_secs();
    let span = if seconds.is_multiple_of(3_600) {
        format!("{} hours", seconds / 3_600)
    } else {
        format!("{seconds} seconds")
    };
    Failure::permanent(
        FailureCode::JobTooLong,
        format!("the job has lasted longer than the {span} that a job may last here"),
    )
}
