//! Table `tokens`: API tokens by the SHA-256 of their secret.

use super::{Conn, StoreError};
use crate::domain::id::{OrgId, TokenId};

/// Who a token speaks for.
#[derive(Clone, Debug)]
pub struct Bearer {
    /// The organisation.
    pub org_id: OrgId,
    /// The token's row.
    pub token_id: TokenId,
    /// What the token is called.
    pub name: String,
    /// What it may do.
    pub permissions: Vec<String>,
}

/// Stores a token's digest.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    id: TokenId,
    name: &str,
    sha256: &[u8],
    permissions: &[String],
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO tokens (org_id, id, name, sha256, permissions) VALUES ($1, $2, $3, $4, $5)",
        org_id.0,
        id.0,
        name,
        sha256,
        permissions
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The bearer of the token with this digest, unless it is revoked or expired.
pub async fn find(conn: &mut Conn, sha256: &[u8]) -> Result<Option<Bearer>, StoreError> {
    let row = sqlx::query!(
        "SELECT org_id, id, name, permissions FROM tokens
         WHERE sha256 = $1 AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > now())",
        sha256
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Bearer {
        org_id: OrgId(r.org_id),
        token_id: TokenId(r.id),
        name: r.name,
        permissions: r.permissions,
    }))
}
