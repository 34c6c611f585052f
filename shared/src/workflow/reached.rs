//! A job's final state on its way out of the transaction that decided it.
//!
//! What is counted must have happened: whoever commits counts, after the commit.

use crate::domain::job::JobState;
use crate::store::jobs::Finished;
use crate::telemetry::Metric;

/// Whether a job reached its final state in a transaction, to be counted after its commit.
#[derive(Debug, Default)]
#[must_use = "a job's end is counted once it is committed"]
pub struct Reached(Option<Finished>);

impl Reached {
    /// No job did.
    pub(super) const NOBODY: Self = Self(None);

    /// This job did, if it is one.
    pub(super) fn of(job: Option<Finished>) -> Self {
        Self(job)
    }

    /// Counts it; the transaction is committed.
    pub fn count(self) {
        let Some(Finished { kind, state, class, seconds }) = self.0 else { return };
        let kind = ("kind", kind.as_str());
        Metric::Jobs.increment(&[kind, ("state", state.as_str())]);
        if let (JobState::Failed, Some(class)) = (state, class) {
            Metric::JobFailures.increment(&[kind, ("class", class.as_str())]);
        }
        if let Some(seconds) = seconds {
            Metric::JobDuration.record(seconds, &[kind]);
        }
    }
}
