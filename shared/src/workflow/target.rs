//! One writer for a target's tables: a job becomes it, waits for it, or is refused.
//!
//! A job asks once for all that it will write, before it looks at any of it, since a plan
//! made before a wait would be stale. It has all or nothing, so no two jobs wait for each
//! other in a ring; who asked earlier is not overtaken where the two overlap, so nobody
//! waits for ever. The hold lasts until the job's final state, which comes only after its
//! last held step has stopped ([`super::advance`]).
//!
//! A job that waits holds no step: the one that asked is announced again with a pause, and
//! [`grant`], which the scheduler repeats, ends the pause once nobody is in the way. There
//! is no other way to be woken, so that the release of another organisation's job, by a
//! transaction that sees one organisation only, is as good as any.
//!
//! A worker that died or froze may leave a session on the target that could still commit
//! after its job's end. It works under a lock of the server's named after its step, taken
//! before it looks at its lease a last time: whoever comes next ends the session that has
//! such a lock, and who takes it later finds its lease ended. So a release passes on the
//! steps that nobody saw ending, and [`ask`] hands them to the next holder, who has
//! to see to it that their locks are free before anything else ([`fenced`]).

use super::{WorkflowError, announce};
use crate::domain::id::{JobId, OrgId};
use crate::domain::step::Lease;
use crate::domain::sync::TargetBusy;
use crate::domain::target::{FormerHolder, TargetArea};
use crate::store::{Conn, Database, StoreError, job_log, jobs, outbox, steps, target_locks};

/// After this time a waiting job asks again by itself: its target may have become another
/// server meanwhile.
const ASK_AGAIN_SECONDS: f64 = 60.0;

/// What came of asking.
#[derive(Debug)]
pub enum Answer {
    /// The job is the one writer. These jobs were it before and may have left sessions.
    Held(Vec<FormerHolder>),
    /// Another job is; the step was given back, its attempt uncounted, and is announced when it may go on.
    Waits,
    /// Another job is, and this one is not to wait. Its id, if it is of the same organisation.
    Refused(Option<JobId>),
    /// The job is to end; nothing was asked.
    Ending,
}

/// Asks, for the job of a held step, to be the one writer of the area.
pub async fn ask(
    database: &Database,
    lease: &Lease,
    area: &TargetArea,
    busy: TargetBusy,
) -> Result<Answer, WorkflowError> {
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let job = jobs::lock(conn, org_id, job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    if job.ending.is_some() {
        return Ok(Answer::Ending);
    }
    // A hold that a late worker took for an ended job would never be given back.
    if !steps::is_newest(conn, lease).await? {
        return Err(WorkflowError::LeaseLost);
    }
    target_locks::lock(conn, &area.server, &area.database).await?;
    let asked = target_locks::asked(conn, org_id, job_id).await?;
    let has = asked.as_ref().is_some_and(|asked| asked.held && asked.area.covers(area));
    let blocker = match has {
        true => None,
        false => target_locks::blocker(conn, org_id, job_id, area, asked.as_ref()).await?,
    };
    let answer = match blocker {
        None => {
            if !has {
                target_locks::set(conn, org_id, job_id, area, true).await?;
            }
            Answer::Held(target_locks::former(conn, area).await?)
        }
        Some(blocker) => {
            let known = (blocker.0 == org_id).then_some(blocker.1);
            match busy {
                TargetBusy::Refuse => {
                    target_locks::release(conn, org_id, job_id).await?;
                    Answer::Refused(known)
                }
                TargetBusy::Wait => {
                    target_locks::set(conn, org_id, job_id, area, false).await?;
                    if asked.is_none_or(|asked| asked.held) {
                        say_so(conn, lease, known).await?;
                    }
                    park(conn, lease, job.trace.as_deref()).await?;
                    Answer::Waits
                }
            }
        }
    };
    tx.commit().await?;
    Ok(answer)
}

async fn say_so(conn: &mut Conn, lease: &Lease, blocker: Option<JobId>) -> Result<(), StoreError> {
    let who = blocker.map_or_else(|| "another job".to_owned(), |id| format!("job {id}"));
    let line = format!("the job waits: {who} writes the same tables of the target, or asked earlier");
    job_log::add(conn, lease.org_id, lease.job_id, "info", &line, Some(lease.step_id), None).await
}

/// The step goes back with a pause that [`grant`] can end.
async fn park(conn: &mut Conn, lease: &Lease, trace: Option<&str>) -> Result<(), WorkflowError> {
    let step = steps::give_back(conn, lease, false, None, false, ASK_AGAIN_SECONDS)
        .await?
        .ok_or(WorkflowError::LeaseLost)?;
    announce::owe(conn, lease.org_id, lease.job_id, trace, &[step], ASK_AGAIN_SECONDS).await?;
    Ok(())
}

/// No session of these ended jobs lives on the server any more.
pub async fn fenced(database: &Database, former: &[FormerHolder]) -> Result<(), WorkflowError> {
    if former.is_empty() {
        return Ok(());
    }
    let mut tx = database.system().await?;
    target_locks::forget(tx.conn(), former).await?;
    Ok(tx.commit().await?)
}

/// Gives every waiting job that has nobody in its way what it waits for, and ends its
/// pause. Answers how many there were.
pub async fn grant(database: &Database) -> Result<usize, WorkflowError> {
    let mut tx = database.system().await?;
    let free = target_locks::free(tx.conn()).await?;
    tx.commit().await?;
    let mut woken = 0;
    for (server, name) in free {
        let mut tx = database.system().await?;
        target_locks::lock(tx.conn(), &server, &name).await?;
        let granted = target_locks::grant(tx.conn(), &server, &name).await?;
        tx.commit().await?;
        // The area's lock comes after a job's everywhere, so the jobs are locked apart. What
        // is lost between the two costs the rest of the pause.
        for (org_id, job_id) in granted {
            wake(database, org_id, job_id).await?;
            woken += 1;
        }
    }
    Ok(woken)
}

async fn wake(database: &Database, org_id: OrgId, job_id: JobId) -> Result<(), WorkflowError> {
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(()) };
    if job.ending.is_some() || job.state.is_final() {
        return Ok(());
    }
    steps::end_pause(conn, org_id, job_id).await?;
    outbox::end_pause(conn, org_id, job_id).await?;
    job_log::add(conn, org_id, job_id, "info", "the target is free: the job goes on", None, None).await?;
    Ok(tx.commit().await?)
}
