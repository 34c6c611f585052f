//! All sealed values, whatever table they stand in: for sealing them anew after a rotation.
//!
//! Invariant: a value's place (organisation, row, name, version) is never changed here, only
//! the key that it is sealed with.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::{Conn, StoreError, connections, job_secrets, target_confirmations, webhooks};
use crate::domain::id::OrgId;
use crate::vault::{Sealed, SecretAddress};

/// A table that holds sealed values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SealedTable {
    /// Of connections.
    Connections,
    /// Of jobs, which log in with them once.
    Jobs,
    /// Of confirmations that no worker has proven yet.
    Confirmations,
    /// Of webhooks.
    Webhooks,
}

impl SealedTable {
    /// Every one.
    pub const ALL: [Self; 4] = [Self::Connections, Self::Jobs, Self::Confirmations, Self::Webhooks];

    const fn name(self) -> &'static str {
        match self {
            Self::Connections => connections::SECRETS_TABLE,
            Self::Jobs => job_secrets::TABLE,
            Self::Confirmations => target_confirmations::TABLE,
            Self::Webhooks => webhooks::SECRETS_TABLE,
        }
    }
}

/// A sealed value at its place.
#[derive(Clone, Debug)]
pub struct Stored {
    table: SealedTable,
    org_id: Uuid,
    row: Uuid,
    name: String,
    version: i32,
    /// As it is sealed.
    pub sealed: Sealed,
}

/// Where a walk through a table stands: the last key that it has seen.
pub type Seen = (Uuid, Uuid, String);

impl Stored {
    /// Where it opens.
    pub fn place(&self) -> SecretAddress<'_> {
        let (table, column) = (self.table.name(), self.name.as_str());
        SecretAddress { org_id: OrgId(self.org_id), table, row: self.row, column, version: self.version }
    }

    /// Its key in its table.
    pub fn seen(&self) -> Seen {
        (self.org_id, self.row, self.name.clone())
    }
}

/// Values of a table that other keys than `current` have sealed, after the key `seen`, at most
/// `limit`; locked until the transaction ends. What somebody else has in hand is left out.
pub async fn lock_outdated(
    conn: &mut Conn,
    table: SealedTable,
    current: &str,
    (org_id, row, name): &Seen,
    limit: i64,
) -> Result<Vec<Stored>, StoreError> {
    Ok(match table {
        SealedTable::Connections => sqlx::query!(
            "SELECT org_id, connection_id, name, version, key_id, sealed FROM connection_secrets
             WHERE key_id <> $1 AND (org_id, connection_id, name) > ($2, $3, $4)
             ORDER BY org_id, connection_id, name LIMIT $5 FOR UPDATE SKIP LOCKED",
            current,
            org_id,
            row,
            name,
            limit
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|r| {
            let sealed = Sealed { key_id: r.key_id, bytes: r.sealed };
            Stored { table, org_id: r.org_id, row: r.connection_id, name: r.name, version: r.version, sealed }
        })
        .collect(),
        SealedTable::Jobs => sqlx::query!(
            "SELECT org_id, job_id, name, key_id, sealed FROM job_secrets
             WHERE key_id <> $1 AND (org_id, job_id, name) > ($2, $3, $4)
             ORDER BY org_id, job_id, name LIMIT $5 FOR UPDATE SKIP LOCKED",
            current,
            org_id,
            row,
            name,
            limit
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|r| {
            let sealed = Sealed { key_id: r.key_id, bytes: r.sealed };
            let version = job_secrets::VERSION;
            Stored { table, org_id: r.org_id, row: r.job_id, name: r.name, version, sealed }
        })
        .collect(),
        SealedTable::Confirmations => sqlx::query!(
            r#"SELECT org_id, task_id, reach, key_id AS "key_id!", sealed AS "sealed!" FROM target_confirmations
               WHERE key_id <> $1 AND (org_id, task_id) > ($2, $3)
               ORDER BY org_id, task_id LIMIT $4 FOR UPDATE SKIP LOCKED"#,
            current,
            org_id,
            row,
            limit
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|r| {
            let sealed = Sealed { key_id: r.key_id, bytes: r.sealed };
            let name = target_confirmations::SECRET.to_string();
            Stored { table, org_id: r.org_id, row: r.task_id, name, version: r.reach, sealed }
        })
        .collect(),
        SealedTable::Webhooks => sqlx::query!(
            "SELECT org_id, webhook_id, version, key_id, sealed FROM webhook_secrets
             WHERE key_id <> $1 AND (org_id, webhook_id) > ($2, $3)
             ORDER BY org_id, webhook_id LIMIT $4 FOR UPDATE SKIP LOCKED",
            current,
            org_id,
            row,
            limit
        )
        .fetch_all(conn)
        .await?
        .into_iter()
        .map(|r| {
            let sealed = Sealed { key_id: r.key_id, bytes: r.sealed };
            let name = webhooks::SECRET.to_owned();
            Stored { table, org_id: r.org_id, row: r.webhook_id, name, version: r.version, sealed }
        })
        .collect(),
    })
}

/// Puts a value, sealed anew, in the place of one that the transaction has locked.
pub async fn replace(conn: &mut Conn, stored: &Stored, sealed: &Sealed) -> Result<(), StoreError> {
    let Stored { table, org_id, row, name, .. } = stored;
    match table {
        SealedTable::Connections => {
            sqlx::query!(
                "UPDATE connection_secrets SET key_id = $4, sealed = $5
                 WHERE org_id = $1 AND connection_id = $2 AND name = $3",
                org_id,
                row,
                name,
                sealed.key_id,
                sealed.bytes
            )
            .execute(conn)
            .await?
        }
        SealedTable::Jobs => sqlx::query!(
            "UPDATE job_secrets SET key_id = $4, sealed = $5 WHERE org_id = $1 AND job_id = $2 AND name = $3",
            org_id,
            row,
            name,
            sealed.key_id,
            sealed.bytes
        )
        .execute(conn)
        .await?,
        SealedTable::Confirmations => {
            sqlx::query!(
                "UPDATE target_confirmations SET key_id = $3, sealed = $4 WHERE org_id = $1 AND task_id = $2",
                org_id,
                row,
                sealed.key_id,
                sealed.bytes
            )
            .execute(conn)
            .await?
        }
        SealedTable::Webhooks => {
            sqlx::query!(
                "UPDATE webhook_secrets SET key_id = $3, sealed = $4 WHERE org_id = $1 AND webhook_id = $2",
                org_id,
                row,
                sealed.key_id,
                sealed.bytes
            )
            .execute(conn)
            .await?
        }
    };
    Ok(())
}

/// How many values each key has sealed.
pub async fn keys(conn: &mut Conn) -> Result<BTreeMap<String, i64>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT key_id AS "key_id!", count(*) AS "count!" FROM (
               SELECT key_id FROM connection_secrets UNION ALL SELECT key_id FROM job_secrets
               UNION ALL SELECT key_id FROM target_confirmations WHERE key_id IS NOT NULL
               UNION ALL SELECT key_id FROM webhook_secrets
           ) AS sealed GROUP BY key_id"#
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (r.key_id, r.count)).collect())
}
