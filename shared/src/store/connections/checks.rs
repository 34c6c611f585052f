//! What tests found of a connection, which host keys were confirmed, and when the scheduler
//! looks again.

use super::{Conn, Connection, Row, StoreError};
use crate::domain::actor::ActorKind;
use crate::domain::connection::ConnectionState;
use crate::domain::connection_test::Examined;
use crate::domain::examination::Examination;
use crate::domain::hop::Hop;
use crate::domain::id::{ConnectionId, OrgId};
use crate::domain::job::JobKind;
use crate::domain::secret::OwnerKind;

/// Notes what a test of a saved connection found, unless the connection is another one by now:
/// edited, or deleted. Called by `workflow`, in the transaction that settles the test.
pub async fn record(conn: &mut Conn, org_id: OrgId, examined: &Examined) -> Result<(), StoreError> {
    let Some((id, version)) = examined.connection else { return Ok(()) };
    let state = match examined.examination.is_passed() {
        true => ConnectionState::Verified,
        false => ConnectionState::Unreachable,
    };
    sqlx::query!(
        "UPDATE connections SET state = $4, checked_at = now(), examination = $5
         WHERE org_id = $1 AND id = $2 AND version = $3 AND deleted_at IS NULL",
        org_id.0,
        id.0,
        version,
        state.as_str(),
        serde_json::to_value(&examined.examination)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// What the last test of the connection as it is found.
pub async fn examination(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
) -> Result<Option<Examination>, StoreError> {
    let row = sqlx::query!(
        "SELECT examination FROM connections WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.and_then(|r| r.examination).map(serde_json::from_value).transpose()?)
}

/// The connection, unless it was deleted; nobody else edits it before the transaction ends.
pub async fn lock(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
) -> Result<Option<Connection>, StoreError> {
    sqlx::query_as!(
        Row,
        "SELECT org_id, id, name, engine, connection_type, hops, host, port, database, username, tls, timeout_seconds,
                max_sessions, ask_password, protected, state, checked_at, version, reach, created_at
         FROM connections WHERE org_id = $1 AND id = $2 AND deleted_at IS NULL FOR NO KEY UPDATE",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?
    .map(Connection::try_from)
    .transpose()
}

/// Gives a locked connection hops with other confirmed keys: a new version, which nobody has
/// tested.
pub async fn set_hops(
    conn: &mut Conn,
    org_id: OrgId,
    id: ConnectionId,
    hops: &[Hop],
) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE connections SET hops = $3, version = version + 1, updated_at = now(), state = 'untested',
             checked_at = NULL, examination = NULL
         WHERE org_id = $1 AND id = $2",
        org_id.0,
        id.0,
        serde_json::to_value(hops)?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Tests of the scheduler's that have not ended, over the whole fleet.
pub async fn in_flight(conn: &mut Conn) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "count!" FROM jobs
           WHERE state IN ('pending', 'running') AND kind = $1 AND requested_by_kind = $2"#,
        JobKind::ConnectionTest.as_str(),
        ActorKind::Schedule.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.count)
}

/// Gives connections that have no time of their next check one, and those whose time is further
/// away than `seconds` can lead (the setting was changed): a pace apart, a quarter more or less.
pub async fn plan(conn: &mut Conn, seconds: f64, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "UPDATE connections SET recheck_at = now() + make_interval(secs => $1::float8 * (0.75 + random() / 2))
         WHERE ctid = ANY (ARRAY(SELECT ctid FROM connections WHERE deleted_at IS NULL
             AND (recheck_at IS NULL OR recheck_at > now() + make_interval(secs => $1::float8 * 1.25 + 1))
             LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED))",
        seconds,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}

/// A connection that is to be tested again, by its name.
pub type Due = (OrgId, ConnectionId, String);

/// Takes at most `limit` connections whose time has come, the longest due first, and gives each
/// its next time. Those that a check could only fail for are passed over: a host key that nobody
/// confirmed, secrets that are not stored, a test that has not ended.
pub async fn take_due(conn: &mut Conn, seconds: f64, limit: i64) -> Result<Vec<Due>, StoreError> {
    let rows = sqlx::query!(
        "WITH due AS (
             SELECT org_id, id FROM connections WHERE deleted_at IS NULL AND recheck_at <= now()
             ORDER BY recheck_at LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED),
         moved AS (
             UPDATE connections c SET recheck_at = now() + make_interval(secs => $1::float8 * (0.75 + random() / 2))
             FROM due d WHERE c.org_id = d.org_id AND c.id = d.id
             RETURNING c.org_id, c.id, c.name, c.hops)
         SELECT m.org_id, m.id, m.name FROM moved m
         WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(m.hops) h WHERE h ->> 'host_key' IS NULL)
           AND (SELECT count(DISTINCT split_part(s.name, '.', 1)) FROM secrets s
                WHERE s.org_id = m.org_id AND s.owner_kind = $4 AND s.owner_id = m.id AND s.name <> 'tls_client_key')
               = 1 + jsonb_array_length(m.hops)
           AND NOT EXISTS (SELECT FROM jobs j WHERE j.org_id = m.org_id AND j.source_id = m.id
                           AND j.kind = $3 AND j.state IN ('pending', 'running'))",
        seconds,
        limit,
        JobKind::ConnectionTest.as_str(),
        OwnerKind::Connection.as_str()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (OrgId(r.org_id), ConnectionId(r.id), r.name)).collect())
}
