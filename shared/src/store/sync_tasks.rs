//! Table `sync_tasks`. When a task runs by itself its row of `schedules` says.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError, schedules};
use crate::domain::id::{ConnectionId, OrgId, TaskId};
use crate::domain::schedule::Timing;
use crate::domain::subject::SubjectKind;
use crate::domain::sync::SyncSpec;

/// A sync task.
#[derive(Clone, Debug)]
pub struct SyncTask {
    /// The organisation.
    pub org_id: OrgId,
    /// Its identifier.
    pub id: TaskId,
    /// Its name, unique in the organisation without regard to case.
    pub name: String,
    /// The database that is read.
    pub source_id: ConnectionId,
    /// The database that is written.
    pub target_id: ConnectionId,
    /// What is to be done.
    pub spec: SyncSpec,
    /// When it runs by itself.
    pub timing: Timing,
    /// Grows with each edit.
    pub version: i32,
    /// When it was made.
    pub created_at: DateTime<Utc>,
}

struct Row {
    org_id: Uuid,
    id: Uuid,
    name: String,
    source_id: Uuid,
    target_id: Uuid,
    spec: serde_json::Value,
    schedule_id: Uuid,
    schedule: Option<serde_json::Value>,
    enabled: bool,
    overlap: String,
    catch_up_seconds: i32,
    next_run_at: Option<DateTime<Utc>>,
    version: i32,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for SyncTask {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let timing = schedules::Row {
            id: r.schedule_id,
            spec: r.schedule,
            enabled: r.enabled,
            overlap: r.overlap,
            catch_up_seconds: r.catch_up_seconds,
            next_run_at: r.next_run_at,
        };
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: TaskId(r.id),
            name: r.name,
            source_id: ConnectionId(r.source_id),
            target_id: ConnectionId(r.target_id),
            spec: serde_json::from_value(r.spec)?,
            timing: timing.try_into()?,
            version: r.version,
            created_at: r.created_at,
        })
    }
}

/// Stores a new task and its timing; a taken name is [`StoreError::Taken`] by `sync_tasks_name`.
pub async fn insert(conn: &mut Conn, t: &SyncTask) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO sync_tasks (org_id, id, name, source_id, target_id, spec, created_at, updated_at, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8)",
        t.org_id.0,
        t.id.0,
        t.name,
        t.source_id.0,
        t.target_id.0,
        serde_json::to_value(&t.spec)?,
        t.created_at,
        t.version
    )
    .execute(&mut *conn)
    .await?;
    schedules::insert(conn, t.org_id, t.id.into(), &t.timing).await
}

/// The task, unless it was deleted.
pub async fn find(conn: &mut Conn, org_id: OrgId, id: TaskId) -> Result<Option<SyncTask>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT t.org_id, t.id, t.name, t.source_id, t.target_id, t.spec, s.id AS schedule_id, s.spec AS schedule,
                s.enabled, s.overlap, s.catch_up_seconds, s.next_run_at, t.version, t.created_at
         FROM sync_tasks t JOIN schedules s ON s.org_id = t.org_id AND s.subject_kind = $3 AND s.subject_id = t.id
         WHERE t.org_id = $1 AND t.id = $2 AND t.deleted_at IS NULL",
        org_id.0,
        id.0,
        SubjectKind::SyncTask.as_str()
    )
    .fetch_optional(conn)
    .await?
    .map(SyncTask::try_from)
    .transpose()
}

/// The organisation's tasks by name, at most `limit` after the name `after`.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<SyncTask>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT t.org_id, t.id, t.name, t.source_id, t.target_id, t.spec, s.id AS schedule_id, s.spec AS schedule,
                s.enabled, s.overlap, s.catch_up_seconds, s.next_run_at, t.version, t.created_at
         FROM sync_tasks t JOIN schedules s ON s.org_id = t.org_id AND s.subject_kind = $4 AND s.subject_id = t.id
         WHERE t.org_id = $1 AND t.deleted_at IS NULL AND ($2::text IS NULL OR lower(t.name) > lower($2))
         ORDER BY lower(t.name) LIMIT $3",
        org_id.0,
        after,
        limit,
        SubjectKind::SyncTask.as_str()
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(SyncTask::try_from)
    .collect()
}

/// Writes an edited task and its timing, which the caller has locked by [`schedules::lock`]; answers
/// its new version. A taken name is [`StoreError::Taken`] by `sync_tasks_name`.
pub async fn update(conn: &mut Conn, t: &SyncTask) -> Result<i32, StoreError> {
    let row = sqlx::query!(
        "UPDATE sync_tasks SET name = $3, spec = $4, version = version + 1, updated_at = now()
         WHERE org_id = $1 AND id = $2 RETURNING version",
        t.org_id.0,
        t.id.0,
        t.name,
        serde_json::to_value(&t.spec)?
    )
    .fetch_one(&mut *conn)
    .await?;
    schedules::update(conn, t.org_id, &t.timing).await?;
    Ok(row.version)
}

/// Marks the task as deleted and ends its schedule; its jobs stay. Answers whether there was one.
pub async fn delete(conn: &mut Conn, org_id: OrgId, id: TaskId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sync_tasks SET deleted_at = now() WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .execute(&mut *conn)
    .await?;
    schedules::end(conn, org_id, id.into()).await?;
    Ok(done.rows_affected() == 1)
}
