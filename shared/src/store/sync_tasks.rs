//! Table `sync_tasks`.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{ConnectionId, OrgId, TaskId};
use crate::domain::schedule::Schedule;
use crate::domain::sync::{Overlap, SyncSpec};

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
    pub schedule: Option<Schedule>,
    /// Whether the schedule fires.
    pub enabled: bool,
    /// What happens to a run while another one goes on.
    pub overlap: Overlap,
    /// How late a due time may still fire, in seconds.
    pub catch_up_seconds: i32,
    /// The next firing.
    pub next_run_at: Option<DateTime<Utc>>,
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
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: TaskId(r.id),
            name: r.name,
            source_id: ConnectionId(r.source_id),
            target_id: ConnectionId(r.target_id),
            spec: serde_json::from_value(r.spec)?,
            schedule: r.schedule.map(serde_json::from_value).transpose()?,
            enabled: r.enabled,
            overlap: r.overlap.parse()?,
            catch_up_seconds: r.catch_up_seconds,
            next_run_at: r.next_run_at,
            version: r.version,
            created_at: r.created_at,
        })
    }
}

/// Stores a new task; a taken name is [`StoreError::Taken`] by `sync_tasks_name`.
pub async fn insert(conn: &mut Conn, t: &SyncTask) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO sync_tasks (org_id, id, name, source_id, target_id, spec, schedule, enabled, next_run_at,
             created_at, updated_at, overlap, catch_up_seconds, version)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $10, $11, $12, $13)",
        t.org_id.0,
        t.id.0,
        t.name,
        t.source_id.0,
        t.target_id.0,
        serde_json::to_value(&t.spec)?,
        t.schedule.as_ref().map(serde_json::to_value).transpose()?,
        t.enabled,
        t.next_run_at,
        t.created_at,
        t.overlap.as_str(),
        t.catch_up_seconds,
        t.version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The task, unless it was deleted.
pub async fn find(conn: &mut Conn, org_id: OrgId, id: TaskId) -> Result<Option<SyncTask>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, source_id, target_id, spec, schedule, enabled, overlap, catch_up_seconds,
                next_run_at, version, created_at
         FROM sync_tasks WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
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
        "SELECT org_id, id, name, source_id, target_id, spec, schedule, enabled, overlap, catch_up_seconds,
                next_run_at, version, created_at
         FROM sync_tasks
         WHERE org_id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR lower(name) > lower($2))
         ORDER BY lower(name) LIMIT $3",
        org_id.0,
        after,
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(SyncTask::try_from)
    .collect()
}

/// Locks the task against schedulers and other edits until the transaction ends, but not
/// against jobs that refer to it. Answers whether there is one.
pub async fn lock(conn: &mut Conn, org_id: OrgId, id: TaskId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        "SELECT id FROM sync_tasks WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Writes an edited task, which the caller has locked; answers its new version. A taken
/// name is [`StoreError::Taken`] by `sync_tasks_name`.
pub async fn update(conn: &mut Conn, t: &SyncTask) -> Result<i32, StoreError> {
    let row = sqlx::query!(
        "UPDATE sync_tasks SET name = $3, spec = $4, schedule = $5, enabled = $6, overlap = $7,
             catch_up_seconds = $8, next_run_at = $9, version = version + 1, updated_at = now()
         WHERE org_id = $1 AND id = $2 RETURNING version",
        t.org_id.0,
        t.id.0,
        t.name,
        serde_json::to_value(&t.spec)?,
        t.schedule.as_ref().map(serde_json::to_value).transpose()?,
        t.enabled,
        t.overlap.as_str(),
        t.catch_up_seconds,
        t.next_run_at
    )
    .fetch_one(conn)
    .await?;
    Ok(row.version)
}

/// Marks the task as deleted; its jobs stay. Answers whether there was one.
pub async fn delete(conn: &mut Conn, org_id: OrgId, id: TaskId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE sync_tasks SET deleted_at = now(), next_run_at = NULL
         WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// A task whose firing is due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// The organisation.
    pub org_id: OrgId,
    /// The task.
    pub id: TaskId,
    /// The time that was set for it.
    pub at: DateTime<Utc>,
    /// The database's time.
    pub now: DateTime<Utc>,
}

/// The organisations of which a firing is due by the database's clock.
pub async fn due_organisations(conn: &mut Conn) -> Result<Vec<OrgId>, StoreError> {
    let rows = sqlx::query!(
        "SELECT DISTINCT org_id FROM sync_tasks
         WHERE next_run_at <= now() AND enabled AND deleted_at IS NULL"
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| OrgId(r.org_id)).collect())
}

/// At most `limit` of the organisation's tasks whose firing is due by the database's clock,
/// those that are due longest first, locked against other schedulers and against edits, but
/// not against jobs that refer to them. [`find`] reads them: a row that does not read must
/// not keep the others from firing.
pub async fn lock_due(conn: &mut Conn, org_id: OrgId, limit: i64) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT id, next_run_at AS "at!", now() AS "now!" FROM sync_tasks
           WHERE org_id = $1 AND next_run_at <= now() AND enabled AND deleted_at IS NULL
           ORDER BY next_run_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED"#,
        org_id.0,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| Due { org_id, id: TaskId(r.id), at: r.at, now: r.now }).collect())
}

/// Sets when the task fires next.
pub async fn set_next_run(
    conn: &mut Conn,
    org_id: OrgId,
    id: TaskId,
    next: Option<DateTime<Utc>>,
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE sync_tasks SET next_run_at = $3 WHERE org_id = $1 AND id = $2",
        org_id.0,
        id.0,
        next
    )
    .execute(conn)
    .await?;
    Ok(())
}
