//! Table `idempotency_keys`: what a request made that may come a second time.
//!
//! A row is written in the transaction of the effect, by [`keep`]; before that the key is
//! only a lock of that transaction ([`claim`]). So a request that fails leaves nothing.

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::{OrgId, TokenId};

/// How long a key is kept, in seconds.
pub const KEPT_SECONDS: f64 = 86_400.0;

/// A key, and whose it is.
#[derive(Clone, Copy, Debug)]
pub struct Scope<'a> {
    /// The organisation.
    pub org_id: OrgId,
    /// The token that the request bears.
    pub token_id: TokenId,
    /// What the client chose.
    pub key: &'a str,
}

/// What the first request with a key was, and what it made.
#[derive(Clone, Debug)]
pub struct StoredOutcome {
    /// The MAC of all that makes it the same request.
    pub request_mac: Vec<u8>,
    /// Its method and route.
    pub route: String,
    /// The status that it was answered with.
    pub status: i32,
    /// What it made or changed.
    pub resource_id: Uuid,
}

/// How a key stands.
#[derive(Clone, Debug)]
pub enum Standing {
    /// It is this transaction's until its end.
    Free,
    /// Another transaction works under it just now.
    InProgress,
    /// A request with it has had its effect.
    Done(StoredOutcome),
}

/// Takes the key for this transaction, without waiting for another one that has it.
pub async fn claim(conn: &mut Conn, scope: Scope<'_>) -> Result<Standing, StoreError> {
    // Two keys that share a hash exclude each other for a moment, which is harmless.
    let name = format!("{}/{}/{}", scope.org_id, scope.token_id, scope.key);
    let taken =
        sqlx::query!(r#"SELECT pg_try_advisory_xact_lock(hashtextextended($1, 7)) AS "taken!""#, name)
            .fetch_one(&mut *conn)
            .await?;
    if !taken.taken {
        return Ok(Standing::InProgress);
    }
    // A statement of its own, so that it sees what the lock's last holder committed.
    let row = sqlx::query_as!(
        StoredOutcome,
        "SELECT request_mac, route, status, resource_id FROM idempotency_keys
         WHERE org_id = $1 AND token_id = $2 AND key = $3 AND created_at > now() - make_interval(secs => $4)",
        scope.org_id.0,
        scope.token_id.0,
        scope.key,
        KEPT_SECONDS
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map_or(Standing::Free, Standing::Done))
}

/// Keeps what the claimed key's request made; a row whose time is over gives way.
pub async fn keep(conn: &mut Conn, scope: Scope<'_>, made: &StoredOutcome) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO idempotency_keys (org_id, token_id, key, route, request_mac, status, resource_id)
         VALUES ($1, $2, $3, $4, $5, $6, $7)
         ON CONFLICT (org_id, token_id, key) DO UPDATE
         SET route = $4, request_mac = $5, status = $6, resource_id = $7, created_at = now()",
        scope.org_id.0,
        scope.token_id.0,
        scope.key,
        made.route,
        made.request_mac,
        made.status,
        made.resource_id
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes at most `limit` rows whose time is over; answers how many.
pub async fn prune(conn: &mut Conn, limit: i64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM idempotency_keys WHERE ctid = ANY (ARRAY(
             SELECT ctid FROM idempotency_keys WHERE created_at <= now() - make_interval(secs => $1)
             ORDER BY created_at LIMIT $2 FOR UPDATE SKIP LOCKED))",
        KEPT_SECONDS,
        limit
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
