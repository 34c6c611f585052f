//! Holders that are gone, and jobs of which nobody holds anything any more.

use super::Holder;
use crate::domain::id::{JobId, OrgId, WorkerId};
use crate::store::{Conn, StoreError};

/// Holders of running jobs whose lease has lapsed; to be looked at again when struck off.
pub async fn lapsed(conn: &mut Conn, limit: i64) -> Result<Vec<Holder>, StoreError> {
    let rows = sqlx::query!(
        "SELECT h.org_id, h.job_id, h.generation, h.worker_id, h.worker_name FROM job_holders h
         JOIN job_holds d ON d.org_id = h.org_id AND d.job_id = h.job_id AND d.generation = h.generation
         JOIN jobs j ON j.org_id = h.org_id AND j.id = h.job_id
         WHERE h.state IN ('preparing', 'enlisted', 'held') AND h.lease_until < now()
           AND j.state = 'running' AND j.ending IS NULL
         ORDER BY h.lease_until LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?;
    let holder = |org, job, generation, worker, worker_name| Holder {
        org_id: OrgId(org),
        job_id: JobId(job),
        generation,
        worker_id: WorkerId(worker),
        worker_name,
    };
    Ok(rows
        .into_iter()
        .map(|r| holder(r.org_id, r.job_id, r.generation, r.worker_id, r.worker_name))
        .collect())
}

/// Strikes off silent holders of jobs that have ended, and answers these jobs: nobody is left who
/// lets go of what was theirs.
pub async fn forget(conn: &mut Conn, limit: i64) -> Result<Vec<JobId>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE job_holders h SET state = 'lost'
         FROM (SELECT h.org_id, h.job_id, h.generation, h.worker_id FROM job_holders h
               JOIN jobs j ON j.org_id = h.org_id AND j.id = h.job_id
               WHERE h.state IN ('preparing', 'enlisted', 'held') AND h.lease_until < now()
                 AND j.state IN ('completed', 'failed', 'cancelled')
               ORDER BY h.lease_until LIMIT $1) gone
         WHERE h.org_id = gone.org_id AND h.job_id = gone.job_id AND h.generation = gone.generation
           AND h.worker_id = gone.worker_id
         RETURNING h.job_id",
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| JobId(r.job_id)).collect())
}

/// Jobs that have ended in the last minutes and had a queue of their own, but for those that are
/// `done` with and those that somebody still holds for, who consumes the queue; and of each whether that is so long ago that no message of it is on its way any
/// more, which would have made the queue again. What is still owed to such queues is owed no more.
pub async fn just_ended(
    conn: &mut Conn,
    limit: i64,
    done: &[JobId],
) -> Result<Vec<(JobId, bool)>, StoreError> {
    sqlx::query!(
        "DELETE FROM outbox o USING jobs j
         WHERE o.queue = 'job' AND o.published_at IS NULL AND j.org_id = o.org_id AND j.id = o.job_id
           AND j.state IN ('completed', 'failed', 'cancelled')"
    )
    .execute(&mut *conn)
    .await?;
    let done: Vec<_> = done.iter().map(|job| job.0).collect();
    let rows = sqlx::query!(
        r#"SELECT j.id, j.ended_at < now() - interval '20 s' AS "long_ago!"
           FROM jobs j JOIN job_holds d ON d.org_id = j.org_id AND d.job_id = j.id
           WHERE j.state IN ('completed', 'failed', 'cancelled')
             AND j.ended_at BETWEEN now() - interval '10 min' AND now() - interval '1 s'
             AND j.id <> ALL ($2)
             AND NOT EXISTS (SELECT FROM job_holders h WHERE h.org_id = j.org_id AND h.job_id = j.id
                             AND h.state IN ('preparing', 'enlisted', 'held'))
           ORDER BY j.ended_at LIMIT $1"#,
        limit,
        &done
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (JobId(r.id), r.long_ago)).collect())
}

/// Strikes a holder off whose lease has lapsed; `false`: it renewed or let go in between.
pub async fn strike(conn: &mut Conn, holder: &Holder) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holders SET state = 'lost'
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND worker_id = $4
           AND state IN ('preparing', 'enlisted', 'held') AND lease_until < now()",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Running jobs that have steps for holders and no holder any more; to be looked at again
