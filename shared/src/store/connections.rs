//! Table `connections`.

pub mod checks;
pub mod demands;
pub mod edits;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Conn, StoreError, secrets};
use crate::domain::connection::{Connection, Tls};
use crate::domain::hop::Hop;
use crate::domain::id::{ConnectionId, OrgId};
use crate::domain::job::JobKind;

struct Row {
    org_id: Uuid,
    id: Uuid,
    name: String,
    engine: String,
    connection_type: String,
    hops: serde_json::Value,
    host: String,
    port: i32,
    database: String,
    username: String,
    tls: serde_json::Value,
    timeout_seconds: i32,
    max_sessions: Option<i32>,
    ask_password: bool,
    protected: bool,
    state: String,
    checked_at: Option<DateTime<Utc>>,
    version: i32,
    reach: i32,
    created_at: DateTime<Utc>,
}

impl TryFrom<Row> for Connection {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        Ok(Self {
            org_id: OrgId(r.org_id),
            id: ConnectionId(r.id),
            name: r.name,
            engine: r.engine.parse()?,
            connection_type: r.connection_type.parse()?,
            hops: serde_json::from_value::<Vec<Hop>>(r.hops)?,
            host: r.host,
            port: r.port.try_into()?,
            database: r.database,
            username: r.username,
            tls: serde_json::from_value::<Tls>(r.tls)?,
            timeout_seconds: r.timeout_seconds.try_into()?,
            max_sessions: r.max_sessions.map(TryInto::try_into).transpose()?,
            ask_password: r.ask_password,
            protected: r.protected,
            state: r.state.parse()?,
            checked_at: r.checked_at,
            version: r.version,
            reach: r.reach,
            created_at: r.created_at,
        })
    }
}

/// Stores a new connection; a taken name is [`StoreError::Taken`] by `connections_name`.
pub async fn insert(conn: &mut Conn, c: &Connection) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO connections (org_id, id, name, engine, connection_type, host, port, database, username,
             tls, timeout_seconds, version, created_at, updated_at, max_sessions, hops,
             ask_password, protected)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $13, $14, $15, $16, $17)",
        c.org_id.0,
        c.id.0,
        c.name,
        c.engine.as_str(),
        c.connection_type.as_str(),
        c.host,
        i32::from(c.port),
        c.database,
        c.username,
        serde_json::to_value(&c.tls)?,
        i32::try_from(c.timeout_seconds)?,
        c.version,
        c.created_at,
        c.max_sessions.map(i32::from),
        serde_json::to_value(&c.hops)?,
        c.ask_password,
        c.protected
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The connection, unless it was deleted.
pub async fn find(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Connection::try_from)
    .transpose()
}

/// The organisation's connections by name, at most `limit` after the name `after`.
pub async fn list(
    conn: &mut Conn,
    org_id: OrgId,
    after: Option<&str>,
    limit: i64,
) -> Result<Vec<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections
         WHERE org_id = $1 AND deleted_at IS NULL AND ($2::text IS NULL OR lower(name) > lower($2))
         ORDER BY lower(name) LIMIT $3",
        org_id.0,
        after,
        limit
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Connection::try_from)
    .collect()
}

/// Marks the connection as deleted and drops its secrets; the row stays for the history.
/// Answers whether there was one.
pub async fn delete(conn: &mut Conn, org_id: OrgId, id: ConnectionId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE connections SET deleted_at = now() WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .execute(&mut *conn)
    .await?;
    secrets::delete(conn, org_id, id).await?;
    Ok(done.rows_affected() == 1)
}

/// As [`find`], and nobody deletes the connection before the transaction ends.
pub async fn find_for_use(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR SHARE",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Connection::try_from)
    .transpose()
}

/// Whether a task that is not deleted, or a job that has not ended, uses the connection; a test
/// of it does not.
pub async fn is_used(conn: &mut Conn, org_id: OrgId, id: ConnectionId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM sync_tasks WHERE org_id = $1 AND deleted_at IS NULL
               AND (source_id = $2 OR target_id = $2))
           OR EXISTS (SELECT FROM jobs WHERE org_id = $1 AND state IN ('pending', 'running')
               AND kind <> $3 AND (source_id = $2 OR target_id = $2)) AS "used!""#,
        org_id.0,
        id.0,
        JobKind::ConnectionTest.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.used)
}
