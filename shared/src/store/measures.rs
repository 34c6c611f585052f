//! How the fleet stands now, read over several tables for the gauges of `telemetry`.
//!
//! Cheap by their indexes: nothing here walks the history.

use super::workers::LIVE_SECONDS;
use super::{Conn, StoreError};
use crate::domain::connection::ConnectionState;
use crate::domain::job::{JobKind, JobState};
use crate::domain::step::Queue;

/// Jobs of a kind that stand alike.
#[derive(Clone, Copy, Debug)]
pub struct ActiveJobs {
    /// What they do.
    pub kind: JobKind,
    /// Where they stand.
    pub state: JobState,
    /// How many.
    pub jobs: i64,
    /// For how many seconds the oldest has run, or has waited to begin; one that is queued behind a run of
    /// its own task does not count.
    pub oldest_seconds: f64,
}

/// Jobs that have not ended, by kind and state.
pub async fn active_jobs(conn: &mut Conn) -> Result<Vec<ActiveJobs>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT kind, state, count(*) AS "jobs!",
               coalesce(extract(epoch FROM now() - min(coalesce(started_at, created_at))
                                           FILTER (WHERE queued_behind IS NULL)), 0)::float8 AS "oldest!"
           FROM jobs WHERE state IN ('pending', 'running') GROUP BY kind, state"#
    )
    .fetch_all(conn)
    .await?;
    // A kind of a newer release is that release's to count.
    let known = rows.into_iter().filter_map(|r| {
        let (kind, state) = (r.kind.parse().ok()?, r.state.parse().ok()?);
        Some(ActiveJobs { kind, state, jobs: r.jobs, oldest_seconds: r.oldest })
    });
    Ok(known.collect())
}

/// Saved connections by what their last test found.
pub async fn connections(conn: &mut Conn) -> Result<Vec<(ConnectionState, i64)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT state, count(*) AS "connections!" FROM connections WHERE deleted_at IS NULL GROUP BY state"#
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(|r| Ok((r.state.parse()?, r.connections))).collect()
}

/// Sessions on the connections that limit them.
#[derive(Clone, Copy, Debug, Default)]
pub struct LimitedSessions {
    /// Sessions that there may be.
    pub allowed: i64,
    /// Those that steps and holders have taken.
    pub used: i64,
    /// Connections all of whose sessions are taken.
    pub full: i64,
}

/// What is taken of all connections' `max_sessions`, counted as [`super::limits::room`] does for one
/// organisation, but for the session that leads a snapshot for a moment.
pub async fn limited_sessions(conn: &mut Conn) -> Result<LimitedSessions, StoreError> {
    let row = sqlx::query!(
        r#"WITH taken AS (
               SELECT j.org_id, side.connection, side.sessions
               FROM steps s JOIN jobs j ON j.org_id = s.org_id AND j.id = s.job_id
               CROSS JOIN LATERAL (VALUES (j.source_id, s.source_sessions), (j.target_id, s.target_sessions))
                   AS side (connection, sessions)
               WHERE s.state IN ('announced', 'running') AND j.state IN ('pending', 'running')
                 AND side.sessions > 0 AND NOT waits_for_target(s.org_id, s.job_id)
               UNION ALL
               SELECT h.org_id, j.source_id, h.sessions
               FROM job_holders h JOIN jobs j ON j.org_id = h.org_id AND j.id = h.job_id
               WHERE h.state IN ('preparing', 'enlisted', 'held')),
           limited AS (
               SELECT c.max_sessions, coalesce(sum(t.sessions), 0) AS used
               FROM connections c LEFT JOIN taken t ON t.org_id = c.org_id AND t.connection = c.id
               WHERE c.max_sessions IS NOT NULL AND c.deleted_at IS NULL
               GROUP BY c.org_id, c.id, c.max_sessions)
           SELECT coalesce(sum(max_sessions), 0)::bigint AS "allowed!", coalesce(sum(used), 0)::bigint AS "used!",
                  count(*) FILTER (WHERE used >= max_sessions) AS "full!"
           FROM limited"#
    )
    .fetch_one(conn)
    .await?;
    Ok(LimitedSessions { allowed: row.allowed, used: row.used, full: row.full })
}

/// How many subjects fire by a schedule, and for how many seconds the one that is due longest has waited.
pub async fn schedules(conn: &mut Conn) -> Result<(i64, f64), StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "scheduled!",
               coalesce(extract(epoch FROM greatest(now() - min(next_run_at), interval '0')), 0)::float8 AS "waits!"
           FROM schedules WHERE next_run_at IS NOT NULL"#
    )
    .fetch_one(conn)
    .await?;
    Ok((row.scheduled, row.waits))
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
