//! How the fleet stands now, read over several tables for the gauges of `telemetry`.
//!
//! Cheap by their indexes: nothing here walks the history.

use super::workers::LIVE_SECONDS;
use super::{Conn, StoreError};
use crate::domain::job::{JobKind, JobState};
use crate::domain::step::Queue;

/// Jobs that have not ended, by kind and state.
pub async fn active_jobs(conn: &mut Conn) -> Result<Vec<(JobKind, JobState, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT kind, state, count(*) AS "jobs!" FROM jobs WHERE state IN ('pending', 'running')
           GROUP BY kind, state"#
    )
    .fetch_all(conn)
    .await?;
    // A kind of a newer release is that release's to count.
    let known = rows.into_iter().filter_map(|r| Some((r.kind.parse().ok()?, r.state.parse().ok()?, r.jobs)));
    Ok(known.collect())
}

/// Steps of a queue that nobody has claimed.
#[derive(Clone, Copy, Debug)]
pub struct Unclaimed {
    /// The queue.
    pub queue: Queue,
    /// How many; a retry's pause is over for all of them.
    pub steps: i64,
    /// Since when the oldest waits, in seconds.
    pub oldest_seconds: f64,
}

/// Announced steps that may be claimed and are not, by queue; a queue without any is left out.
pub async fn unclaimed(conn: &mut Conn) -> Result<Vec<Unclaimed>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT queue, count(*) AS "steps!",
               coalesce(extract(epoch FROM now() - min(announced_at)), 0)::float8 AS "oldest!"
           FROM steps WHERE state = 'announced' AND announced_at <= now() GROUP BY queue"#
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| Ok(Unclaimed { queue: r.queue.parse()?, steps: r.steps, oldest_seconds: r.oldest }))
        .collect()
}

/// Which share of its window each running job has out, at most `limit` jobs; 1 for a job
/// that has nothing more to announce. Stages are looked up, not joined: a join goes by statistics
/// that a new database does not have, and reads all stages for each step.
pub async fn window_fill(conn: &mut Conn, window: i64, limit: i64) -> Result<Vec<f64>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT (CASE WHEN EXISTS (
                       SELECT FROM steps s
                       WHERE s.org_id = j.org_id AND s.job_id = j.id AND s.state = 'waiting'
                         AND (SELECT g.waits FROM stages g WHERE g.org_id = s.org_id
                              AND g.job_id = s.job_id AND g.number = s.stage) = 0)
                   THEN (SELECT count(*) FROM steps o WHERE o.org_id = j.org_id AND o.job_id = j.id
                         AND o.state IN ('announced', 'running'))::float8 / greatest($1::bigint, 1)
                   ELSE 1 END)::float8 AS "fill!"
           FROM jobs j WHERE j.state = 'running' AND j.ending IS NULL LIMIT $2"#,
        window,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.fill).collect())
}

/// Live workers and the sum of their permits.
pub async fn live_workers(conn: &mut Conn) -> Result<(i64, i64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "workers!", coalesce(sum(permits), 0)::bigint AS "permits!" FROM workers
           WHERE heartbeat_at > now() - make_interval(secs => $1)"#,
        LIVE_SECONDS
    )
    .fetch_one(conn)
    .await?;
    Ok((row.workers, row.permits))
}
