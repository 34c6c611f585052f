//! Table `job_log`: what happened in a job, line by line, for its reader.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::job::LogOrder;

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
    pub step_id: Option<Uuid>,
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

/// At most `limit` lines that come after line `after` in this order.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    (order, after): (LogOrder, Option<i64>),
    limit: i64,
) -> Result<Vec<Line>, StoreError> {
    Ok(match order {
        LogOrder::Newest => {
            sqlx::query_as!(
                Line,
                "SELECT id, at, level, message, step_id, worker FROM job_log
                 WHERE org_id = $1 AND job_id = $2 AND ($3::bigint IS NULL OR id < $3) ORDER BY id DESC LIMIT $4",
                org_id.0,
                job_id.0,
                after,
                limit
            )
            .fetch_all(conn)
            .await?
        }
        LogOrder::Oldest => {
            sqlx::query_as!(
                Line,
                "SELECT id, at, level, message, step_id, worker FROM job_log
                 WHERE org_id = $1 AND job_id = $2 AND ($3::bigint IS NULL OR id > $3) ORDER BY id LIMIT $4",
                org_id.0,
                job_id.0,
                after,
                limit
            )
            .fetch_all(conn)
            .await?
        }
    })
}
