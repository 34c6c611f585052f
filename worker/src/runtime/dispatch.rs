//! Runs a step in hand until it ends or is told to stop.
//!
//! To stop is to drop the step at its next await; what it left on customers' servers (a
//! running statement, an open transaction) is then ended there.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt as _;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Outcome, StepKind};
use longshore_shared::failpoint::{Failpoint, reach};

use super::Worker;
use super::holders::lead;
use super::running_step::RunningStep;
use super::target_lock;
use crate::steps::{self, Attempt, SnapshotShare, StepError};

/// What came of an attempt that did not fail.
pub(super) enum Work {
    /// The step is done.
    Done(Box<Outcome>),
    /// Its job waits; the step was given back and is nobody's.
    GivenBack,
}

pub(super) async fn run(worker: Arc<Worker>, held: Arc<RunningStep>) -> Result<Work, StepError> {
    reach(Failpoint::WorkBefore).await?;
    let (guard, meter) = (Arc::clone(&held.guard), Arc::clone(&held.meter));
    let share = share(&worker, &held)?;
    let attempt = Attempt::new(worker.resources.clone(), held.step.clone(), guard, meter, share);
    let attempt = Arc::new(attempt);
    let ended = tokio::select! {
        biased;
        ended = AssertUnwindSafe(work(&worker, &held, &attempt)).catch_unwind() => ended,
        () = held.cancel.cancelled() => Ok(Err(stopped().into())),
        failure = attempt.dead_connection() => Ok(Err(failure.into())),
    };
    if !matches!(ended, Ok(Ok(_))) {
        attempt.end_sessions().await;
    }
    attempt.closed().await;
    let work = ended.unwrap_or_else(|panic| resume_unwind(panic));
    reach(Failpoint::WorkAfter).await?;
    work
}

/// What this worker holds for the step's job, if it is a step for holders.
fn share(worker: &Worker, held: &RunningStep) -> Result<Option<Arc<SnapshotShare>>, Failure> {
    let step = &held.step;
    let find = |generation| worker.holdings.share(step.lease.job_id, generation).ok_or_else(let_go);
    step.generation.map(find).transpose()
}

fn let_go() -> Failure {
    Failure::transient(FailureCode::NotHeld, "this worker has let go of what it held for the job")
}

/// A job's first step begins once the job may write to its target, and is the one that does.
async fn work(worker: &Worker, held: &RunningStep, attempt: &Arc<Attempt>) -> Result<Work, StepError> {
    let (step, job) = (&held.step, &held.step.job);
    let family = steps::family(&job.spec);
    let is_first = step.kind == StepKind::first_of(job.spec.kind(), job.trigger());
    if is_first
        && job.spec.kind().traits().writes_target
        && let Some(wanted) = family.wanted(attempt).await?
        && !target_lock::take(worker, held, attempt, wanted).await?
    {
        return Ok(Work::GivenBack);
    }
    let outcome = match family.leader(attempt).await? {
        Some(leader) => lead::lead(worker, &step.lease, leader).await?,
        None => family.run(attempt).await?,
    };
    let (counts, tables) = (held.meter.counts(), held.meter.tables());
    Ok(Work::Done(Outcome { counts, tables, ..outcome }.into()))
}

/// The failure of an attempt that was told to stop; nobody reads it.
pub(super) fn stopped() -> Failure {
    Failure::transient(FailureCode::Stopped, "the step was told to stop")
}
