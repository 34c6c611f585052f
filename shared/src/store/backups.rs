//! Table `backups`, with what their packages say of them.

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::actor::Actor;
use crate::domain::backup::{Backup, BackupState, PackageState, Written};
use crate::domain::connection::Connection;
use crate::domain::id::{ConnectionId, JobId, OrgId, PackageId};
use crate::domain::sync::Selection;

struct Row {
    org_id: Uuid,
    id: Uuid,
    name: String,
    connection_id: Uuid,
    connection_name: String,
    engine: String,
    server_version: Option<String>,
    selection: Value,
    state: String,
    job_id: Option<Uuid>,
    point: Option<Value>,
    tables: Option<Value>,
    size_bytes: i64,
    stored_bytes: i64,
    verified_at: Option<DateTime<Utc>>,
    drilled_at: Option<DateTime<Utc>>,
    failure: Option<Value>,
    created_by_kind: String,
    created_by_id: Option<Uuid>,
    created_by_name: String,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Backup {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let state: PackageState = r.state.parse()?;
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: PackageId(r.id),
            name: r.name,
            connection_id: ConnectionId(r.connection_id),
            connection_name: r.connection_name,
            engine: r.engine.parse()?,
            server_version: r.server_version,
            selection: serde_json::from_value(r.selection)?,
            state: state.into(),
            job_id: r.job_id.map(JobId),
            point: r.point.map(serde_json::from_value).transpose()?,
            tables: r.tables.map(serde_json::from_value).transpose()?.unwrap_or_default(),
            size_bytes: r.size_bytes,
            stored_bytes: r.stored_bytes,
            verified_at: r.verified_at,
            drilled_at: r.drilled_at,
            failure: r.failure.map(serde_json::from_value).transpose()?,
            created_by: Actor {
                kind: r.created_by_kind.parse()?,
                id: r.created_by_id,
                name: r.created_by_name,
            },
            created_at: r.created_at,
        })
    }
}

/// Stores a backup that is going to be made.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    id: PackageId,
    name: &str,
    connection: &Connection,
    selection: &Selection,
    by: &Actor,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO backups (org_id, id, name, connection_id, connection_name, selection, created_by_kind,
             created_by_id, created_by_name)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
        org_id.0,
        id.0,
        name,
        connection.id.0,
        connection.name,
        serde_json::to_value(selection)?,
        by.kind.as_str(),
        by.id,
        by.name
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The backup.
pub async fn find(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<Option<Backup>, StoreError> {
    sqlx::query_as!(
        Row,
        r#"SELECT b.org_id, b.id, b.name, b.connection_id, b.connection_name, p.engine, p.server_version,
               b.selection, p.state, p.job_id, b.point, b.tables, p.size_bytes, p.stored_bytes, b.verified_at,
               b.drilled_at, b.failure, b.created_by_kind, b.created_by_id, b.created_by_name, b.created_at
           FROM backups b JOIN packages p ON p.org_id = b.org_id AND p.id = b.id
           WHERE b.org_id = $1 AND b.id = $2"#,
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Backup::try_from)
    .transpose()
}

/// Which backups a list shows.
#[derive(Clone, Copy, Debug, Default)]
pub struct Filter {
    /// Of this connection.
    pub connection_id: Option<ConnectionId>,
    /// That stand there.
    pub state: Option<BackupState>,
}

/// The organisation's backups, newest first, at most `limit` older than `before`.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    filter: Filter,
    before: Option<PackageId>,
    limit: i64,
) -> Result<Vec<Backup>, StoreError> {
    let state = filter.state.map(|state| {
        let same = |one: &&PackageState| BackupState::from(**one) == state;
        PackageState::ALL.iter().find(same).map_or("", |one| one.as_str())
    });
    let rows = sqlx::query_as!(
        Row,
        r#"SELECT b.org_id, b.id, b.name, b.connection_id, b.connection_name, p.engine, p.server_version,
               b.selection, p.state, p.job_id, b.point, NULL::jsonb AS tables, p.size_bytes, p.stored_bytes,
               b.verified_at, b.drilled_at, b.failure, b.created_by_kind, b.created_by_id, b.created_by_name,
               b.created_at
           FROM backups b JOIN packages p ON p.org_id = b.org_id AND p.id = b.id
           WHERE b.org_id = $1 AND ($2::uuid IS NULL OR b.id < $2) AND ($3::uuid IS NULL OR b.connection_id = $3)
             AND ($4::text IS NULL OR p.state = $4)
           ORDER BY b.id DESC LIMIT $5"#,
        org_id.0,
        before.map(|id| id.0),
        filter.connection_id.map(|id| id.0),
        state,
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(Backup::try_from).collect()
}

/// The backup is complete.
pub async fn complete(conn: &mut Conn, org_id: OrgId, written: &Written) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE backups SET point = $3, tables = $4 WHERE org_id = $1 AND id = $2",
        org_id.0,
        written.package_id.0,
        serde_json::to_value(&written.point)?,
        serde_json::to_value(&written.tables)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Everything of it was read just now, and is as it was written.
pub async fn verified(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE backups b SET verified_at = now() FROM packages p
         WHERE b.org_id = $1 AND b.id = $2 AND p.org_id = $1 AND p.id = $2 AND p.state = 'complete'",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the job was making will not be complete, for the job's reason; to be called before the package fails.
pub async fn fail_of_job(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE backups b SET failure = j.failure FROM packages p, jobs j
         WHERE p.org_id = $1 AND p.job_id = $2 AND p.state = 'writing' AND b.org_id = $1 AND b.id = p.id
           AND j.org_id = $1 AND j.id = $2",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
