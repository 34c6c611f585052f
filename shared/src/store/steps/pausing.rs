//! Steps that go back to be claimed later: by whose right, and when the wait is over.

use crate::domain::id::{JobId, OrgId};
use crate::domain::step::Lease;
use crate::store::{Conn, StoreError};

/// Whether the lease is the newest and its step runs; under the job's lock.
pub async fn is_newest(conn: &mut Conn, lease: &Lease) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM steps WHERE org_id = $1 AND id = $2 AND token = $3
                          AND state = 'running') AS "newest!""#,
        lease.org_id.0,
        lease.step_id.0,
        lease.token
    )
    .fetch_one(conn)
    .await?;
    Ok(row.newest)
}

/// The job's announced steps whose pause lasts count as announced now.
pub async fn end_pause(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE steps SET announced_at = now()
         WHERE org_id = $1 AND job_id = $2 AND state = 'announced' AND announced_at > now()",
        org_id.0,
        job_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
