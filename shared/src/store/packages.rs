//! Table `packages`.

use super::{Conn, StoreError};
use crate::domain::backup::{ManifestRef, PackageKind, PackageState, Written};
use crate::domain::connection::Engine;
use crate::domain::id::{JobId, OrgId, PackageId};

/// Stores a package that a job is going to write.
pub async fn insert(
    conn: &mut Conn,
    org_id: OrgId,
    id: PackageId,
    kind: PackageKind,
    engine: Engine,
    job_id: JobId,
) -> Result<(), StoreError> {
    sqlx::query!(
        "INSERT INTO packages (org_id, id, kind, engine, state, job_id) VALUES ($1, $2, $3, $4, 'writing', $5)",
        org_id.0,
        id.0,
        kind.as_str(),
        engine.as_str(),
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Which manifest counts; `None`: the package is not complete, or there is none.
pub async fn manifest(
    conn: &mut Conn,
    org_id: OrgId,
    id: PackageId,
) -> Result<Option<ManifestRef>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT manifest_key AS "key!", manifest_hash AS "hash!", manifest_bytes AS "bytes!" FROM packages
           WHERE org_id = $1 AND id = $2 AND state = 'complete'"#,
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| ManifestRef {
        key: r.key,
        hash: r.hash,
        bytes: u64::try_from(r.bytes).unwrap_or_default(),
    }))
}

/// The package is complete, by this manifest; `false`: it was not being written any more.
pub async fn complete(conn: &mut Conn, org_id: OrgId, written: &Written) -> Result<bool, StoreError> {
    let whole = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let done = sqlx::query!(
        "UPDATE packages SET state = 'complete', manifest_key = $3, manifest_hash = $4, manifest_bytes = $5,
             server_version = $6, size_bytes = $7, stored_bytes = $8, completed_at = now()
         WHERE org_id = $1 AND id = $2 AND state = 'writing'",
        org_id.0,
        written.package_id.0,
        written.manifest.key,
        written.manifest.hash,
        whole(written.manifest.bytes),
        written.server_version,
        whole(written.size_bytes),
        whole(written.stored_bytes)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// What the job was writing will not be complete.
pub async fn fail_of_job(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE packages SET state = 'failed' WHERE org_id = $1 AND job_id = $2 AND state = 'writing'",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Keeps a complete package from being deleted until the transaction ends, after which the job that reads it does;
/// `false`: there is no complete one.
pub async fn keep(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        "SELECT id FROM packages WHERE org_id = $1 AND id = $2 AND state = 'complete' FOR SHARE",
        org_id.0,
        id.0
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.is_some())
}

/// Deletes a package that is not being written; `false`: it is, or it is deleted already.
pub async fn delete(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE packages SET state = 'deleted', deleted_at = now(), swept_at = NULL
         WHERE org_id = $1 AND id = $2 AND state IN ('complete', 'failed')",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Whether a job that has not ended reads the package or writes it.
pub async fn is_in_use(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM jobs WHERE org_id = $1 AND state IN ('pending', 'running')
               AND spec ->> 'package_id' = $2) AS "used!""#,
        org_id.0,
        id.to_string()
    )
    .fetch_one(conn)
    .await?;
    Ok(row.used)
}

/// Packages that were not swept since they came to their end, with the manifests of those that are complete, which come
/// some time later: by then nobody writes for them any more.
pub async fn to_sweep(
    conn: &mut Conn,
    limit: i64,
) -> Result<Vec<(OrgId, PackageId, Option<ManifestRef>)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT org_id, id, state, manifest_key, manifest_hash, manifest_bytes FROM packages
         WHERE state <> 'writing' AND swept_at IS NULL
           AND (state <> 'complete' OR completed_at < now() - interval '10 min')
         ORDER BY id LIMIT $1",
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let named = r.manifest_key.zip(r.manifest_hash).zip(r.manifest_bytes);
            let named = named.filter(|_| r.state == PackageState::Complete.as_str());
            let manifest = named.map(|((key, hash), bytes)| ManifestRef {
                key,
                hash,
                bytes: u64::try_from(bytes).unwrap_or_default(),
            });
            (OrgId(r.org_id), PackageId(r.id), manifest)
        })
        .collect())
}

/// The package's objects are gone, or are those that its manifest names.
pub async fn swept(conn: &mut Conn, org_id: OrgId, id: PackageId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE packages SET swept_at = now() WHERE org_id = $1 AND id = $2 AND state <> 'writing'",
        org_id.0,
        id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Where a package stands; `None`: there is none.
pub async fn state(
    conn: &mut Conn,
    org_id: OrgId,
    id: PackageId,
) -> Result<Option<PackageState>, StoreError> {
    let row = sqlx::query!("SELECT state FROM packages WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .fetch_optional(conn)
        .await?;
    row.map(|r| Ok(r.state.parse()?)).transpose()
}