/// under their lock by [`orphan`].
pub async fn orphans(conn: &mut Conn, limit: i64) -> Result<Vec<(OrgId, JobId)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT d.org_id, d.job_id FROM job_holds d JOIN jobs j ON j.org_id = d.org_id AND j.id = d.job_id
         WHERE d.phase = 'open' AND j.state = 'running' AND j.ending IS NULL
           AND NOT EXISTS (SELECT FROM job_holders h WHERE h.org_id = d.org_id AND h.job_id = d.job_id
                           AND h.generation = d.generation AND h.state = 'held')
           AND EXISTS (SELECT FROM steps s WHERE s.org_id = d.org_id AND s.job_id = d.job_id
                       AND s.queue = 'job' AND s.state IN ('waiting', 'announced', 'running'))
         ORDER BY d.job_id LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), JobId(r.job_id))).collect())
}

/// A job of which nobody holds anything any more.
#[derive(Clone, Copy, Debug)]
pub struct Orphan {
    /// The generation that is lost.
    pub generation: i32,
    /// The stage that enlists.
    pub stage: i32,
    /// How often it started again before.
    pub restarts: i32,
}

/// The job, if it is still one of [`orphans`]; under its lock.
pub async fn orphan(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Option<Orphan>, StoreError> {
    let row = sqlx::query!(
        "SELECT d.generation, d.stage, d.restarts FROM job_holds d
         WHERE d.org_id = $1 AND d.job_id = $2 AND d.phase = 'open'
           AND NOT EXISTS (SELECT FROM job_holders h WHERE h.org_id = $1 AND h.job_id = $2
                           AND h.generation = d.generation AND h.state = 'held')
           AND EXISTS (SELECT FROM steps s WHERE s.org_id = $1 AND s.job_id = $2
                       AND s.queue = 'job' AND s.state IN ('waiting', 'announced', 'running'))
         FOR UPDATE OF d",
        org_id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Orphan { generation: r.generation, stage: r.stage, restarts: r.restarts }))
}

/// The job starts again from its enlisting: its steps from that stage on wait once more,
/// whatever came of them (those that were not done keep count of their attempts: one of them may
/// be what the holders died of), and its stages are as they were when they were made. Who runs
/// such a step finds its lease gone.
pub async fn restart(conn: &mut Conn, org_id: OrgId, job_id: JobId, stage: i32) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_holds SET restarts = restarts + 1, phase = 'enlisting', point = NULL
         WHERE org_id = $1 AND job_id = $2",
        org_id.0,
        job_id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE steps SET state = 'waiting', attempt = CASE state WHEN 'done' THEN 0 ELSE attempt END, lease_until = NULL, announced_at = NULL, ended_at = NULL,
             outcome = NULL, failure = NULL, generation = NULL, rows = 0, bytes = 0, inserted = 0, updated = 0,
             deleted = 0, unchanged = 0, skipped = 0
         WHERE org_id = $1 AND job_id = $2 AND stage >= $3",
        org_id.0,
        job_id.0,
        stage
    )
    .execute(&mut *conn)
    .await?;
    // A table that failed on the way begins anew; one that the plan refused has no step.
    sqlx::query!(
        "UPDATE job_tables SET failure = NULL, done = false, wrote = false, rows = 0, bytes = 0, inserted = 0, updated = 0,
             deleted = 0, unchanged = 0, skipped = 0, seconds = NULL, worker_name = NULL
         WHERE org_id = $1 AND job_id = $2 AND mode <> 'refused'",
        org_id.0,
        job_id.0
    )
    .execute(&mut *conn)
    .await?;
    // A later stage has a higher number. What it waits for is each stage that feeds it and
    // has not ended, the ones that begin again among them.
    sqlx::query!(
        "UPDATE stages g
         SET remaining = (SELECT count(*) FROM steps s
                          WHERE s.org_id = $1 AND s.job_id = $2 AND s.stage = g.number),
             waits = (SELECT count(*) FROM stages f
                      WHERE f.org_id = $1 AND f.job_id = $2 AND g.number = ANY (f.feeds)
                        AND (f.number >= $3 OR f.remaining > 0 OR f.waits > 0))
         WHERE g.org_id = $1 AND g.job_id = $2 AND g.number >= $3",
        org_id.0,
        job_id.0,
        stage
    )
    .execute(conn)
    .await?;
    Ok(())
}
