//! Holders of a job: enlisted by a step that leads, told the point, struck off when they
//! fall silent; and the job's new beginning when all are gone.
//!
//! Invariants: a step for holders is claimed by a worker only that holds the point of the
//! newest generation; a new generation begins with every such step undone, so that what two
//! generations did is never put together.

use serde_json::Value;

use super::{Reached, WorkflowError, advance, announce};
use crate::domain::failure::{Failure, FailureCode};
use crate::domain::hold::{HolderState, MOST_RESTARTS};
use crate::domain::id::{ConnectionId, JobId, OrgId, WorkerId};
use crate::domain::job::{Ending, JobState};
use crate::domain::step::Lease;
use crate::store::job_holders::{self as store, Begun, Enlisted, Holder, Look, Orphan, Standing};
use crate::store::outbox::Owed;
use crate::store::{Conn, Database, SystemTx, connections, job_log, jobs, limits, steps};

/// Begins a new generation of at most `wanted` holders, led by the step that is held.
pub async fn begin(database: &Database, lease: &Lease, wanted: u32) -> Result<Begun, WorkflowError> {
    let mut tx = led(database, lease).await?;
    let wanted = i32::try_from(wanted).unwrap_or(i32::MAX);
    let begun = store::begin(tx.conn(), lease, wanted).await?;
    tx.commit().await?;
    Ok(begun)
}

/// A worker offers to be a holder with at most so many sessions on what the job reads.
/// Answers how many it may open, none where it needs none; `None`: it is not needed, or a limit
/// leaves no room.
pub async fn offer(
    database: &Database,
    holder: &Holder,
    sessions: i16,
    lease_seconds: f64,
) -> Result<Option<i16>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    limits::lock(conn, holder.org_id).await?;
    let Some(wanted) = store::wanted(conn, holder).await?.filter(|wanted| wanted.holders > 0) else {
        return Ok(None);
    };
    let room = limits::room(conn, holder.org_id).await?;
    let room = wanted.source.and_then(|source| room.sessions.get(&source).copied());
    let led = match wanted.source {
        Some(source) if room.is_some() => is_led(conn, holder, source).await?,
        _ => false,
    };
    let Some(sessions) = share(sessions, room, wanted.holders, led) else { return Ok(None) };
    if !store::offer(conn, holder, sessions, lease_seconds).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(sessions))
}

/// Whether a session is still to be kept for whoever leads: not if there is only one at all, for then
/// nothing needs to be led, and not if a holder is there already, for then it is counted.
async fn is_led(conn: &mut Conn, holder: &Holder, source: ConnectionId) -> Result<bool, WorkflowError> {
    let found = connections::find(conn, holder.org_id, source).await?;
    let at = store::standing(conn, holder.org_id, holder.job_id, holder.generation).await?;
    let is_first = at.preparing + at.enlisted + at.held == 0;
    Ok(is_first && found.and_then(|found| found.max_sessions) != Some(1))
}

/// An even share of the room for each holder that is still to come, beside the session of whoever
/// leads.
fn share(asked: i16, room: Option<i64>, holders: i64, led: bool) -> Option<i16> {
    let Some(room) = room.filter(|_| asked > 0) else { return Some(asked) };
    let free = room - i64::from(led);
    let share = (free / holders.max(1)).max(1).min(i64::from(asked));
    (free > 0).then(|| i16::try_from(share).unwrap_or(asked))
}

/// The holder is ready; `false`: it took too long.
pub async fn enlist(database: &Database, holder: &Holder) -> Result<bool, WorkflowError> {
    let mut tx = database.system().await?;
    let enlisted = store::enlist(tx.conn(), holder).await?;
    tx.commit().await?;
    Ok(enlisted)
}

/// Why workers that offered themselves could not hold.
pub async fn refusals(
    database: &Database,
    lease: &Lease,
    generation: i32,
) -> Result<Vec<Failure>, WorkflowError> {
    let mut tx = database.system().await?;
    let refusals = store::refusals(tx.conn(), lease.org_id, lease.job_id, generation).await?;
    tx.commit().await?;
    Ok(refusals)
}

/// The holders of a generation that are ready, or hold the newest point.
pub async fn enlisted(
    database: &Database,
    lease: &Lease,
    generation: i32,
) -> Result<Vec<Enlisted>, WorkflowError> {
    let mut tx = database.system().await?;
    let enlisted = store::enlisted(tx.conn(), lease.org_id, lease.job_id, generation).await?;
    tx.commit().await?;
    Ok(enlisted)
}

