//! Runs a claimed step and settles it, whatever came of it.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Finding, StepKind};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::within;
use longshore_shared::telemetry::{self, AttemptEnd, Metric, OpenSpan, Tag};
use longshore_shared::workflow::settle::{self, Settled};
use longshore_shared::workflow::{WorkflowError, claim};
use tokio::task::JoinSet;
use tokio::time::Instant;
use tracing::Instrument as _;

use super::Worker;
use super::announce::announce;
use super::dispatch;
use super::dispatch::Work;
use super::running_step::{self, RunningStep, Stop};
use crate::steps::StepError;

/// Before a settlement is tried again while PostgreSQL does not answer.
const RETRY: Duration = Duration::from_secs(1);

/// How long a settlement is tried at most; by then the lease has lapsed long since.
const PATIENCE: Duration = Duration::from_secs(600);

/// What came of an attempt; one that failed may have found something out nevertheless.
type Ended = Result<Work, (Failure, Vec<Finding>)>;

/// `span` is the step's; it is told and ended here.
pub(super) async fn run_and_settle(worker: &Arc<Worker>, step: Claimed, mut span: OpenSpan, asked: Instant) {
    let begun = Instant::now();
    let kind = step.kind;
    span.tag(Tag::Job, &step.lease.job_id);
    span.tag(Tag::Step, &step.lease.step_id);
    span.tag(Tag::Kind, &kind);
    span.tag(Tag::Attempt, &step.attempt);
    let held = RunningStep::new(step, asked, worker.settings.lease);
    worker.registry.add(&held);
    let work = async {
        let outcome = run(worker, &held).await;
        held.settles();
        let settling = span.context().begin_if_sent(telemetry::Work::Settle);
        let settle = settle_through_outages(worker, &held, &outcome);
        let settled = tokio::time::timeout(PATIENCE, settle).await;
        settling.end(!matches!(settled, Ok(Ok(_))));
        settled
    };
    let settled = tokio::select! {
        settled = work => settled.unwrap_or(Ok(AttemptEnd::Unsettled)),
        // The lease is renewed until the settlement stands.
        () = running_step::renew(worker, &held) => Ok(AttemptEnd::Unsettled),
    };
    worker.registry.remove(&held);
    super::report::ended(worker, &held);
    let end = settled.unwrap_or_else(|error| {
        tracing::warn!("a step could not be settled: {error}");
        AttemptEnd::Unsettled
    });
    span.tag(Tag::Outcome, &end);
    span.end(is_failed(end));
    Metric::StepsSettled.increment(&[("kind", kind.as_str()), ("outcome", end.as_str())]);
    Metric::StepDuration.record(begun.elapsed().as_secs_f64(), &[("kind", kind.as_str())]);
}

fn is_failed(end: AttemptEnd) -> bool {
    matches!(end, AttemptEnd::Retried | AttemptEnd::GivenUp | AttemptEnd::Unsettled | AttemptEnd::Lost)
}

/// Runs the step in a task of its own, so that a panic ends the step and not the worker.
async fn run(worker: &Arc<Worker>, held: &Arc<RunningStep>) -> Ended {
    let kind = held.step.kind;
    let mut task = JoinSet::new();
    task.spawn(dispatch::run(Arc::clone(worker), Arc::clone(held)).in_current_span());
    match task.join_next().await {
        Some(Ok(outcome)) => outcome.map_err(StepError::into_parts),
        Some(Err(_)) | None => Err((panicked(kind), Vec::new())),
    }
}

fn panicked(kind: StepKind) -> Failure {
    Failure::transient(FailureCode::StepPanicked, format!("a fault of Longshore's stopped the step `{kind}`"))
}

/// Settles, and goes on trying while PostgreSQL does not answer. If another worker has
/// taken the step meanwhile, our token is old and the settlement changes nothing.
async fn settle_through_outages(
    worker: &Worker,
    held: &RunningStep,
    ended: &Ended,
) -> Result<AttemptEnd, WorkflowError> {
    loop {
        match within(super::PATIENCE * 2, settle_once(worker, held, ended)).await {
            Err(WorkflowError::Store(error)) if error.is_outage() => {
                tracing::warn!("a settlement waits for the control plane: {error}");
                tokio::time::sleep(RETRY).await;
            }
            Err(WorkflowError::LeaseLost) => {
                tracing::warn!("the lease went to another worker; what came of this attempt changes nothing");
                return Ok(AttemptEnd::Lost);
            }
            other => return other,
        }
    }
}

async fn settle_once(
    worker: &Worker,
    held: &RunningStep,
    ended: &Ended,
) -> Result<AttemptEnd, WorkflowError> {
    let database = &worker.database;
    let (step, lease) = (&held.step, &held.step.lease);
    let settled = match (ended, held.stopped()) {
        (Ok(Work::GivenBack), _) => return Ok(AttemptEnd::Waits),
        (_, Some(Stop::Lost)) => return Ok(AttemptEnd::Lost),
        (Ok(Work::Done(outcome)), _) => settle::done(database, step, outcome).await?,
        (Err(_), Some(Stop::Ending)) => settle::stopped(database, lease, &held.meter.remains()).await?,
        (Err(_), Some(Stop::Shutdown)) => {
            let owed = claim::hand_back(database, lease, &held.meter.remains()).await?;
            announce(worker, owed).await;
            return Ok(AttemptEnd::HandedBack);
        }
        (Err((failure, findings)), None) => {
            tracing::warn!(attempt = step.attempt, code = %failure.code, "the step failed: {failure}");
            let remains = held.meter.remains();
            settle::failed(database, step, failure, findings, &remains, &worker.settings.name).await?
        }
    };
    Ok(match settled {
        Settled::Done(owed) => {
            if let Ok(Work::Done(outcome)) = ended {
                let counts = outcome.counts;
                Metric::RowsMoved.add(u64::try_from(counts.inserted + counts.updated).unwrap_or(0), &[]);
                Metric::BytesMoved.add(u64::try_from(counts.bytes).unwrap_or(0), &[]);
            }
            announce(worker, owed).await;
            AttemptEnd::Done
        }
        Settled::Again => {
            if let Err((failure, _)) = ended {
                let labels = [("kind", step.kind.as_str()), ("class", failure.class.as_str())];
                Metric::StepRetries.increment(&labels);
            }
            AttemptEnd::Retried
        }
        Settled::WithoutTable(owed) => {
            announce(worker, owed).await;
            AttemptEnd::GivenUp
        }
        Settled::GivenUp => AttemptEnd::GivenUp,
        Settled::Cancelled => AttemptEnd::Cancelled,
    })
}
