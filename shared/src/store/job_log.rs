//! Table `job_log`: what happened in a job, line by line, for its reader.

use chrono::{DateTime, Utc};

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};

/// A line of a job's log.
#[derive(Clone, Debug)]
pub struct Line {
    /// Its number, growing.
    pub id: i64,
    /// When.
    pub at: DateTime<Utc>,
    /// `info`, `warn` or `error`.
    pub level: String,
    /// What, in a sentence; no cell and no secret.
    pub message: String,
    /// The step that it is about.
    pub step_id: Option<StepId>,
    /// The worker that wrote it.
    pub worker: Option<String>,
}

/// Adds a line. The log must not decide what happens to a job: a line that cannot be
/// written is left out, and the caller's transaction goes on as if it had not been tried;
/// only an outage, which ends the transaction anyway, is an error.
pub async fn add(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    level: &str,
    message: &str,
    step_id: Option<StepId>,
    worker: Option<&str>,
) -> Result<(), StoreError> {
    let row = sqlx::query!(
        "SELECT add_job_line($1, $2, $3, $4, $5, $6) AS left_out",
        org_id.0,
        job_id.0,
        level,
        message,
        step_id.map(|s| s.0),
        worker
    )
    .fetch_one(conn)
    .await?;
    if let Some(sqlstate) = row.left_out {
        tracing::warn!(job.id = %job_id, sqlstate, "a line of a job's log could not be written");
    }
    Ok(())
}

/// At most `limit` lines after line `after`, oldest first.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    after: i64,
    limit: i64,
) -> Result<Vec<Line>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, at, level, message, step_id, worker FROM job_log
         WHERE org_id = $1 AND job_id = $2 AND id > $3 ORDER BY id LIMIT $4",
        org_id.0,
        job_id.0,
        after,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| Line {
            id: r.id,
            at: r.at,
            level: r.level,
            message: r.message,
            step_id: r.step_id.map(StepId),
            worker: r.worker,
        })
        .collect())
}
