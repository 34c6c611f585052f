//! Table `job_secrets`: what a test or a run was given that its connections do not store, or that
//! confirms a protected target.
//!
//! Deleted in the transaction in which the job reaches its final state, whatever that is.

use super::connections::SealedSecret;
use super::{Conn, StoreError};
use crate::domain::hop::SecretName;
use crate::domain::id::{JobId, OrgId};
use crate::vault::Sealed;

/// The table that sealed secrets are bound to.
pub const TABLE: &str = "job_secrets";

/// The version that they are bound to: they never change.
pub const VERSION: i32 = 1;

/// Stores a sealed secret of a job.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    name: SecretName,
    sealed: &Sealed,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO job_secrets (org_id, job_id, name, key_id, sealed) VALUES ($1, $2, $3, $4, $5)",
        org_id.0,
        job_id.0,
        name.to_string(),
        sealed.key_id,
        sealed.bytes
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// A job's sealed secrets. Only the system role may read them.
pub async fn find(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<SealedSecret>, StoreError> {
    let rows = sqlx::query!(
        "SELECT name, key_id, sealed FROM job_secrets WHERE org_id = $1 AND job_id = $2",
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    rows.into_iter()
        .map(|r| {
            let sealed = Sealed { key_id: r.key_id, bytes: r.sealed };
            Ok(SealedSecret { name: r.name.parse()?, version: VERSION, sealed })
        })
        .collect()
}

/// Deletes a job's secrets.
pub async fn delete(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!("DELETE FROM job_secrets WHERE org_id = $1 AND job_id = $2", org_id.0, job_id.0)
        .execute(conn)
        .await?;
    Ok(())
}
