//! Table `steps`, read by who watches jobs: what runs just now, and what came of it.

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{Counts, StepKind};

/// A step that a worker holds.
#[derive(Clone, Debug)]
pub struct Held {
    /// The step.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Which try this is.
    pub attempt: i32,
    /// The table it works on.
    pub table_number: Option<i32>,
}

/// The job's steps that are held by workers.
pub async fn running(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<Held>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id, kind, attempt, table_number FROM steps
         WHERE org_id = $1 AND job_id = $2 AND state = 'running' ORDER BY ordinal",
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(Held {
                id: StepId(r.id),
                kind: r.kind.parse()?,
                attempt: r.attempt,
                table_number: r.table_number,
            })
        })
        .collect()
}

/// What the ended steps of each of these jobs did to rows, as kept at its end or added up.
/// `rows` and `bytes` count the steps that move rows only.
pub async fn totals(
    conn: &mut Conn,
    org_id: OrgId,
    jobs: &[JobId],
) -> Result<Vec<(JobId, Counts)>, StoreError> {
    let ids: Vec<uuid::Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT id, coalesce(summary, job_summary(org_id, id)) AS "summary!" FROM jobs
           WHERE org_id = $1 AND id = ANY ($2)"#,
        org_id.0,
        &ids
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|r| Ok((JobId(r.id), serde_json::from_value(r.summary)?))).collect()
}

/// How many row-moving steps each worker did in the job, as kept at its end or counted.
pub async fn chunks_by_worker(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Vec<(String, i64)>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT coalesce(summary, job_summary(org_id, id)) -> 'workers' AS "workers!" FROM jobs
           WHERE org_id = $1 AND id = $2"#,
        org_id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| serde_json::from_value(r.workers)).transpose()?.unwrap_or_default())
}
