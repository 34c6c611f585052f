//! Steps in hand: each one's lease is renewed, and each can be told to stop.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use longshore_shared::domain::id::{JobId, StepId};
use longshore_shared::store::steps::{Claimed, Renewal};
use longshore_shared::store::within;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::claim;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::Worker;
use crate::steps::LeaseGuard;
use crate::transfer::Meter;

/// Why a step was told to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// Its job is ending.
    Ending,
    /// Another worker has it.
    Lost,
    /// This process ends.
    Shutdown,
}

/// A step in hand.
pub(super) struct RunningStep {
    /// What was claimed.
    pub(super) step: Claimed,
    /// The right to write.
    pub(super) guard: Arc<LeaseGuard>,
    /// Tells the step to stop.
    pub(super) cancel: CancellationToken,
    /// What it has counted so far.
    pub(super) meter: Arc<Meter>,
    /// Whether anybody was told how far it has come.
    pub(super) is_reported: AtomicBool,
    stop: Mutex<Option<Stop>>,
    settles: AtomicBool,
}

impl RunningStep {
    /// Takes a claimed step in hand; `asked` is the moment before the claim.
    pub(super) fn new(step: Claimed, asked: Instant, lease: Duration) -> Arc<Self> {
        Arc::new(Self {
            step,
            guard: Arc::new(LeaseGuard::new(asked, lease)),
            cancel: CancellationToken::new(),
            meter: Arc::new(Meter::default()),
            is_reported: AtomicBool::new(false),
            stop: Mutex::new(None),
            settles: AtomicBool::new(false),
        })
    }

    /// Tells the step to stop. A lost lease outweighs every other reason.
    pub(super) fn stop(&self, why: Stop) {
        let mut stop = lock(&self.stop);
        if stop.is_none() || why == Stop::Lost {
            *stop = Some(why);
        }
        if why == Stop::Lost {
            self.guard.lose();
        }
        self.cancel.cancel();
    }

    /// The work is over, and what came of it is being written down.
    pub(super) fn settles(&self) {
        self.settles.store(true, Ordering::SeqCst);
    }

    /// Why it was told to stop, if it was.
    pub(super) fn stopped(&self) -> Option<Stop> {
        *lock(&self.stop)
    }
}

/// Renews the lease until the step has ended: three times a lease, and more often while
/// PostgreSQL does not answer. Never returns by itself.
pub(super) async fn renew(worker: &Worker, held: &RunningStep) {
    let lease = worker.settings.lease;
    let (pause, retry) = (lease / 3, (lease / 10).min(Duration::from_secs(1)));
    let mut next = pause;
    loop {
        tokio::time::sleep(next).await;
        let asked = Instant::now();
        let renewed = claim::renew(&worker.database, &held.step.lease, lease.as_secs_f64());
        next = match within(pause.max(Duration::from_secs(1)), renewed).await {
            Ok(Renewal::Held) => {
                held.guard.renewed(asked);
                pause
            }
            Ok(Renewal::Ending) => {
                held.guard.renewed(asked);
                held.stop(Stop::Ending);
                pause
            }
            // Its own settlement may just have ended the lease; one that came too late says so itself.
            Ok(Renewal::Lost) if held.settles.load(Ordering::SeqCst) => pause,
            Ok(Renewal::Lost) => {
                tracing::warn!("the lease went to another worker; this attempt stops");
                Metric::LeasesLost.increment(&[]);
                held.stop(Stop::Lost);
                pause
            }
            Err(error) => {
                tracing::warn!("a lease could not be renewed: {error}");
                retry
            }
        };
    }
}

/// The steps in hand of one worker.
#[derive(Default)]
pub(super) struct Registry {
    held: Mutex<HashMap<StepId, Arc<RunningStep>>>,
}

impl Registry {
    pub(super) fn add(&self, held: &Arc<RunningStep>) {
        lock(&self.held).insert(held.step.lease.step_id, Arc::clone(held));
        self.show();
    }

    /// Takes out this very attempt; a newer one of the same step stays.
    pub(super) fn remove(&self, held: &Arc<RunningStep>) {
        let mut all = lock(&self.held);
        let id = held.step.lease.step_id;
        if all.get(&id).is_some_and(|found| Arc::ptr_eq(found, held)) {
            all.remove(&id);
        }
        drop(all);
        self.show();
    }

    pub(super) fn all(&self) -> Vec<Arc<RunningStep>> {
        lock(&self.held).values().cloned().collect()
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.held).len()
    }

    /// The job is ending: its steps stop.
    pub(super) fn end_job(&self, job_id: JobId) {
        for held in self.all() {
            if held.step.lease.job_id == job_id {
                held.stop(Stop::Ending);
            }
        }
    }

    /// The process ends: every step stops.
    pub(super) fn stop_all(&self) {
        for held in self.all() {
            held.stop(Stop::Shutdown);
        }
    }

    fn show(&self) {
        Metric::StepsRunning.set(f64::from(u32::try_from(self.len()).unwrap_or(u32::MAX)), &[]);
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
