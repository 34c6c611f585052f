//! Table `workers`: who is alive, and how much each takes.

use super::{Conn, StoreError};
use crate::domain::id::WorkerId;

/// A worker's permits count while its last heartbeat is younger than this.
pub const LIVE_SECONDS: f64 = 30.0;

/// Adds the worker or renews its heartbeat.
pub async fn beat(
    conn: &mut Conn,
    id: WorkerId,
    name: &str,
    permits: i32,
    version: &str,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO workers (id, name, permits, version) VALUES ($1, $2, $3, $4)
         ON CONFLICT (id) DO UPDATE SET heartbeat_at = now()",
        id.0,
        name,
        permits,
        version
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The worker goes: its permits count no more.
pub async fn leave(conn: &mut Conn, id: WorkerId) -> Result<(), StoreError> {
    sqlx::query!("UPDATE workers SET heartbeat_at = '-infinity' WHERE id = $1", id.0).execute(conn).await?;
    Ok(())
}

/// Deletes workers that were silent for `age_seconds`; answers how many. Steps keep their
/// names.
pub async fn prune(conn: &mut Conn, age_seconds: f64) -> Result<u64, StoreError> {
    let done = sqlx::query!(
        "DELETE FROM workers WHERE greatest(started_at, heartbeat_at) < now() - make_interval(secs => $1)",
        age_seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected())
}
