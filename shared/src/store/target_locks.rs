//! Table `target_locks`: which job writes where, and which jobs wait for that. Written by
//! `workflow` only.

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::target::{FormerHolder, TargetArea};

/// What a job has asked for.
#[derive(Clone, Debug)]
pub struct Asked {
    /// Where it wants to write.
    pub area: TargetArea,
    /// It may; else it waits.
    pub held: bool,
    /// Its place in the order of asking.
    place: i64,
}

/// Until the transaction ends, nobody else decides about this database of this server.
pub async fn lock(conn: &mut Conn, server: &str, database: &str) -> Result<(), StoreError> {
    sqlx::query!("SELECT pg_advisory_xact_lock(hashtextextended($1 || chr(31) || $2, 0))", server, database)
        .fetch_one(conn)
        .await?;
    Ok(())
}

/// What the job has asked for and not given back.
pub async fn asked(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Option<Asked>, StoreError> {
    let row = sqlx::query!(
        "SELECT server, database, tables, state, place FROM target_locks
         WHERE org_id = $1 AND job_id = $2 AND state <> 'released'",
        org_id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Asked {
        area: TargetArea { server: r.server, database: r.database, tables: r.tables },
        held: r.state == "held",
        place: r.place,
    }))
}

/// Where the job may write.
pub async fn held(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Option<TargetArea>, StoreError> {
    Ok(asked(conn, org_id, job_id).await?.filter(|asked| asked.held).map(|asked| asked.area))
}

/// A job that stands in the way of another: it writes there, or it asked earlier.
/// The one that asked before (`asked`) is behind nobody who asked later.
pub async fn blocker(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    area: &TargetArea,
    asked: Option<&Asked>,
) -> Result<Option<(OrgId, JobId)>, StoreError> {
    let row = sqlx::query!(
        "SELECT org_id, job_id FROM target_locks
         WHERE server = $3 AND database = $4 AND (org_id, job_id) <> ($1, $2)
           AND (state = 'held' OR state = 'waiting' AND place < $6) AND tables_overlap(tables, $5)
         ORDER BY state, org_id = $1 DESC, place LIMIT 1",
        org_id.0,
        job_id.0,
        area.server,
        area.database,
        area.tables.as_deref(),
        asked.map_or(i64::MAX, |asked| asked.place)
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| (OrgId(r.org_id), JobId(r.job_id))))
}

/// The job has the area, or waits for it; what it asked for before is forgotten, but not
/// its place.
pub async fn set(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    area: &TargetArea,
    held: bool,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO target_locks (org_id, job_id, server, database, tables, state)
         VALUES ($1, $2, $3, $4, $5, $6)
         ON CONFLICT (org_id, job_id) DO UPDATE
         SET server = $3, database = $4, tables = $5, state = $6, loose_steps = '{}'",
        org_id.0,
        job_id.0,
        area.server,
        area.database,
        area.tables.as_deref(),
        if held { "held" } else { "waiting" }
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The job writes nothing any more. Steps that began and did not come to their own end
/// may have left a session on the server: with some, the row stays for who comes next.
pub async fn release(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE target_locks SET state = 'released', loose_steps = loose.ids
         FROM (SELECT array_agg(id) AS ids FROM steps
               WHERE org_id = $1 AND job_id = $2 AND started_at IS NOT NULL AND state <> 'done') loose
         WHERE org_id = $1 AND job_id = $2 AND state = 'held' AND loose.ids IS NOT NULL",
        org_id.0,
        job_id.0
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "DELETE FROM target_locks WHERE org_id = $1 AND job_id = $2 AND state <> 'released'",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Ended jobs that wrote in the area and may have left a session there.
pub async fn former(conn: &mut Conn, area: &TargetArea) -> Result<Vec<FormerHolder>, StoreError> {
    let rows = sqlx::query!(
        "SELECT org_id, job_id, loose_steps FROM target_locks
         WHERE server = $1 AND database = $2 AND state = 'released' AND tables_overlap(tables, $3)
         ORDER BY place",
        area.server,
        area.database,
        area.tables.as_deref()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| FormerHolder {
            org_id: OrgId(r.org_id),
            job_id: JobId(r.job_id),
            loose_steps: r.loose_steps.into_iter().map(StepId).collect(),
        })
        .collect())
}

/// No session of these ended jobs lives any more.
pub async fn forget(conn: &mut Conn, former: &[FormerHolder]) -> Result<(), StoreError> {
    let orgs: Vec<Uuid> = former.iter().map(|f| f.org_id.0).collect();
    let jobs: Vec<Uuid> = former.iter().map(|f| f.job_id.0).collect();
    sqlx::query!(
        "DELETE FROM target_locks WHERE state = 'released'
           AND (org_id, job_id) IN (SELECT * FROM unnest($1::uuid[], $2::uuid[]))",
        &orgs,
        &jobs
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Databases of servers where a waiting job has nobody in its way.
pub async fn free(conn: &mut Conn) -> Result<Vec<(String, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT w.server, w.database FROM target_locks w
         WHERE w.state = 'waiting' AND NOT EXISTS (
             SELECT FROM target_locks h
             WHERE h.server = w.server AND h.database = w.database AND (h.org_id, h.job_id) <> (w.org_id, w.job_id)
               AND (h.state = 'held' OR h.state = 'waiting' AND h.place < w.place)
               AND tables_overlap(h.tables, w.tables))"
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.server, r.database)).collect())
}

/// Gives waiting jobs that have nobody in their way what they wait for; under [`lock`].
pub async fn grant(conn: &mut Conn, server: &str, database: &str) -> Result<Vec<(OrgId, JobId)>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE target_locks SET state = 'held' WHERE (org_id, job_id) IN (
             SELECT w.org_id, w.job_id FROM target_locks w
             WHERE w.server = $1 AND w.database = $2 AND w.state = 'waiting' AND NOT EXISTS (
                 SELECT FROM target_locks h
                 WHERE h.server = $1 AND h.database = $2 AND (h.org_id, h.job_id) <> (w.org_id, w.job_id)
                   AND (h.state = 'held' OR h.state = 'waiting' AND h.place < w.place)
                   AND tables_overlap(h.tables, w.tables))
             FOR UPDATE SKIP LOCKED)
         RETURNING org_id, job_id",
        server,
        database
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), JobId(r.job_id))).collect())
}

/// Which of the jobs wait for their target, each with a job of the same organisation that
/// is in its way. What other organisations do stays theirs.
pub async fn waiting(
    conn: &mut Conn,
    org_id: OrgId,
    jobs: &[JobId],
) -> Result<Vec<(JobId, Option<JobId>)>, StoreError> {
    let ids: Vec<Uuid> = jobs.iter().map(|id| id.0).collect();
    let rows = sqlx::query!(
        "SELECT w.job_id, (
             SELECT h.job_id FROM target_locks h
             WHERE h.org_id = $1 AND h.job_id <> w.job_id AND h.server = w.server AND h.database = w.database
               AND (h.state = 'held' OR h.state = 'waiting' AND h.place < w.place)
               AND tables_overlap(h.tables, w.tables)
             ORDER BY h.state, h.place LIMIT 1) AS blocker
         FROM target_locks w WHERE w.org_id = $1 AND w.job_id = ANY ($2) AND w.state = 'waiting'",
        org_id.0,
        &ids
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (JobId(r.job_id), r.blocker.map(JobId))).collect())
}
