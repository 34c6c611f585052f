//! How a step ends when it does not end well.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::Finding;
use longshore_shared::failpoint::Injected;
use longshore_shared::store::StoreError;

/// Why an attempt did not come to its outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// It failed; the failure says whether trying again may help.
    #[error("{0}")]
    Failed(Failure),
    /// It failed, and what it found out is to be kept.
    #[error("{failure}")]
    Found {
        /// Why the step fails.
        failure: Failure,
        /// What was found.
        findings: Vec<Finding>,
    },
    /// The control plane could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Failure> for StepError {
    fn from(failure: Failure) -> Self {
        Self::Failed(failure)
    }
}

impl From<Injected> for StepError {
    fn from(injected: Injected) -> Self {
        Self::Store(injected.into())
    }
}

impl StepError {
    /// What is settled: the failure, and what was found nevertheless.
    pub(crate) fn into_parts(self) -> (Failure, Vec<Finding>) {
        match self {
            Self::Failed(failure) => (failure, Vec::new()),
            Self::Found { failure, findings } => (failure, findings),
            Self::Store(error) => (of_store(&error), Vec::new()),
        }
    }
}

fn of_store(error: &StoreError) -> Failure {
    match error {
        StoreError::Row(_) => Failure::permanent(
            FailureCode::ControlPlaneRow,
            format!("the control plane holds something that this worker does not know: {error}"),
        ),
        _ => Failure::transient(
            FailureCode::ControlPlaneAway,
            "the control plane's database could not be asked",
        ),
    }
}
