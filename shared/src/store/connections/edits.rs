//! Edits of a connection, and what a job that began before one may still use.

use super::Row;
use crate::domain::connection::Connection;
use crate::domain::id::{ConnectionId, JobId, OrgId};
use crate::domain::secret::OwnerKind;
use crate::store::secrets::{self, SealedSecret};
use crate::store::{Conn, StoreError};

/// Writes an edited connection, which the caller has locked. A taken name is
/// [`StoreError::Taken`] by `connections_name`.
pub async fn update(conn: &mut Conn, c: &Connection) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET name = $3, engine = $4, connection_type = $5, hops = $6, host = $7, port = $8,
             database = $9, username = $10, tls = $11, timeout_seconds = $12, max_sessions = $13, state = $14,
             checked_at = $15, examination = CASE WHEN $14 = 'untested' THEN NULL ELSE examination END,
             version = $16, reach = $17, ask_password = $18, protected = $19, updated_at = now()
         WHERE org_id = $1 AND id = $2",
        c.org_id.0,
        c.id.0,
        c.name,
        c.engine.as_str(),
        c.connection_type.as_str(),
        serde_json::to_value(&c.hops)?,
        c.host,
        i32::from(c.port),
        c.database,
        c.username,
        serde_json::to_value(&c.tls)?,
        i32::try_from(c.timeout_seconds)?,
        c.max_sessions.map(i32::from),
        c.state.as_str(),
        c.checked_at,
        c.version,
        c.reach,
        c.ask_password,
        c.protected
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The connections of the tasks that read this one, or write it.
pub async fn partners(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
    written: bool,
) -> Result<Vec<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections c
         WHERE org_id = $1 AND deleted_at IS NULL AND EXISTS (
             SELECT FROM sync_tasks t WHERE t.org_id = $1 AND t.deleted_at IS NULL
                 AND CASE WHEN $3 THEN t.target_id = $2 AND t.source_id = c.id
                          ELSE t.source_id = $2 AND t.target_id = c.id END)",
        org_id.0,
        id.0,
        written
    )
    .fetch_all(conn)
    .await?
    .into_iter()
    .map(Connection::try_from)
    .collect()
}

/// The connection as the job began with it: not if it was deleted, or leads elsewhere by now.
pub async fn find_for_job(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
    job_id: JobId,
) -> Result<Option<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections c WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL
             AND reach = coalesce((SELECT CASE WHEN j.source_id = $2 THEN j.source_reach ELSE j.target_reach END
                                   FROM jobs j WHERE j.org_id = $1 AND j.id = $3), reach)",
        org_id.0,
        id.0,
        job_id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Connection::try_from)
    .transpose()
}

/// The sealed secrets of a connection that still leads where it did, in one look: never the
/// password of one place with the address of another. Only the system role may read them.
pub async fn secrets(conn: &mut Conn, connection: &Connection) -> Result<Vec<SealedSecret>, StoreError> {
    let rows = sqlx::query_as!(
        secrets::Row,
        "SELECT s.org_id, s.owner_kind, s.owner_id, s.name, s.version, s.key_id, s.sealed
         FROM secrets s JOIN connections c ON c.org_id = s.org_id AND c.id = s.owner_id
         WHERE s.org_id = $1 AND s.owner_kind = $4 AND s.owner_id = $2 AND c.reach = $3",
        connection.org_id.0,
        connection.id.0,
        connection.reach,
        OwnerKind::Connection.as_str()
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}
