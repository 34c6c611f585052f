//! Runs that wait for their task's run before them: rows of `jobs` with `queued_behind`.

use chrono::{DateTime, Utc};

use super::super::{Conn, StoreError};
use crate::domain::id::{ConnectionId, JobId, OrgId, TaskId};
use crate::domain::job::{JobSpec, Trigger};

/// A run that waits.
#[derive(Clone, Debug)]
pub struct Queued {
    /// Its job.
    pub id: JobId,
    /// Its task.
    pub task_id: TaskId,
    /// Who asked for it.
    pub trigger: Trigger,
    /// The schedule's due time.
    pub due_at: Option<DateTime<Utc>>,
    /// The trace context of its submission.
    pub trace: Option<String>,
}

/// The task's run that has not ended and does not wait, if there is one; locked, so that its
/// end comes after whatever the caller does.
pub async fn lock_active(
    conn: &mut Conn,
    org_id: OrgId,
    task_id: TaskId,
) -> Result<Option<JobId>, StoreError> {
    let row = sqlx::query!(
        "SELECT id FROM jobs WHERE org_id = $1 AND task_id = $2 AND state IN ('pending', 'running')
           AND queued_behind IS NULL FOR NO KEY UPDATE",
        org_id.0,
        task_id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| JobId(r.id)))
}

/// The task's run that waits, if there is one; locked.
pub async fn lock(conn: &mut Conn, org_id: OrgId, task_id: TaskId) -> Result<Option<Queued>, StoreError> {
    let row = sqlx::query!(
        "SELECT id, trigger, due_at, trace FROM jobs WHERE org_id = $1 AND task_id = $2 AND state = 'pending'
           AND queued_behind IS NOT NULL FOR NO KEY UPDATE",
        org_id.0,
        task_id.0
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| {
        Ok(Queued { id: JobId(r.id), task_id, trigger: r.trigger.parse()?, due_at: r.due_at, trace: r.trace })
    })
    .transpose()
}

/// The task of a job, if another run of it waits.
pub async fn task_waiting_for(
    conn: &mut Conn,
    org_id: OrgId,
    ended: JobId,
) -> Result<Option<TaskId>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT q.task_id AS "task_id!" FROM jobs j
           JOIN jobs q ON q.org_id = j.org_id AND q.task_id = j.task_id
           WHERE j.org_id = $1 AND j.id = $2 AND q.state = 'pending' AND q.queued_behind IS NOT NULL"#,
        org_id.0,
        ended.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| TaskId(r.task_id)))
}

/// A later due time takes the place of the one that waits.
pub async fn replace_due(
    conn: &mut Conn,
    org_id: OrgId,
    id: JobId,
    due_at: DateTime<Utc>,
) -> Result<(), StoreError> {
    sqlx::query!("UPDATE jobs SET due_at = $3 WHERE org_id = $1 AND id = $2", org_id.0, id.0, due_at)
        .execute(conn)
        .await?;
    Ok(())
}

/// The waiting run becomes the task's active one.
pub async fn release(conn: &mut Conn, org_id: OrgId, id: JobId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE jobs SET queued_behind = NULL WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .execute(conn)
        .await?;
    Ok(())
}

/// What the waiting run is to do, as its task says by now. One that brought passwords along stays
/// with where its connections led when they were given.
pub async fn refresh(
    conn: &mut Conn,
    org_id: OrgId,
    id: JobId,
    spec: &JobSpec,
    (source, target): (ConnectionId, ConnectionId),
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE jobs SET spec = $3, source_id = $4, target_id = $5,
             (source_reach, target_reach) = (
                 SELECT CASE WHEN given THEN source_reach ELSE (SELECT reach FROM connections WHERE org_id = $1 AND id = $4) END,
                        CASE WHEN given THEN target_reach ELSE (SELECT reach FROM connections WHERE org_id = $1 AND id = $5) END
                 FROM (SELECT EXISTS (SELECT FROM job_secrets WHERE org_id = $1 AND job_id = $2) AS given) AS brought)
         WHERE org_id = $1 AND id = $2",
        org_id.0,
        id.0,
        super::stored(spec)?,
        source.0,
        target.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Tasks of which a run waits although nothing is in its way.
pub async fn stranded(conn: &mut Conn, limit: i64) -> Result<Vec<(OrgId, TaskId)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT q.org_id, q.task_id AS "task_id!" FROM jobs q
           WHERE q.state = 'pending' AND q.queued_behind IS NOT NULL
             AND NOT EXISTS (SELECT FROM jobs a WHERE a.org_id = q.org_id AND a.task_id = q.task_id
                             AND a.state IN ('pending', 'running') AND a.queued_behind IS NULL)
           ORDER BY q.id LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), TaskId(r.task_id))).collect())
}
