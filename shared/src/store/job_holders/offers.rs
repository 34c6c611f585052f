//! Workers that offer themselves as holders while a generation enlists.

use super::Holder;
use crate::domain::id::ConnectionId;
use crate::store::{Conn, StoreError};

/// What a generation still asks for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Holders beside those that it has.
    pub holders: i64,
    /// What the job reads.
    pub source: Option<ConnectionId>,
}

/// What the generation still asks for while it enlists; whoever asks next waits for this
/// transaction's end, so that none counts too few.
pub async fn wanted(conn: &mut Conn, holder: &Holder) -> Result<Option<Wanted>, StoreError> {
    let row = sqlx::query!(
        r#"SELECT j.source_id, d.wanted - (SELECT count(*) FROM job_holders WHERE org_id = $1 AND job_id = $2
                                           AND generation = $3 AND state IN ('preparing', 'enlisted')) AS "left!"
           FROM job_holds d JOIN jobs j ON j.org_id = d.org_id AND j.id = d.job_id
           WHERE d.org_id = $1 AND d.job_id = $2 AND d.generation = $3 AND d.phase = 'enlisting'
             AND j.state = 'running' AND j.ending IS NULL
           FOR UPDATE OF d"#,
        holder.org_id.0,
        holder.job_id.0,
        holder.generation
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| Wanted { holders: r.left, source: r.source_id.map(ConnectionId) }))
}

/// Adds a holder that gets ready with so many sessions; `false`: it is one already.
pub async fn offer(
    conn: &mut Conn,
    holder: &Holder,
    sessions: i16,
    lease_seconds: f64,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "INSERT INTO job_holders (org_id, job_id, generation, worker_id, worker_name, state, sessions, lease_until)
         VALUES ($1, $2, $3, $4, $5, 'preparing', $6, now() + make_interval(secs => $7))
         ON CONFLICT DO NOTHING",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0,
        holder.worker_name,
        sessions,
        lease_seconds
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The holder is ready; `false`: its generation enlists no more.
pub async fn enlist(conn: &mut Conn, holder: &Holder) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holders h SET state = 'enlisted' FROM job_holds d
         WHERE h.org_id = $1 AND h.job_id = $2 AND h.generation = $3 AND h.worker_id = $4 AND h.state = 'preparing'
           AND d.org_id = $1 AND d.job_id = $2 AND d.generation = $3 AND d.phase = 'enlisting'",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}
