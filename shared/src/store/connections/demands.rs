//! What a run must bring along for its connections.

use uuid::Uuid;

use super::{Conn, Connection, StoreError};
use crate::domain::id::{ConnectionId, OrgId};
use crate::domain::subject::SubjectKind;

/// What a connection demands of whoever uses it.
#[derive(Clone, Debug)]
pub struct Demand {
    /// Its name, which confirms it.
    pub name: String,
    /// Whether its password is given each time.
    pub ask_password: bool,
    /// Whether writing to it is to be confirmed.
    pub protected: bool,
}

impl From<&Connection> for Demand {
    fn from(c: &Connection) -> Self {
        Self { name: c.name.clone(), ask_password: c.ask_password, protected: c.protected }
    }
}

/// What these two connections demand; `None` for one that is not there.
pub async fn of(
    conn: &mut Conn,
    org_id: OrgId,
    source: ConnectionId,
    target: ConnectionId,
) -> Result<(Option<Demand>, Option<Demand>), StoreError> {
    let mut rows = sqlx::query!(
        "SELECT id, name, ask_password, protected FROM connections
         WHERE org_id = $1 AND id IN ($2, $3) AND deleted_at IS NULL",
        org_id.0,
        source.0,
        target.0
    )
    .fetch_all(conn)
    .await?;
    let mut take = |id: Uuid| {
        let place = rows.iter().position(|row| row.id == id)?;
        let row = rows.swap_remove(place);
        Some(Demand { name: row.name, ask_password: row.ask_password, protected: row.protected })
    };
    Ok((take(source.0), take(target.0)))
}

/// Whether a task that is not deleted has a schedule and uses the connection, which the caller
/// has locked.
pub async fn is_scheduled(conn: &mut Conn, org_id: OrgId, id: ConnectionId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM sync_tasks t
               JOIN schedules s ON s.org_id = t.org_id AND s.subject_kind = $3 AND s.subject_id = t.id
               WHERE t.org_id = $1 AND t.deleted_at IS NULL AND s.spec IS NOT NULL
                 AND (t.source_id = $2 OR t.target_id = $2)) AS "scheduled!""#,
        org_id.0,
        id.0,
        SubjectKind::SyncTask.as_str()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.scheduled)
}
