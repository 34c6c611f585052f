//! Table `steps`. Written by `workflow` only; every write of a running step names its
//! token.

mod again;
mod claiming;
mod ending;
mod insertion;
mod pausing;

use serde_json::Value;

use super::{Conn, StoreError};
use crate::domain::failure::Failure;
use crate::domain::id::{JobId, OrgId, StepId};
use crate::domain::step::{Lease, Queue, StepKind};

pub use again::{announce_again, state, take_unclaimed, unclaimed, unclaimed_by_job};
pub use claiming::{Claimed, Found, claim, claim_first};
pub use ending::{AtOnce, Ended, end, end_at_once};
pub use insertion::{insert_first, insert_waiting, last_ordinal};
pub use pausing::{end_pause, is_newest};

/// The job of a step.
pub async fn job_of(conn: &mut Conn, org_id: OrgId, id: StepId) -> Result<Option<JobId>, StoreError> {
    let row = sqlx::query!("SELECT job_id FROM steps WHERE org_id = $1 AND id = $2", org_id.0, id.0)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|r| JobId(r.job_id)))
}

/// What a renewal tells the holder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renewal {
    /// The lease goes on.
    Held,
    /// The lease goes on, but the job is ending: stop soon.
    Ending,
    /// Somebody else has the step: stop at once and write nothing.
    Lost,
}

/// Renews a lease; also one that lapsed and that nobody has taken away.
pub async fn renew(conn: &mut Conn, lease: &Lease, seconds: f64) -> Result<Renewal, StoreError> {
    let row = sqlx::query!(
        r#"UPDATE steps SET lease_until = now() + make_interval(secs => $4)
           WHERE org_id = $1 AND id = $2 AND token = $3 AND state = 'running'
           RETURNING (SELECT j.ending IS NOT NULL OR j.ended_at IS NOT NULL FROM jobs j
                      WHERE j.org_id = $1 AND j.id = steps.job_id) AS "ending!""#,
        lease.org_id.0,
        lease.step_id.0,
        lease.token,
        seconds
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map_or(Renewal::Lost, |r| if r.ending { Renewal::Ending } else { Renewal::Held }))
}

/// A step that is announced: who needs to know.
#[derive(Clone, Debug)]
pub struct Announced {
    /// The step.
    pub id: StepId,
    /// Its kind's word.
    pub kind: String,
    /// Its queue.
    pub queue: Queue,
}

/// A running step goes back to `announced`: a retry, a soft stop (`counts_attempt` false: the
/// attempt does not count), a lapsed lease. `wrote`: the attempt may have left writes on
/// the target. `None` when the token is not the newest.
pub async fn give_back(
    conn: &mut Conn,
    lease: &Lease,
    counts_attempt: bool,
    failure: Option<&Failure>,
    wrote: bool,
    pause_seconds: f64,
) -> Result<Option<Announced>, StoreError> {
    let row = sqlx::query!(
        "UPDATE steps SET state = 'announced', lease_until = NULL,
             announced_at = now() + make_interval(secs => $6),
             attempt = attempt - CASE WHEN $4 THEN 0 ELSE 1 END, failure = $5, wrote = wrote OR $7
         WHERE org_id = $1 AND id = $2 AND token = $3 AND state = 'running' RETURNING kind, queue",
        lease.org_id.0,
        lease.step_id.0,
        lease.token,
        counts_attempt,
        failure.map(serde_json::to_value).transpose()?,
        pause_seconds,
        wrote
    )
    .fetch_optional(conn)
    .await?;
    row.map(|r| Ok(Announced { id: lease.step_id, kind: r.kind, queue: r.queue.parse()? })).transpose()
}

