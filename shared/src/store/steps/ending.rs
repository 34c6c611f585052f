//! A step ends.

use serde_json::Value;

use super::Claimed;
use crate::domain::failure::Failure;
use crate::domain::step::{Counts, Lease, StepState};
use crate::store::outbox::{self, Owed};
use crate::store::{Conn, RowError, StoreError, workers};

/// What became of a step, for the write that ends it.
pub struct Ended<'a> {
    /// `done`, `failed` or `cancelled`.
    pub state: StepState,
    /// What it did to rows.
    pub counts: Counts,
    /// What it tells later steps.
    pub detail: &'a Value,
    /// Why it failed.
    pub failure: Option<&'a Failure>,
    /// It may have left writes on the target without coming to its end.
    pub wrote: bool,
}

/// Ends a running step; answers its stage, or `None` when the token is not the newest.
pub async fn end(conn: &mut Conn, lease: &Lease, ended: &Ended<'_>) -> Result<Option<i32>, StoreError> {
    let c = ended.counts;
    let row = sqlx::query!(
        "UPDATE steps SET state = $4, lease_until = NULL, ended_at = now(), outcome = $5, failure = $6,
             rows = $7, bytes = $8, inserted = $9, updated = $10, deleted = $11, unchanged = $12, skipped = $13,
             wrote = wrote OR $14
         WHERE org_id = $1 AND id = $2 AND token = $3 AND state = 'running' RETURNING stage",
        lease.org_id.0,
        lease.step_id.0,
        lease.token,
        ended.state.as_str(),
        ended.detail,
        ended.failure.map(serde_json::to_value).transpose()?,
        c.rows,
        c.bytes,
        c.inserted,
        c.updated,
        c.deleted,
        c.unchanged,
        c.skipped,
        ended.wrote
    )
    .fetch_optional(conn)
    .await?;
    Ok(row.map(|r| r.stage))
}

/// What came of ending a step in one call.
pub enum AtOnce {
    /// Nothing was changed: there is more to it.
    Left,
    /// Nothing was changed: the token is not the newest.
    Lost,
    /// It is done; a limit decides who announces next.
    Limited,
    /// It is done, and these outbox rows are owed for what it announced.
    Done(Vec<Owed>),
}

/// Ends a step as done that neither grows its job nor ends its stage, and announces the next
/// ones as [`super::announce_next`] does: one call, which is a transaction if there is none.
/// `announcement` is the message of a step without that step.
pub async fn end_at_once(
    conn: &mut Conn,
    step: &Claimed,
    c: Counts,
    detail: &Value,
    announcement: Value,
) -> Result<AtOnce, StoreError> {
    let lease = &step.lease;
    let counts = [c.rows, c.bytes, c.inserted, c.updated, c.deleted, c.unchanged, c.skipped];
    let row = sqlx::query!(
        r#"SELECT word AS "word!", owed FROM settle_step($1, $2, $3, $4, $5, $6, $7, $8, $9)"#,
        lease.org_id.0,
        lease.job_id.0,
        lease.step_id.0,
        step.stage,
        lease.token,
        detail,
        &counts,
        announcement,
        workers::LIVE_SECONDS
    )
    .fetch_one(conn)
    .await?;
    match row.word.as_str() {
        "left" => Ok(AtOnce::Left),
        "lost" => Ok(AtOnce::Lost),
        "limited" => Ok(AtOnce::Limited),
        "done" => Ok(AtOnce::Done(row.owed.map(outbox::read).transpose()?.unwrap_or_default())),
        other => Err(StoreError::Row(RowError::Answer(other.to_owned()))),
    }
}
