//! One permit: a message, a claim, a step, and the next message.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::bus::{Delivery, Slot};
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::{StoreError, within};
use longshore_shared::telemetry::{Metric, OpenSpan, TraceContext, Work};
use longshore_shared::workflow::{WorkflowError, claim};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

use super::Worker;
use super::finish;

/// Before asking again when PostgreSQL does not answer.
const OUTAGE_PAUSE: Duration = Duration::from_secs(2);

/// A step that is over so soon keeps its message until then, and its slot's consumer.
const SHORT: Duration = Duration::from_millis(250);

/// Takes steps until `shutdown`, or until the slot's queue is not wanted any more; returns when
/// RabbitMQ has no consumer of it.
pub(super) async fn run(worker: Arc<Worker>, mut slot: Slot, shutdown: CancellationToken) {
    while let Some(delivery) = shutdown.run_until_cancelled(slot.next()).await.flatten() {
        let trace = delivery.message.trace.unwrap_or_else(TraceContext::fresh);
        let span = tracing::info_span!(
            "step", step.kind = %delivery.message.kind, step.id = %delivery.message.step_id,
            job.id = %delivery.message.job_id, trace.id = %trace.trace_id()
        );
        let work = trace.begin_if_sent(Work::Step);
        Box::pin(one(&worker, delivery, work, &shutdown).instrument(span)).await;
    }
    slot.close().await;
}

async fn one(worker: &Arc<Worker>, delivery: Delivery, span: OpenSpan, shutdown: &CancellationToken) {
    // Taken before the claim, so that our idea of the lease ends before PostgreSQL's.
    let asked = Instant::now();
    let trying = span.context().begin_if_sent(Work::Claim);
    let claimed = claim(worker, &delivery).await;
    // Without a step there is no span of one, and a part of none would hang in the air.
    if matches!(claimed, Ok(Some(_))) {
        trying.end(false);
    }
    match claimed {
        Ok(None) => {
            // Somebody else has it, or nobody needs it any more.
            let _ = delivery.ack().await;
        }
        Ok(Some(step)) => {
            Metric::ClaimLatency.record(step.waited_seconds, &[]);
            let mut work = Box::pin(finish::run_and_settle(worker, step, span, asked));
            // Lost or not, the claim stands, and a second delivery's claim will lose.
            match tokio::time::timeout(SHORT, &mut work).await {
                Ok(()) => acknowledge(delivery.ack()).await,
                Err(_) => drop(tokio::join!(acknowledge(delivery.release()), work)),
            }
        }
        Err(WorkflowError::Store(error)) if error.is_outage() => {
            tracing::warn!("claiming waits for the control plane: {error}");
            let _ = delivery.requeue().await;
            let _ = tokio::time::timeout(OUTAGE_PAUSE, shutdown.cancelled()).await;
        }
        Err(WorkflowError::Store(StoreError::Row(reason))) => {
            // A kind of a newer release, most likely; the claim gave the step back.
            tracing::warn!("a step is left to a worker of a newer release: {reason}");
            let _ = delivery.ack().await;
        }
        Err(error) => {
            tracing::error!("a claim failed: {error}");
            let _ = delivery.requeue().await;
            let _ = tokio::time::timeout(OUTAGE_PAUSE, shutdown.cancelled()).await;
        }
    }
}

/// A message that stays unacknowledged comes again, and its claim loses.
async fn acknowledge<T>(settled: impl Future<Output = T>) {
    if reach(Failpoint::AckBefore).await.is_ok() {
        settled.await;
        let _ = reach(Failpoint::AckAfter).await;
    }
}

async fn claim(worker: &Worker, delivery: &Delivery) -> Result<Option<Claimed>, WorkflowError> {
    let message = &delivery.message;
    let (name, seconds) = (&worker.settings.name, worker.settings.lease.as_secs_f64());
    let claimed = claim::claim(&worker.database, message.org_id, message.step_id, worker.id, name, seconds);
    within(super::PATIENCE, claimed).await
}
