//! Tables `job_holds` and `job_holders`: what workers hold for a job. Written by `workflow`
//! only; what names an old generation changes nothing.

mod recovery;

use serde_json::Value;

use super::{Conn, StoreError};
use crate::domain::hold::{HoldPhase, HolderState};
use crate::domain::id::{JobId, OrgId, WorkerId};
use crate::domain::step::Lease;

pub use recovery::{Orphan, lapsed, orphan, orphans, restart, strike};

/// A worker as a holder for a job.
#[derive(Clone, Debug)]
pub struct Holder {
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The enlisting that it belongs to.
    pub generation: i32,
    /// The worker.
    pub worker_id: WorkerId,
    /// Its name.
    pub worker_name: String,
}

/// Whether the lease is its step's newest and the step runs.
pub async fn leads(conn: &mut Conn, lease: &Lease) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM steps WHERE org_id = $1 AND id = $2 AND token = $3
               AND state = 'running') AS "leads!""#,
        lease.org_id.0,
        lease.step_id.0,
        lease.token
    )
    .fetch_one(conn)
    .await?;
    Ok(row.leads)
}

/// Begins a new generation, led by the step; answers its number.
pub async fn begin(conn: &mut Conn, lease: &Lease, wanted: i32) -> Result<i32, StoreError> {
    let row = sqlx::query!(
        "INSERT INTO job_holds AS d (org_id, job_id, generation, phase, wanted, stage)
         SELECT org_id, job_id, 1, 'enlisting', $3, stage FROM steps WHERE org_id = $1 AND id = $2
         ON CONFLICT (org_id, job_id) DO UPDATE
         SET generation = d.generation + 1, phase = 'enlisting', point = NULL, wanted = $3, stage = excluded.stage
         RETURNING generation",
        lease.org_id.0,
        lease.step_id.0,
        wanted
    )
    .fetch_one(conn)
    .await?;
    Ok(row.generation)
}

/// Adds a holder while its generation enlists and has room; answers whether it is one.
pub async fn enlist(conn: &mut Conn, holder: &Holder, lease_seconds: f64) -> Result<bool, StoreError> {
    // Those who enlist at once take turns at this row, so that none counts too few.
    let asked = sqlx::query!(
        "SELECT d.wanted FROM job_holds d JOIN jobs j ON j.org_id = d.org_id AND j.id = d.job_id
         WHERE d.org_id = $1 AND d.job_id = $2 AND d.generation = $3 AND d.phase = 'enlisting'
           AND j.state = 'running' AND j.ending IS NULL
         FOR UPDATE OF d",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation
    )
    .fetch_optional(&mut *conn)
    .await?;
    let Some(asked) = asked else { return Ok(false) };
    let done = sqlx::query!(
        "INSERT INTO job_holders (org_id, job_id, generation, worker_id, worker_name, state, lease_until)
         SELECT $1, $2, $3, $4, $5, 'enlisted', now() + make_interval(secs => $6)
         WHERE (SELECT count(*) FROM job_holders WHERE org_id = $1 AND job_id = $2 AND generation = $3) < $7
         ON CONFLICT DO NOTHING",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0,
        holder.worker_name,
        lease_seconds,
        i64::from(asked.wanted)
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// How many holders of a generation stand where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Ready, without the point.
    pub enlisted: i64,
    /// With the point.
    pub held: i64,
    /// Workers that live, holders or not.
    pub live: i64,
}

/// How the holders of a generation stand.
pub async fn standing(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
) -> Result<Standing, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) FILTER (WHERE state = 'enlisted') AS "enlisted!",
                  count(*) FILTER (WHERE state = 'held') AS "held!",
                  (SELECT count(*) FROM workers
                   WHERE heartbeat_at > now() - make_interval(secs => $4)) AS "live!"
           FROM job_holders WHERE org_id = $1 AND job_id = $2 AND generation = $3"#,
        org_id.0,
        job_id.0,
        generation,
        super::workers::LIVE_SECONDS
    )
    .fetch_one(conn)
    .await?;
    Ok(Standing { enlisted: row.enlisted, held: row.held, live: row.live })
}

/// The point is decided; nobody enlists any more.
pub async fn fix(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
    point: &Value,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holds SET phase = 'fixing', point = $4
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND phase = 'enlisting'",
        org_id.0,
        job_id.0,
        generation,
        point
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Who has not reported is left out; answers the names of those who hold the point.
pub async fn open(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
) -> Result<Vec<String>, StoreError> {
    sqlx::query!(
        "UPDATE job_holders SET state = 'left'
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state = 'enlisted'",
        org_id.0,
        job_id.0,
        generation
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE job_holds SET phase = 'open'
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND phase = 'fixing'",
        org_id.0,
        job_id.0,
        generation
    )
    .execute(&mut *conn)
    .await?;
    holders(conn, org_id, job_id, generation, HolderState::Held).await
}

/// The names of a generation's holders in this state.
pub async fn holders(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
    state: HolderState,
) -> Result<Vec<String>, StoreError> {
    let rows = sqlx::query!(
        "SELECT worker_name FROM job_holders
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state = $4 ORDER BY worker_name",
        org_id.0,
        job_id.0,
        generation,
        state.as_str()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.worker_name).collect())
}

/// What a renewal tells a holder.
#[derive(Clone, Debug)]
pub struct Look {
    /// How far the generation is.
    pub phase: HoldPhase,
    /// What all hold.
    pub point: Option<Value>,
    /// Where the holder stands.
    pub state: HolderState,
}

/// Renews a holder's lease; `None`: it is to let go.
pub async fn renew(conn: &mut Conn, holder: &Holder, lease_seconds: f64) -> Result<Option<Look>, StoreError> {
    let row = sqlx::query!(
        "UPDATE job_holders h SET lease_until = now() + make_interval(secs => $5)
         FROM job_holds d JOIN jobs j ON j.org_id = d.org_id AND j.id = d.job_id
         WHERE h.org_id = $1 AND h.job_id = $2 AND h.generation = $3 AND h.worker_id = $4
           AND h.state IN ('enlisted', 'held') AND d.org_id = $1 AND d.job_id = $2 AND d.generation = $3
           AND j.state = 'running' AND j.ending IS NULL
         RETURNING d.phase, d.point, h.state",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0,
        lease_seconds
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| Ok(Look { phase: r.phase.parse()?, point: r.point, state: r.state.parse()? })).transpose()
}

/// The holder holds the point; `false`: it came too late.
pub async fn report(conn: &mut Conn, holder: &Holder) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holders h SET state = 'held' FROM job_holds d
         WHERE h.org_id = $1 AND h.job_id = $2 AND h.generation = $3 AND h.worker_id = $4 AND h.state = 'enlisted'
           AND d.org_id = $1 AND d.job_id = $2 AND d.generation = $3 AND d.phase = 'fixing'",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The holder lets go.
pub async fn leave(conn: &mut Conn, holder: &Holder) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_holders SET state = 'left'
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND worker_id = $4 AND state IN ('enlisted', 'held')",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0
    )
    .execute(conn)
    .await?;
    Ok(())
}
