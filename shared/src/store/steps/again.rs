//! Announced steps that are announced once more.

use super::Announced;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{Queue, StepState};
use crate::store::{Conn, StoreError};

/// Where a step stands.
pub async fn state(conn: &mut Conn, org_id: OrgId, id: StepId) -> Result<Option<StepState>, StoreError> {
    let row = sqlx::query!("SELECT state FROM steps WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .fetch_optional(conn)
        .await?;
    row.map(|r| Ok(r.state.parse()?)).transpose()
}

/// An announced step is to be announced again, `pause_seconds` from now; `None` if its
/// message is owed already.
pub async fn announce_again(
    conn: &mut Conn,
    org_id: OrgId,
    id: StepId,
    pause_seconds: f64,
) -> Result<Option<Announced>, StoreError> {
    let row = sqlx::query!(
        "UPDATE steps SET announced_at = now() + make_interval(secs => $3)
         WHERE org_id = $1 AND id = $2 AND state = 'announced'
           AND NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = $1 AND o.step_id = $2 AND o.published_at IS NULL)
         RETURNING kind, queue",
        org_id.0,
        id.0,
        pause_seconds
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| Ok(Announced { id, kind: r.kind, queue: r.queue.parse()? })).transpose()
}

/// How many announced steps of the queue nobody has claimed for at least `age_seconds`,
/// though no message is owed to the bus.
pub async fn unclaimed(conn: &mut Conn, queue: Queue, age_seconds: f64) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "unclaimed!" FROM steps
           WHERE queue = $1 AND state = 'announced' AND announced_at < now() - make_interval(secs => $2)
             AND NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = steps.org_id AND o.step_id = steps.id
                             AND o.published_at IS NULL)"#,
        queue.as_str(),
        age_seconds
    )
    .fetch_one(conn)
    .await?;
    Ok(row.unclaimed)
}

/// As [`unclaimed`], of jobs' own queues, job by job.
pub async fn unclaimed_by_job(conn: &mut Conn, age_seconds: f64) -> Result<Vec<(JobId, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT job_id, count(*) AS "unclaimed!" FROM steps
           WHERE queue = 'job' AND state = 'announced' AND announced_at < now() - make_interval(secs => $1)
             AND NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = steps.org_id AND o.step_id = steps.id
                             AND o.published_at IS NULL)
           GROUP BY job_id"#,
        age_seconds
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (JobId(r.job_id), r.unclaimed)).collect())
}

/// Announced steps (of this job, if one is named) that nobody has claimed for at least
/// `age_seconds`, oldest first, with no message owed to the bus; their announcement's age starts anew.
pub async fn take_unclaimed(
    conn: &mut Conn,
    queue: Queue,
    job_id: Option<JobId>,
    age_seconds: f64,
    limit: i64,
) -> Result<Vec<(OrgId, JobId, Announced, Option<String>)>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE steps SET announced_at = now() FROM jobs j
         WHERE j.org_id = steps.org_id AND j.id = steps.job_id
           AND (steps.org_id, steps.id) IN (
             SELECT s.org_id, s.id FROM steps s
             WHERE s.queue = $1 AND ($4::uuid IS NULL OR s.job_id = $4)
               AND s.state = 'announced' AND s.announced_at < now() - make_interval(secs => $2)
               AND NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = s.org_id AND o.step_id = s.id
                               AND o.published_at IS NULL)
             ORDER BY s.announced_at LIMIT $3 FOR UPDATE SKIP LOCKED)
         RETURNING steps.org_id, steps.job_id, steps.id, steps.kind, steps.queue, j.trace",
        queue.as_str(),
        age_seconds,
        limit,
        job_id.map(|id| id.0)
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let step = Announced { id: StepId(r.id), kind: r.kind, queue: r.queue.parse()? };
            Ok((OrgId(r.org_id), JobId(r.job_id), step, r.trace))
        })
        .collect()
}
