//! Runs a step in hand until it ends or is told to stop.
//!
//! To stop is to drop the step at its next await; what it left on customers' servers (a
//! running statement, an open transaction) is then ended there.

use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;

use futures::FutureExt as _;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::job::JobSpec;
use longshore_shared::domain::probe::ProbeSpec;
use longshore_shared::domain::step::{Outcome, StepKind};
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::failpoint::{Failpoint, reach};

use super::Worker;
use super::holders::lead;
use super::running_step::RunningStep;
use super::target;
use crate::steps::{self, Context, SnapshotShare, StepError};

/// What came of an attempt that did not fail.
pub(super) enum Work {
    /// The step is done.
    Done(Box<Outcome>),
    /// Its job waits; the step was given back and is nobody's.
    GivenBack,
}

pub(super) async fn run(worker: Arc<Worker>, held: Arc<RunningStep>) -> Result<Work, StepError> {
    reach(Failpoint::WorkBefore).await?;
    let work = match held.step.job.spec.clone() {
        JobSpec::Sync(spec) => sync(&worker, &held, spec).await,
        JobSpec::ConnectionTest(spec) => tokio::select! {
            biased;
            outcome = steps::connection_test(&worker.resources, &held.step, spec, &held.guard) => {
                outcome.map(|outcome| Work::Done(outcome.into()))
            }
            () = held.cancel.cancelled() => Err(stopped().into()),
        },
        JobSpec::Probe(spec) => tokio::select! {
            biased;
            outcome = probe(&worker, &held, spec) => outcome.map(|outcome| Work::Done(outcome.into())),
            () = held.cancel.cancelled() => Err(stopped().into()),
        },
    };
    reach(Failpoint::WorkAfter).await?;
    work
}

async fn probe(worker: &Worker, held: &RunningStep, spec: ProbeSpec) -> Result<Outcome, StepError> {
    let step = &held.step;
    if step.kind == StepKind::ProbeEnlist {
        return lead::token(worker, &step.lease, spec.holders).await;
    }
    let share = share(worker, held)?;
    Ok(steps::probe(step.kind, spec, share.as_deref()).await)
}

/// What this worker holds for the step's job, if it is a step for holders.
fn share(worker: &Worker, held: &RunningStep) -> Result<Option<Arc<SnapshotShare>>, Failure> {
    let step = &held.step;
    let find = |generation| worker.holdings.share(step.lease.job_id, generation).ok_or_else(let_go);
    step.generation.map(find).transpose()
}

async fn sync(worker: &Worker, held: &RunningStep, spec: SyncSpec) -> Result<Work, StepError> {
    let (guard, meter) = (Arc::clone(&held.guard), Arc::clone(&held.meter));
    let share = share(worker, held)?;
    let context =
        Context::load(worker.resources.clone(), held.step.clone(), spec, guard, meter, share).await?;
    let ended = tokio::select! {
        biased;
        ended = AssertUnwindSafe(work(worker, held, &context)).catch_unwind() => ended,
        () = held.cancel.cancelled() => Ok(Err(stopped().into())),
        failure = context.dead_connection() => Ok(Err(failure.into())),
    };
    if let Ok(Ok(work)) = ended {
        context.closed().await;
        return Ok(work);
    }
    context.end_sessions().await;
    context.closed().await;
    ended.unwrap_or_else(|panic| resume_unwind(panic))
}

fn let_go() -> Failure {
    Failure::transient(FailureCode::NotHeld, "this worker has let go of what it held for the job")
}

/// A job's first step begins once the job may write to its target, and is the one that does.
async fn work(worker: &Worker, held: &RunningStep, context: &Context) -> Result<Work, StepError> {
    let kind = held.step.job.spec.kind();
    let is_first = held.step.kind == StepKind::first_of(kind, held.step.job.trigger);
    if is_first && kind.traits().writes_target {
        context.confirm().await?;
        if !target::take(worker, held, context).await? {
            return Ok(Work::GivenBack);
        }
    }
    let outcome = match held.step.kind {
        StepKind::Snapshot => Box::pin(lead::snapshot(worker, &held.step.lease, context)).await?,
        _ => steps::run(context).await?,
    };
    Ok(Work::Done(Outcome { counts: held.meter.counts(), ..outcome }.into()))
}

/// The failure of an attempt that was told to stop; nobody reads it.
pub(super) fn stopped() -> Failure {
    Failure::transient(FailureCode::Stopped, "the step was told to stop")
}
