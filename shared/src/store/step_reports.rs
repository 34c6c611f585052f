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

/// What the ended steps of each of these jobs did to rows; a job without a step that
/// moves rows is left out. `rows` and `bytes` count the steps that move rows only.
pub async fn totals(
    conn: &mut Conn,
    org_id: OrgId,
    jobs: &[JobId],
) -> Result<Vec<(JobId, Counts)>, StoreError> {
    let ids: Vec<uuid::Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        r#"SELECT job_id,
               coalesce(sum(rows) FILTER (WHERE kind IN ('copy', 'diff', 'replace')), 0)::bigint AS "rows!",
               coalesce(sum(bytes) FILTER (WHERE kind IN ('copy', 'diff', 'replace')), 0)::bigint AS "bytes!",
               sum(inserted)::bigint AS "inserted!", sum(updated)::bigint AS "updated!",
               sum(deleted)::bigint AS "deleted!", sum(unchanged)::bigint AS "unchanged!",
               sum(skipped)::bigint AS "skipped!"
           FROM steps WHERE org_id = $1 AND job_id = ANY ($2) AND table_number IS NOT NULL GROUP BY job_id"#,
        org_id.0,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let counts = Counts {
                rows: r.rows,
                bytes: r.bytes,
                inserted: r.inserted,
                updated: r.updated,
                deleted: r.deleted,
                unchanged: r.unchanged,
                skipped: r.skipped,
            };
            (JobId(r.job_id), counts)
        })
        .collect())
}
