//! Table `steps`, read by who watches jobs: what runs just now, and what came of it.

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{Counts, StepKind};

/// A step that a worker holds.
#[derive(Clone, Debug)]
pub struct StepUnderWay {
    /// The step.
    pub id: StepId,
    /// What it does.
    pub kind: StepKind,
    /// Which try this is.
    pub attempt: i32,
    /// The table it works on.
    pub table_number: Option<i32>,
    /// The name of its stage: what it does, for people.
    pub stage: String,
    /// How long this try has lasted.
    pub seconds: f64,
}

/// The job's steps that are held by workers.
pub async fn running(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<StepUnderWay>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, kind, attempt, table_number,
                  coalesce(extract(epoch FROM now() - started_at), 0)::float8 AS "seconds!",
                  coalesce((SELECT g.name FROM stages g WHERE g.org_id = s.org_id AND g.job_id = s.job_id
                            AND g.number = s.stage), '') AS "stage!"
           FROM steps s WHERE org_id = $1 AND job_id = $2 AND state = 'running' ORDER BY ordinal"#,
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            Ok(StepUnderWay {
                id: StepId(r.id),
                kind: r.kind.parse()?,
                attempt: r.attempt,
                table_number: r.table_number,
                stage: r.stage,
                seconds: r.seconds,
            })
        })
        .collect()
}

/// How many steps of a kind a table has, and how many of them are done.
#[derive(Clone, Copy, Debug)]
pub struct KindSum {
    /// The table's number; none for steps of the whole job.
    pub table_number: Option<i32>,
    /// The kind.
    pub kind: StepKind,
    /// All of them.
    pub total: i64,
    /// Those that are done.
    pub done: i64,
}

/// The job's steps by table and kind; none of a job whose details were deleted.
pub async fn kinds(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<KindSum>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT table_number, kind, count(*) AS "total!", count(*) FILTER (WHERE state = 'done') AS "done!"
           FROM steps WHERE org_id = $1 AND job_id = $2 GROUP BY table_number, kind"#,
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let (table_number, kind) = (r.table_number, r.kind.parse()?);
            Ok(KindSum { table_number, kind, total: r.total, done: r.done })
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
