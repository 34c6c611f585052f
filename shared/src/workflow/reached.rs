//! A job's final state on its way out of the transaction that decided it.
//!
//! What is counted must have happened: whoever commits counts, after the commit.

use crate::domain::job::{JobKind, JobState};
use crate::telemetry::Metric;

/// Whether a job reached its final state in a transaction, to be counted after its commit.
#[derive(Debug, Default)]
#[must_use = "a job's end is counted once it is committed"]
pub struct Reached(Option<(JobKind, JobState)>);

impl Reached {
    /// No job did.
    pub(super) const NOBODY: Self = Self(None);

    /// This job did, if it is one.
    pub(super) fn of(job: Option<(JobKind, JobState)>) -> Self {
        Self(job)
    }

    /// Counts it; the transaction is committed.
    pub fn count(self) {
        if let Some((kind, state)) = self.0 {
            Metric::Jobs.increment(&[("kind", kind.as_str()), ("state", state.as_str())]);
        }
    }
}
