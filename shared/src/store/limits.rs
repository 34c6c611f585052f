//! Limits: columns of `organisations` and `connections`, and what of them is taken.

use std::collections::BTreeMap;

use super::{Conn, StoreError, workers};
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::limits::{Contender, Room, Sessions};
use crate::domain::step::StepKind;

/// Jobs that are looked at for whose turn it is.
const CONTENDERS: i64 = 200;

/// Waits until nobody else lets out steps of the organisation that a limit holds for, and
/// keeps them from it until the transaction ends. Taken before any job's lock.
pub async fn lock(conn: &mut Conn, org_id: OrgId) -> Result<(), StoreError> {
    sqlx::query!(
        "SELECT FROM pg_advisory_xact_lock(hashtextextended('longshore limits ' || $1::text, 0))",
        org_id.to_string()
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Organisations in which a step waits that a limit holds for.
pub async fn waiting(conn: &mut Conn, limit: i64) -> Result<Vec<OrgId>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT j.org_id FROM jobs j
         WHERE j.state IN ('pending', 'running') AND j.ending IS NULL
           AND is_limited(j.org_id, j.source_id, j.target_id)
           AND EXISTS (SELECT FROM steps s
                       WHERE s.org_id = j.org_id AND s.job_id = j.id AND s.state = 'waiting'
                         AND (SELECT g.waits FROM stages g WHERE g.org_id = s.org_id
                              AND g.job_id = s.job_id AND g.number = s.stage) = 0)
         LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| OrgId(r.org_id)).collect())
}

/// What is left of the organisation's limits. A job that waits for its target has a step
/// announced that nobody takes up; were it counted, the job that it waits for could starve. Whoever
/// leads a snapshot has a session beside its holders, from the first of them on.
pub async fn room(conn: &mut Conn, org_id: OrgId) -> Result<Room, StoreError> {
    let steps = sqlx::query!(
        r#"SELECT max_steps - (SELECT count(*) FROM steps s WHERE s.org_id = $1
                               AND s.state IN ('announced', 'running') AND NOT waits_for_target(s.org_id, s.job_id)) AS room
           FROM organisations WHERE id = $1"#,
        org_id.0
    )
    .fetch_optional(&mut *conn)
    .await?;
    let sessions = sqlx::query!(
        r#"SELECT c.id, c.max_sessions - coalesce((
               SELECT sum(CASE WHEN j.source_id = c.id THEN s.source_sessions ELSE 0 END
                          + CASE WHEN j.target_id = c.id THEN s.target_sessions ELSE 0 END)
               FROM jobs j JOIN steps s ON s.org_id = j.org_id AND s.job_id = j.id
               WHERE j.org_id = $1 AND j.state IN ('pending', 'running') AND c.id IN (j.source_id, j.target_id)
                 AND s.state IN ('announced', 'running') AND NOT waits_for_target(s.org_id, s.job_id)), 0)
             - coalesce((
               SELECT sum(h.sessions) FROM jobs j JOIN job_holders h ON h.org_id = j.org_id AND h.job_id = j.id
               WHERE j.org_id = $1 AND j.source_id = c.id AND h.state IN ('preparing', 'enlisted', 'held')), 0)
             - CASE WHEN c.max_sessions = 1 THEN 0 ELSE (
               SELECT count(*) FROM jobs j
               WHERE j.org_id = $1 AND j.source_id = c.id AND j.state = 'running'
                 AND EXISTS (SELECT FROM job_holders h WHERE h.org_id = j.org_id AND h.job_id = j.id
                             AND h.state IN ('preparing', 'enlisted', 'held'))
                 AND EXISTS (SELECT FROM steps s WHERE s.org_id = j.org_id AND s.job_id = j.id
                             AND s.kind = $2 AND s.state IN ('announced', 'running'))) END AS "room!"
           FROM connections c WHERE c.org_id = $1 AND c.max_sessions IS NOT NULL"#,
        org_id.0,
        StepKind::Snapshot.as_str()
    )
    .fetch_all(conn)
    .await?;
    let sessions: BTreeMap<_, _> = sessions.into_iter().map(|r| (ConnectionId(r.id), r.room)).collect();
    Ok(Room { steps: steps.and_then(|r| r.room), sessions })
}

/// The organisation's jobs that a limit holds for and that have steps to let out.
pub async fn contenders(conn: &mut Conn, org_id: OrgId) -> Result<Vec<Contender>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT j.id, j.source_id, j.target_id, j.let_out_at, o.steps AS "out!", w.sources AS "sources!",
               w.targets AS "targets!"
           FROM jobs j
           CROSS JOIN LATERAL (SELECT count(*) AS steps FROM steps s WHERE s.org_id = $1 AND s.job_id = j.id
                               AND s.state IN ('announced', 'running')) o
           CROSS JOIN LATERAL (
               SELECT array_agg(n.source_sessions ORDER BY n.ordinal) AS sources,
                      array_agg(n.target_sessions ORDER BY n.ordinal) AS targets
               FROM (SELECT s.ordinal, s.source_sessions, s.target_sessions FROM steps s
                     WHERE s.org_id = $1 AND s.job_id = j.id AND s.state = 'waiting'
                       AND (SELECT g.waits FROM stages g
                            WHERE g.org_id = $1 AND g.job_id = s.job_id AND g.number = s.stage) = 0
                     ORDER BY s.ordinal LIMIT greatest(0, job_window($2) - o.steps)) n) w
           WHERE j.org_id = $1 AND j.state IN ('pending', 'running') AND j.ending IS NULL
             AND is_limited($1, j.source_id, j.target_id) AND w.sources IS NOT NULL
           ORDER BY o.steps, j.let_out_at NULLS FIRST, j.id LIMIT $3"#,
        org_id.0,
        workers::LIVE_SECONDS,
        CONTENDERS
    )
    .fetch_all(conn)
    .await?;
    let sessions = |(source, target): (i16, i16)| Sessions { source, target };
    Ok(rows
        .into_iter()
        .map(|r| Contender {
            job_id: JobId(r.id),
            source: r.source_id.map(ConnectionId),
            target: r.target_id.map(ConnectionId),
            out: r.out,
            let_out_at: r.let_out_at,
            waiting: r.sources.into_iter().zip(r.targets).map(sessions).collect(),
        })
        .collect())
}

/// Remembers that the job's turn was now.
pub async fn note_turn(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs SET let_out_at = clock_timestamp() WHERE org_id = $1 AND id = $2",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The organisation's limit of steps.
pub async fn steps(conn: &mut Conn, org_id: OrgId) -> Result<Option<i32>, StoreError> {
    let row = sqlx::query!("SELECT max_steps FROM organisations WHERE id = $1", org_id.0)
        .fetch_optional(conn)
        .await?;
    Ok(row.and_then(|r| r.max_steps))
}

/// Sets the organisation's limit of steps, or lifts it.
pub async fn set_steps(conn: &mut Conn, org_id: OrgId, most: Option<i32>) -> Result<(), StoreError> {
    sqlx::query!("UPDATE organisations SET max_steps = $2 WHERE id = $1", org_id.0, most)
        .execute(conn)
        .await?;
    Ok(())
}