/// How the holders of a generation stand.
pub async fn standing(
    database: &Database,
    lease: &Lease,
    generation: i32,
) -> Result<Standing, WorkflowError> {
    let mut tx = database.system().await?;
    let standing = store::standing(tx.conn(), lease.org_id, lease.job_id, generation).await?;
    tx.commit().await?;
    Ok(standing)
}

/// The point is decided, or decided anew: holders find it at their next look.
pub async fn fix(
    database: &Database,
    lease: &Lease,
    generation: i32,
    point: &Value,
) -> Result<(), WorkflowError> {
    let mut tx = led(database, lease).await?;
    if !store::fix(tx.conn(), lease.org_id, lease.job_id, generation, point).await? {
        return Err(WorkflowError::LeaseLost);
    }
    tx.commit().await?;
    Ok(())
}

/// Who has reported is a holder, who has not is left out. Answers who holds the point.
pub async fn open(
    database: &Database,
    lease: &Lease,
    generation: i32,
) -> Result<Vec<WorkerId>, WorkflowError> {
    let mut tx = led(database, lease).await?;
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    let held = store::open(tx.conn(), org_id, job_id, generation).await?;
    let line = format!("generation {generation} is held by {}", told(&held));
    job_log::add(tx.conn(), org_id, job_id, "info", &line, Some(lease.step_id), None).await?;
    tx.commit().await?;
    Ok(held.into_iter().map(|(worker, _)| worker).collect())
}

/// A holder's renewal; `None`: it is to let go.
pub async fn renew(
    database: &Database,
    holder: &Holder,
    lease_seconds: f64,
) -> Result<Option<Look>, WorkflowError> {
    let mut tx = database.system().await?;
    let look = store::renew(tx.conn(), holder, lease_seconds).await?;
    tx.commit().await?;
    Ok(look)
}

/// The holder holds the point; `false`: it came too late, or the point was decided anew.
pub async fn report(database: &Database, holder: &Holder, point: &Value) -> Result<bool, WorkflowError> {
    let mut tx = database.system().await?;
    let counted = store::report(tx.conn(), holder, point).await?;
    tx.commit().await?;
    Ok(counted)
}

/// The holder lets go; `why` it could not hold, if it could not. Answers whether it was the last of
/// a job that has ended or is ending: then nobody consumes the job's own queue any more.
pub async fn leave(
    database: &Database,
    holder: &Holder,
    why: Option<&Failure>,
) -> Result<bool, WorkflowError> {
    let mut tx = database.system().await?;
    // Under the job's lock: of two that leave at once, the second sees that the first has left.
    let job = jobs::lock(tx.conn(), holder.org_id, holder.job_id).await?;
    store::leave(tx.conn(), holder, why).await?;
    let last = job.is_none_or(|job| job.state.is_final() || job.ending.is_some())
        && !store::is_held(tx.conn(), holder.org_id, holder.job_id).await?;
    tx.commit().await?;
    Ok(last)
}

/// Whether the holder's job has ended or is ending, so that nobody needs its own queue any more.
pub async fn has_ended(database: &Database, holder: &Holder) -> Result<bool, WorkflowError> {
    let mut tx = database.system().await?;
    let job = jobs::find(tx.conn(), holder.org_id, holder.job_id).await?;
    tx.commit().await?;
    Ok(job.is_none_or(|job| job.state.is_final() || job.ending.is_some()))
}

/// What was done about holders that are gone.
#[derive(Debug, Default)]
pub struct Recovered {
    /// Holders that were struck off.
    pub struck: usize,
    /// Jobs that started again.
    pub restarted: usize,
    /// Ended jobs whose own queue may be there with nobody left to remove it; of each whether
    /// nothing can make it again.
    pub ended: Vec<(JobId, bool)>,
    /// Outbox rows to publish.
    pub owed: Vec<Owed>,
}

