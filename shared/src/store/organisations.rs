//! Table `organisations`.

use super::{Conn, StoreError};
use crate::domain::id::OrgId;

/// The organisation of this name, made if there is none.
pub async fn ensure(conn: &mut Conn, id: OrgId, name: &str) -> Result<OrgId, StoreError> {
    sqlx::query!(
        "INSERT INTO organisations (id, name) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING",
        id.0,
        name
    )
    .execute(&mut *conn)
    .await?;
    let row = sqlx::query!("SELECT id FROM organisations WHERE name = $1", name).fetch_one(conn).await?;
    Ok(OrgId(row.id))
}
