//! What running steps report over the bus: the newest counters of each, and the rate.
//!
//! Lossy by design: a report that does not come is made good by the next one or by the
//! store. Nothing here is the truth, and nothing is kept for longer than a few minutes.

mod rate;
mod reports;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use longshore_shared::domain::id::{JobId, OrgId, StepId};
use longshore_shared::domain::progress::StepProgress;
use longshore_shared::domain::step::Counts;
use tokio::sync::broadcast::Receiver;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use reports::Reports;

/// A job that nobody has reported on for this long is forgotten.
const FORGET: Duration = Duration::from_secs(120);

/// Everything that was reported lately. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct ProgressHub {
    jobs: Arc<Mutex<HashMap<(OrgId, JobId), Reports>>>,
}

/// What is known of a job just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Snapshot {
    /// The newest report of each step that has not ended: its attempt and counters.
    pub(crate) steps: HashMap<StepId, (i32, Counts)>,
    /// Rows and bytes a second over the last seconds.
    pub(crate) rate: Option<(f64, f64)>,
    /// Grows with each report.
    pub(crate) version: u64,
}

impl ProgressHub {
    /// Takes reports from the bus until `shutdown`.
    pub(crate) async fn follow(self, mut reports: Receiver<StepProgress>, shutdown: CancellationToken) {
        loop {
            let heard = tokio::select! {
                () = shutdown.cancelled() => return,
                heard = reports.recv() => heard,
            };
            match heard {
                Ok(report) => self.take(&report, Instant::now()),
                Err(RecvError::Lagged(lost)) => {
                    tracing::debug!(lost, "progress came faster than it was read");
                }
                Err(RecvError::Closed) => return,
            }
        }
    }

    fn take(&self, report: &StepProgress, now: Instant) {
        let mut jobs = self.lock();
        let key = (report.org_id, report.job_id);
        if !jobs.contains_key(&key) {
            // A new job is the moment to forget old ones.
            jobs.retain(|_, reports| now.duration_since(reports.last()) < FORGET);
        }
        jobs.entry(key).or_insert_with(|| Reports::new(now)).take(report, now);
    }

    /// What is known of the organisation's job.
    pub(crate) fn of(&self, org_id: OrgId, job_id: JobId, now: Instant) -> Snapshot {
        self.lock().get(&(org_id, job_id)).map(|reports| reports.snapshot(now)).unwrap_or_default()
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(OrgId, JobId), Reports>> {
        // Whoever panicked under this lock left at worst a lossy number.
        self.jobs.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