/// Strikes off silent holders, and lets jobs that have none left start again; at most
/// `limit` of each. `done`: ended jobs whose queue was removed for good.
pub async fn recover(database: &Database, limit: i64, done: &[JobId]) -> Result<Recovered, WorkflowError> {
    let mut tx = database.system().await?;
    let lapsed = store::lapsed(tx.conn(), limit).await?;
    let forgotten = store::forget(tx.conn(), limit).await?;
    let mut ended: Vec<_> = forgotten.into_iter().map(|job| (job, false)).collect();
    ended.extend(store::just_ended(tx.conn(), limit, done).await?);
    tx.commit().await?;
    let mut recovered = Recovered { ended, ..Recovered::default() };
    for holder in lapsed {
        recovered.struck += usize::from(strike(database, &holder).await?);
    }
    let mut tx = database.system().await?;
    let orphans = store::orphans(tx.conn(), limit).await?;
    tx.commit().await?;
    for (org_id, job_id) in orphans {
        if let Some(owed) = start_again(database, org_id, job_id).await? {
            recovered.restarted += 1;
            recovered.owed.extend(owed);
        }
    }
    Ok(recovered)
}

async fn strike(database: &Database, holder: &Holder) -> Result<bool, WorkflowError> {
    let mut tx = database.system().await?;
    let Some(_) = jobs::lock(tx.conn(), holder.org_id, holder.job_id).await? else { return Ok(false) };
    if !store::strike(tx.conn(), holder).await? {
        return Ok(false);
    }
    let (org_id, job_id, generation) = (holder.org_id, holder.job_id, holder.generation);
    let left = store::holders(tx.conn(), org_id, job_id, generation, HolderState::Held).await?;
    let name = &holder.worker_name;
    let line = format!("worker {name} is gone; generation {generation} is held by {}", told(&left));
    job_log::add(tx.conn(), org_id, job_id, "warn", &line, None, Some(name)).await?;
    tx.commit().await?;
    Ok(true)
}

async fn start_again(
    database: &Database,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Option<Vec<Owed>>, WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(None) };
    if job.state != JobState::Running || job.ending.is_some() {
        return Ok(None);
    }
    let Some(orphan) = store::orphan(conn, org_id, job_id).await? else { return Ok(None) };
    let Orphan { generation, stage, restarts } = orphan;
    if restarts >= MOST_RESTARTS {
        let reached = give_up(conn, org_id, job_id, restarts).await?;
        tx.commit().await?;
        reached.count();
        return Ok(Some(Vec::new()));
    }
    store::restart(conn, org_id, job_id, stage).await?;
    let line = format!(
        "nobody holds generation {generation} any more; the job starts again from its enlisting, for the {}. \
         time of at most {MOST_RESTARTS}",
        restarts + 1
    );
    job_log::add(conn, org_id, job_id, "warn", &line, None, None).await?;
    let next = steps::announce_next(conn, org_id, job_id).await?;
    let owed = announce::owe(conn, org_id, job_id, job.trace.as_deref(), &next, 0.0).await?;
    tx.commit().await?;
    Ok(Some(owed))
}

async fn give_up(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    restarts: i32,
) -> Result<Reached, WorkflowError> {
    let failure = Failure::permanent(
        FailureCode::HoldersLost,
        format!("all workers that held something for this job were lost, {} times", restarts + 1),
    );
    job_log::add(conn, org_id, job_id, "error", &failure.to_string(), None, None).await?;
    Ok(advance::end_early(conn, org_id, job_id, Ending::Failed, Some(&failure)).await?)
}

/// A transaction under the job's lock, of the step that leads by right.
async fn led(database: &Database, lease: &Lease) -> Result<SystemTx, WorkflowError> {
    let mut tx = database.system().await?;
    let job = jobs::lock(tx.conn(), lease.org_id, lease.job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    if job.ending.is_some() || !store::leads(tx.conn(), lease).await? {
        return Err(WorkflowError::LeaseLost);
    }
    Ok(tx)
}

fn told(holders: &[(WorkerId, String)]) -> String {
    let names: Vec<&str> = holders.iter().map(|(_, name)| name.as_str()).collect();
    if names.is_empty() { "nobody".to_owned() } else { names.join(", ") }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn n14_shares_leave_the_leader_its_place() {
        for (asked, room, holders, led, expected) in [
            (4, None, 3, false, Some(4)),
            (0, Some(0), 3, false, Some(0)),
            (4, Some(0), 1, true, None),
            (4, Some(-2), 1, true, None),
            // What is left is the leader's; it is nobody's where there is only one at all.
            (4, Some(1), 3, true, None),
            (4, Some(1), 3, false, Some(1)),
            (4, Some(2), 3, true, Some(1)),
            (4, Some(0), 2, false, None),
            (4, Some(7), 3, true, Some(2)),
            (4, Some(7), 1, true, Some(4)),
        ] {
            assert_eq!(share(asked, room, holders, led), expected, "{asked} of {room:?} for {holders}");
        }
    }
}
