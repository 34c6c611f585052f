//! Tables `job_holds` and `job_holders`: what workers hold for a job. Written by `workflow`
//! only; what names an old generation changes nothing.

mod offers;
mod recovery;

use serde_json::Value;

use super::{Conn, StoreError};
use crate::domain::failure::Failure;
use crate::domain::hold::{HoldPhase, HolderState};
use crate::domain::id::{JobId, OrgId, WorkerId};
use crate::domain::step::Lease;

pub use offers::{Wanted, enlist, offer, wanted};
pub use recovery::{Orphan, forget, just_ended, lapsed, orphan, orphans, restart, strike};

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

/// A generation that has begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Begun {
    /// Its number.
    pub generation: i32,
    /// How often the job has lost all holders before.
    pub restarts: i32,
}

/// Begins a new generation, led by the step.
pub async fn begin(conn: &mut Conn, lease: &Lease, wanted: i32) -> Result<Begun, StoreError> {
    let row = sqlx::query!(
        "INSERT INTO job_holds AS d (org_id, job_id, generation, phase, wanted, stage)
         SELECT org_id, job_id, 1, 'enlisting', $3, stage FROM steps WHERE org_id = $1 AND id = $2
         ON CONFLICT (org_id, job_id) DO UPDATE
         SET generation = d.generation + 1, phase = 'enlisting', point = NULL, wanted = $3, stage = excluded.stage
         RETURNING generation, restarts",
        lease.org_id.0,
        lease.step_id.0,
        wanted
    )
    .fetch_one(conn)
    .await?;
    Ok(Begun { generation: row.generation, restarts: row.restarts })
}

/// How many holders of a generation stand where.
#[derive(Clone, Copy, Debug, Default)]
pub struct Standing {
    /// Not ready yet.
    pub preparing: i64,
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
        r#"SELECT count(*) FILTER (WHERE state = 'preparing') AS "preparing!",
                  count(*) FILTER (WHERE state = 'enlisted') AS "enlisted!",
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
    Ok(Standing { preparing: row.preparing, enlisted: row.enlisted, held: row.held, live: row.live })
}

/// A holder that is ready.
#[derive(Clone, Debug)]
pub struct Enlisted {
    /// Which worker.
    pub worker_id: WorkerId,
    /// Its sessions on the source.
    pub sessions: i16,
    /// Whether it holds the newest point.
    pub holds: bool,
}

/// The holders of a generation that are ready, or hold the newest point.
pub async fn enlisted(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
) -> Result<Vec<Enlisted>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT worker_id, sessions, state = 'held' AS "holds!" FROM job_holders
           WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state IN ('enlisted', 'held') ORDER BY worker_id"#,
        org_id.0,
        job_id.0,
        generation
    )
    .fetch_all(conn)
    .await?;
    let one = |worker_id, sessions, holds| Enlisted { worker_id: WorkerId(worker_id), sessions, holds };
    Ok(rows.into_iter().map(|r| one(r.worker_id, r.sessions, r.holds)).collect())
}

/// The point is decided, or decided anew: nobody enlists any more, and nobody holds it yet.
pub async fn fix(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
    point: &Value,
) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holds SET phase = 'fixing', point = $4
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND phase IN ('enlisting', 'fixing')",
        org_id.0,
        job_id.0,
        generation,
        point
    )
    .execute(&mut *conn)
    .await?;
    sqlx::query!(
        "UPDATE job_holders SET state = CASE state WHEN 'preparing' THEN 'left' ELSE 'enlisted' END
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state IN ('preparing', 'held')",
        org_id.0,
        job_id.0,
        generation
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// Who has not reported is left out; answers who holds the point, with names.
pub async fn open(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
) -> Result<Vec<(WorkerId, String)>, StoreError> {
    sqlx::query!(
        "UPDATE job_holders SET state = 'left'
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state IN ('preparing', 'enlisted')",
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

/// A generation's holders in this state, with their names.
pub async fn holders(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
    state: HolderState,
) -> Result<Vec<(WorkerId, String)>, StoreError> {
    let rows = sqlx::query!(
        "SELECT worker_id, worker_name FROM job_holders
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state = $4 ORDER BY worker_name",
        org_id.0,
        job_id.0,
        generation,
        state.as_str()
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| (WorkerId(r.worker_id), r.worker_name)).collect())
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
           AND h.state IN ('preparing', 'enlisted', 'held') AND d.org_id = $1 AND d.job_id = $2 AND d.generation = $3
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

/// The holder holds the point; `false`: it came too late, or another point was decided meanwhile.
pub async fn report(conn: &mut Conn, holder: &Holder, point: &Value) -> Result<bool, StoreError> {
    let done = sqlx::query!(
        "UPDATE job_holders h SET state = 'held' FROM job_holds d
         WHERE h.org_id = $1 AND h.job_id = $2 AND h.generation = $3 AND h.worker_id = $4 AND h.state = 'enlisted'
           AND d.org_id = $1 AND d.job_id = $2 AND d.generation = $3 AND d.phase = 'fixing' AND d.point = $5",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0,
        point
    )
    .execute(conn)
    .await?;
    Ok(done.rows_affected() == 1)
}

/// The holder lets go; `why` it could not hold, if it could not.
pub async fn leave(conn: &mut Conn, holder: &Holder, why: Option<&Failure>) -> Result<(), StoreError> {
    sqlx::query!(
        "UPDATE job_holders SET state = 'left', refusals = $5
         WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND worker_id = $4 AND state IN ('preparing', 'enlisted', 'held')",
        holder.org_id.0,
        holder.job_id.0,
        holder.generation,
        holder.worker_id.0,
        why.map(serde_json::to_value).transpose()?
    )
    .execute(conn)
    .await?;
    Ok(())
}

/// Whether anybody still holds for the job, under whichever generation.
pub async fn is_held(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM job_holders WHERE org_id = $1 AND job_id = $2
               AND state IN ('preparing', 'enlisted', 'held')) AS "held!""#,
        org_id.0,
        job_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.held)
}

/// Why workers that offered themselves could not hold.
pub async fn refusals(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    generation: i32,
) -> Result<Vec<Failure>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT refusals AS "refusals!" FROM job_holders
           WHERE org_id = $1 AND job_id = $2 AND generation = $3 AND state = 'left' AND refusals IS NOT NULL
           ORDER BY worker_id"#,
        org_id.0,
        job_id.0,
        generation
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| serde_json::from_value(r.refusals)).collect::<Result<_, _>>()?)
}
