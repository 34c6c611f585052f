//! Table `secrets`: every sealed value, whoever it belongs to.
//!
//! Invariants: a value is bound to its row (organisation, owner, name) and a version, and opens there
//! only; what is read here names the row that it was read from, so that a value that was moved does
//! not open. The API's role writes values and never reads one.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Conn, StoreError};
use crate::domain::id::OrgId;
use crate::domain::secret::{SecretName, SecretOwner};
use crate::vault::{Sealed, SecretAddress};

/// A sealed value and the place that it is bound to.
#[derive(Clone, Debug)]
pub struct SealedSecret {
    /// Where it opens.
    pub place: SecretAddress,
    /// As it is sealed.
    pub sealed: Sealed,
}

pub(super) struct Row {
    pub(super) org_id: Uuid,
    pub(super) owner_kind: String,
    pub(super) owner_id: Uuid,
    pub(super) name: String,
    pub(super) version: i32,
    pub(super) key_id: String,
    pub(super) sealed: Vec<u8>,
}

impl TryFrom<Row> for SealedSecret {
    type Error = StoreError;

    fn try_from(r: Row) -> Result<Self, StoreError> {
        let owner = SecretOwner { kind: r.owner_kind.parse()?, id: r.owner_id };
        let place =
            SecretAddress { org_id: OrgId(r.org_id), owner, name: r.name.parse()?, version: r.version };
        Ok(Self { place, sealed: Sealed { key_id: r.key_id, bytes: r.sealed } })
    }
}

/// Stores a sealed value at its place, where none is yet.
pub async fn insert(conn: &mut Conn, place: &SecretAddress, sealed: &Sealed) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO secrets (org_id, owner_kind, owner_id, name, version, key_id, sealed)
         VALUES ($1, $2, $3, $4, $5, $6, $7)",
        place.org_id.0,
        place.owner.kind.as_str(),
        place.owner.id,
        place.name.to_string(),
        place.version,
        sealed.key_id,
        sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// The owner's sealed values. Only the system role may read them.
pub async fn of(
    conn: &mut Conn,
    org_id: OrgId,
    owner: impl Into<SecretOwner>,
) -> Result<Vec<SealedSecret>, StoreError> {
    let owner = owner.into();
    let rows = sqlx::query_as!(
        Row,
        "SELECT org_id, owner_kind, owner_id, name, version, key_id, sealed FROM secrets
         WHERE org_id = $1 AND owner_kind = $2 AND owner_id = $3",
        org_id.0,
        owner.kind.as_str(),
        owner.id
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Deletes the owner's values.
pub async fn delete(conn: &mut Conn, org_id: OrgId, owner: impl Into<SecretOwner>) -> Result<(), StoreError> {
    keep(conn, org_id, owner, &[]).await
}

/// Deletes the owner's values but these.
pub async fn keep(
    conn: &mut Conn,
    org_id: OrgId,
    owner: impl Into<SecretOwner>,
    kept: &[SecretName],
) -> Result<(), StoreError> {
    let owner = owner.into();
    let kept: Vec<String> = kept.iter().map(ToString::to_string).collect();
    sqlx::query!(
        "DELETE FROM secrets
         WHERE org_id = $1 AND owner_kind = $2 AND owner_id = $3 AND name <> ALL ($4)",
        org_id.0,
        owner.kind.as_str(),
        owner.id,
        &kept
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Deletes the value at the place of this one, unless another one took that meanwhile.
pub async fn delete_one(conn: &mut Conn, secret: &SealedSecret) -> Result<(), StoreError> {
    let place = &secret.place;
    sqlx::query!(
        "DELETE FROM secrets
         WHERE org_id = $1 AND owner_kind = $2 AND owner_id = $3 AND name = $4 AND sealed = $5",
        place.org_id.0,
        place.owner.kind.as_str(),
        place.owner.id,
        place.name.to_string(),
        secret.sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Values that other keys than `current` have sealed, in the order of their places after `seen`, at
/// most `limit`; locked until the transaction ends. What somebody else has in hand is left out.
pub async fn lock_outdated(
    conn: &mut Conn,
    current: &str,
    seen: Option<&SecretAddress>,
    limit: i64,
) -> Result<Vec<SealedSecret>, StoreError> {
    let rows = sqlx::query_as!(
        Row,
        "SELECT org_id, owner_kind, owner_id, name, version, key_id, sealed FROM secrets
         WHERE key_id <> $1
           AND ($2::uuid IS NULL OR (org_id, owner_kind, owner_id, name) > ($2, $3, $4, $5))
         ORDER BY org_id, owner_kind, owner_id, name LIMIT $6 FOR UPDATE SKIP LOCKED",
        current,
        seen.map(|place| place.org_id.0),
        seen.map(|place| place.owner.kind.as_str()),
        seen.map(|place| place.owner.id),
        seen.map(|place| place.name.to_string()),
        limit
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter().map(TryInto::try_into).collect()
}

/// Puts a value, sealed anew, in the place of one that the transaction has locked.
pub async fn replace(conn: &mut Conn, place: &SecretAddress, sealed: &Sealed) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE secrets SET key_id = $5, sealed = $6
         WHERE org_id = $1 AND owner_kind = $2 AND owner_id = $3 AND name = $4",
        place.org_id.0,
        place.owner.kind.as_str(),
        place.owner.id,
        place.name.to_string(),
        sealed.key_id,
        sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// How many values each key has sealed.
pub async fn keys(conn: &mut Conn) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query!(r#"SELECT key_id, count(*) AS "count!" FROM secrets GROUP BY key_id"#)
        .fetch_all(conn)
        .await?;
    Ok(rows.into_iter().map(|r| (r.key_id, r.count)).collect())
}
