//! What follows from a step's end: stages close and open, the next steps are announced,
//! the job reaches its final state. Runs under the job's lock.

use std::collections::BTreeMap;

use super::{Reached, WorkflowError, announce, release};
use crate::domain::failure::Failure;
use crate::domain::id::{JobId, OrgId};
use crate::domain::job::{Ending, JobState};
use crate::domain::step::{Lease, Remains, StepState};
use crate::store::jobs::Locked;
use crate::store::outbox::Owed;
use crate::store::steps::Ended;
use crate::store::{
    Conn, StoreError, backups, history, job_log, job_tables, jobs, packages, secrets, stages, steps,
    target_locks,
};

/// A step of this stage is done, and the job goes on without these tables: closes what is complete, announces
/// what may run now, or ends the job. Answers what to publish, and whether the job ended. Where a limit holds
/// nothing is announced: that is for `limits`, after the commit.
pub(super) async fn after_done(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    stage: i32,
    without: &[i32],
    job: &Locked,
) -> Result<(Vec<Owed>, Reached), WorkflowError> {
    if !without.is_empty() {
        return after_tables(conn, org_id, job_id, (stage, without), job).await;
    }
    let mut complete = Vec::new();
    if stages::step_ended(conn, org_id, job_id, stage).await? == 0 {
        complete.push(stage);
    }
    go_on(conn, org_id, job_id, complete, job).await
}

/// Tables are given up, and the job goes on without them: what nobody holds of them is cancelled, and
/// `stage`, which had the step that told so, and those of the others have so many steps less.
pub(super) async fn after_tables(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    (stage, tables): (i32, &[i32]),
    job: &Locked,
) -> Result<(Vec<Owed>, Reached), WorkflowError> {
    let mut ended = BTreeMap::from([(stage, 1)]);
    for table in tables {
        for stage in steps::cancel_of_table(conn, org_id, job_id, *table).await? {
            *ended.entry(stage).or_default() += 1;
        }
    }
    let mut complete = Vec::new();
    for (stage, count) in ended {
        // One that still waits is closed with the last that it waits for.
        if stages::steps_dropped(conn, org_id, job_id, stage, count).await? {
            complete.push(stage);
        }
    }
    go_on(conn, org_id, job_id, complete, job).await
}

/// Closes these stages, and what is complete by that.
async fn go_on(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    mut complete: Vec<i32>,
    job: &Locked,
) -> Result<(Vec<Owed>, Reached), WorkflowError> {
    if !complete.is_empty() {
        while let Some(number) = complete.pop() {
            complete.extend(stages::close(conn, org_id, job_id, number).await?);
        }
        if stages::all_ended(conn, org_id, job_id).await? {
            return Ok((Vec::new(), conclude(conn, org_id, job_id).await?));
        }
    }
    if job.limited {
        return Ok((Vec::new(), Reached::NOBODY));
    }
    let next = steps::announce_next(conn, org_id, job_id).await?;
    let owed = announce::owe(conn, org_id, job_id, job.trace.as_deref(), &next, 0.0).await?;
    Ok((owed, Reached::NOBODY))
}

/// All steps are done: the job is completed, unless a table failed on the way (a sync
/// told to go on without it).
async fn conclude(conn: &mut Conn, org_id: OrgId, job_id: JobId) -> Result<Reached, WorkflowError> {
    let (failed, first) = job_tables::failed(conn, org_id, job_id).await?;
    let state = match first {
        None => JobState::Completed,
        Some((table, failure)) => {
            let message = if failed == 1 {
                failure.message.clone()
            } else {
                format!("{failed} tables failed; the first is {table}: {}", failure.message)
            };
            let failure = Failure { message, ..failure };
            jobs::set_ending(conn, org_id, job_id, Ending::Failed, Some(&failure)).await?;
            JobState::Failed
        }
    };
    Ok(reach(conn, org_id, job_id, state).await?)
}

/// The one place where a job takes its final state, and where what follows from that
/// belongs: in the same transaction, under the job's lock, once.
async fn reach(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    state: JobState,
) -> Result<Reached, StoreError> {
    let finished = jobs::finish(conn, org_id, job_id, state).await?;
    if finished.is_some_and(|job| job.kind.traits().holds_secrets) {
        secrets::delete(conn, org_id, job_id).await?;
    }
    if finished.is_some() {
        target_locks::release(conn, org_id, job_id).await?;
        if state != JobState::Completed {
            backups::fail_of_job(conn, org_id, job_id).await?;
            packages::fail_of_job(conn, org_id, job_id).await?;
        }
        history::summarise(conn, org_id, job_id).await?;
        job_log::add(conn, org_id, job_id, "info", &format!("the job is {state}"), None, None).await?;
        release::after(conn, org_id, job_id).await?;
    }
    Ok(Reached::of(finished))
}

/// The job is to end early: what nobody holds is cancelled, and when nobody holds
/// anything the job ends now.
pub(super) async fn end_early(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
    ending: Ending,
    failure: Option<&Failure>,
) -> Result<Reached, StoreError> {
    jobs::set_ending(conn, org_id, job_id, ending, failure).await?;
    if steps::cancel_unclaimed(conn, org_id, job_id).await? == 0 {
        return finish_ending(conn, org_id, job_id).await;
    }
    Ok(Reached::NOBODY)
}

/// A held step of an ending job stops; the last one to stop ends the job.
pub(super) async fn cancel_held(
    conn: &mut Conn,
    lease: &Lease,
    remains: &Remains,
) -> Result<Reached, WorkflowError> {
    let ended = Ended {
        state: StepState::Cancelled,
        counts: remains.counts,
        detail: &serde_json::Value::Null,
        failure: None,
        wrote: remains.wrote,
    };
    if steps::end(conn, lease, &ended).await?.is_none() {
        return Err(WorkflowError::LeaseLost);
    }
    job_tables::set_travelled(conn, lease, &remains.tables).await?;
    if steps::held(conn, lease.org_id, lease.job_id).await? == 0 {
        return Ok(finish_ending(conn, lease.org_id, lease.job_id).await?);
    }
    Ok(Reached::NOBODY)
}

/// The last held step of an ending job has stopped: the job takes the final state that
/// was decided.
pub(super) async fn finish_ending(
    conn: &mut Conn,
    org_id: OrgId,
    job_id: JobId,
) -> Result<Reached, StoreError> {
    let Some(job) = jobs::lock(conn, org_id, job_id).await? else { return Ok(Reached::NOBODY) };
    let Some(ending) = job.ending else { return Ok(Reached::NOBODY) };
    let state = match ending {
        Ending::Failed => JobState::Failed,
        Ending::Cancelled => JobState::Cancelled,
    };
    reach(conn, org_id, job_id, state).await
}
