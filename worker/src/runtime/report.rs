//! Tells how far the steps in hand have come, twice a second. Lossy: the truth is what
//! is settled.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use longshore_shared::domain::progress::StepProgress;
use longshore_shared::domain::step::Counts;
use tokio_util::sync::CancellationToken;

use super::Worker;
use super::running_step::RunningStep;

const EVERY: Duration = Duration::from_millis(500);

pub(super) async fn run(worker: Arc<Worker>, end: CancellationToken) {
    let mut ticks = tokio::time::interval(EVERY);
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            _ = ticks.tick() => {}
        }
        for held in worker.registry.all() {
            held.is_reported.store(true, Ordering::Relaxed);
            worker.bus.report(sample(&worker, &held, false));
        }
    }
}

/// The step has ended: from here on the store counts. Of one that nobody heard of and that
/// moved nothing there is nothing to tell.
pub(super) fn ended(worker: &Worker, held: &RunningStep) {
    if !held.is_reported.load(Ordering::Relaxed) && held.meter.counts() == Counts::default() {
        return;
    }
    worker.bus.report(sample(worker, held, true));
}

fn sample(worker: &Worker, held: &RunningStep, ended: bool) -> StepProgress {
    let step = &held.step;
    StepProgress {
        org_id: step.lease.org_id,
        job_id: step.lease.job_id,
        step_id: step.lease.step_id,
        attempt: step.attempt,
        table_number: step.table_number,
        worker: worker.settings.name.clone(),
        counts: held.meter.counts(),
        ended,
    }
}
