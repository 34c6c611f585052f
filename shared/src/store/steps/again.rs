//! Announced steps that are announced once more.

use super::Announced;
use crate::domain::id::{OrgId, StepId};
use crate::domain::step::StepState;
use crate::store::{Conn, StoreError};

/// Where a step stands.
pub async fn state(conn: &mut Conn, org_id: OrgId, id: StepId) -> Result<Option<StepState>, StoreError> {
    let row = sqlx::query!("SELECT state FROM steps WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .fetch_optional(conn)
        .await?;
    row.map(|r| Ok(r.state.parse()?)).transpose()
}

/// An announced step is to be announced again, `pause_seconds` from now; `None` if its
/// message is owed already.
pub async fn announce_again(
    conn: &mut Conn,
    org_id: OrgId,
    id: StepId,
    pause_seconds: f64,
) -> Result<Option<Announced>, StoreError> {
    let row = sqlx::query!(
        "UPDATE steps SET announced_at = now() + make_interval(secs => $3)
         WHERE org_id = $1 AND id = $2 AND state = 'announced'
           AND NOT EXISTS (SELECT FROM outbox o WHERE o.org_id = $1 AND o.step_id = $2 AND o.published_at IS NULL)
         RETURNING kind, queue",
        org_id.0,
        id.0,
        pause_seconds
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| Ok(Announced { id, kind: r.kind, queue: r.queue.parse()? })).transpose()
}