/// Announces the job's next waiting steps of open stages, until its window
/// ([`super::jobs::window`]) is full; but only once a quarter of it is free, so that short
/// steps are announced several at a time. Three quarters are still more than the permits.
pub async fn announce_next(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Vec<Announced>, StoreError> {
    let mut rows = sqlx::query!(
        "WITH w AS (SELECT job_window($3) AS size),
              room AS (SELECT w.size - (SELECT count(*) FROM steps o WHERE o.org_id = $1 AND o.job_id = $2
                                        AND o.state IN ('announced', 'running')) AS free, w.size FROM w)
         UPDATE steps SET state = 'announced', announced_at = now()
         WHERE org_id = $1 AND id IN (
             SELECT s.id FROM steps s
             WHERE s.org_id = $1 AND s.job_id = $2 AND s.state = 'waiting'
               AND (SELECT g.waits FROM stages g
                    WHERE g.org_id = $1 AND g.job_id = $2 AND g.number = s.stage) = 0
             ORDER BY s.ordinal
             LIMIT (SELECT CASE WHEN free >= greatest(1, size / 4) THEN free ELSE 0 END FROM room))
         RETURNING id, kind, queue, ordinal",
        org_id.0,
        job_id.0,
        super::workers::LIVE_SECONDS
    )
    .fetch_all(conn)
    .await?;
    rows.sort_by_key(|r| r.ordinal);
    rows.into_iter()
        .map(|r| Ok(Announced { id: StepId(r.id), kind: r.kind, queue: r.queue.parse()? }))
        .collect()
}

/// Announces at most `count` of the job's next waiting steps of open stages, whatever its
/// window: whoever asks has looked at that.
pub async fn announce_some(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    count: i64,
) -> Result<Vec<Announced>, StoreError> {
    let mut rows = sqlx::query!(
        "UPDATE steps SET state = 'announced', announced_at = now()
         WHERE org_id = $1 AND id IN (
             SELECT s.id FROM steps s
             WHERE s.org_id = $1 AND s.job_id = $2 AND s.state = 'waiting'
               AND (SELECT g.waits FROM stages g
                    WHERE g.org_id = $1 AND g.job_id = $2 AND g.number = s.stage) = 0
             ORDER BY s.ordinal LIMIT $3)
         RETURNING id, kind, queue, ordinal",
        org_id.0,
        job_id.0,
        count
    )
    .fetch_all(conn)
    .await?;
    rows.sort_by_key(|r| r.ordinal);
    rows.into_iter()
        .map(|r| Ok(Announced { id: StepId(r.id), kind: r.kind, queue: r.queue.parse()? }))
        .collect()
}

/// Cancels every step of the job that no worker holds; answers how many are still held.
pub async fn cancel_unclaimed(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<i64, StoreError> {
    sqlx::query!(
        "UPDATE steps SET state = 'cancelled', ended_at = now()
         WHERE org_id = $1 AND job_id = $2 AND state IN ('waiting', 'announced')",
        org_id.0,
        job_id.0
    )
    .execute(&mut *conn)
    .await?;
    held(conn, org_id, job_id).await
}

/// Cancels every step of the table that no worker holds; answers the stage of each.
pub async fn cancel_of_table(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    table_number: i32,
) -> Result<Vec<i32>, StoreError> {
    let rows = sqlx::query!(
        "UPDATE steps SET state = 'cancelled', ended_at = now()
         WHERE org_id = $1 AND job_id = $2 AND table_number = $3 AND state IN ('waiting', 'announced')
         RETURNING stage",
        org_id.0,
        job_id.0,
        table_number
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.stage).collect())
}

/// How many steps of the job are held by workers.
pub async fn held(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<i64, StoreError> {
    let row = sqlx::query!(
        r#"SELECT count(*) AS "held!" FROM steps WHERE org_id = $1 AND job_id = $2 AND state = 'running'"#,
        org_id.0,
        job_id.0
    )
    .fetch_one(conn)
    .await?;
    Ok(row.held)
}

/// Running steps whose lease has lapsed; to be looked at again under the job's lock.
pub async fn lapsed(conn: &mut Conn, limit: i64) -> Result<Vec<(Lease, i32, String)>, StoreError> {
    let rows = sqlx::query!(
        r#"SELECT org_id, id, job_id, token, attempt, coalesce(worker_name, '') AS "worker!" FROM steps
           WHERE state = 'running' AND lease_until < now() ORDER BY lease_until LIMIT $1"#,
        limit
    )
    .fetch_all(conn)
    .await?;
    Ok(rows
        .into_iter()
        .map(|r| {
            let (org_id, job_id, step_id) = (OrgId(r.org_id), JobId(r.job_id), StepId(r.id));
            (Lease { org_id, job_id, step_id, token: r.token }, r.attempt, r.worker)
        })
        .collect())
}

/// Whether the lease is lapsed by the database's clock, under the job's lock.
pub async fn is_lapsed(conn: &mut Conn, lease: &Lease) -> Result<bool, StoreError> {
    let row = sqlx::query!(
        r#"SELECT EXISTS (SELECT FROM steps WHERE org_id = $1 AND id = $2 AND token = $3 AND state = 'running'
               AND lease_until < now()) AS "lapsed!""#,
        lease.org_id.0,
        lease.step_id.0,
        lease.token
    )
    .fetch_one(conn)
    .await?;
    Ok(row.lapsed)
}

/// What the table's finished steps of these kinds told: their outcomes' details, where there are any.
pub async fn details(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    table_number: i32,
    kinds: &[StepKind],
) -> Result<Vec<Value>, StoreError> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT outcome AS "outcome!" FROM steps
           WHERE org_id = $1 AND job_id = $2 AND table_number = $3 AND kind = ANY ($4) AND state = 'done'
             AND jsonb_typeof(outcome) = 'object' ORDER BY ordinal"#,
        org_id.0,
        job_id.0,
        table_number,
        &kinds
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.outcome).collect())
}

/// What the job's finished steps of these kinds told, in the order of the steps.
pub async fn details_of_job(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    kinds: &[StepKind],
) -> Result<Vec<Value>, StoreError> {
    let kinds: Vec<String> = kinds.iter().map(|kind| kind.as_str().to_owned()).collect();
    let rows = sqlx::query!(
        r#"SELECT outcome AS "outcome!" FROM steps
           WHERE org_id = $1 AND job_id = $2 AND kind = ANY ($3) AND state = 'done'
             AND jsonb_typeof(outcome) = 'object' ORDER BY ordinal"#,
        org_id.0,
        job_id.0,
        &kinds
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| r.outcome).collect())
}

/// All steps of the job.
pub async fn ids(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Vec<StepId>, StoreError> {
    let rows = sqlx::query!(
        "SELECT id FROM steps WHERE org_id = $1 AND job_id = $2 ORDER BY ordinal",
        org_id.0,
        job_id.0
    )
    .fetch_all(conn)
    .await?;
    Ok(rows.into_iter().map(|r| StepId(r.id)).collect())
}
