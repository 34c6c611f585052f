//! How a step ends when it does not end well.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::retry::CONTROL_PLANE_AWAY;
use longshore_shared::domain::step::Verified;
use longshore_shared::failpoint::Injected;
use longshore_shared::store::StoreError;

/// Why an attempt did not come to its outcome.
#[derive(Debug, thiserror::Error)]
pub(crate) enum StepError {
    /// It failed; the failure says whether trying again may help.
    #[error("{0}")]
    Failed(Failure),
    /// The table did not arrive as the policy says; what was found is to be kept.
    #[error("{failure}")]
    Unequal {
        /// Why the step fails.
        failure: Failure,
        /// What was found.
        verified: Verified,
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
    /// What is settled: the failure, and what a verification found.
    pub(crate) fn into_parts(self) -> (Failure, Option<Verified>) {
        match self {
            Self::Failed(failure) => (failure, None),
            Self::Unequal { failure, verified } => (failure, Some(verified)),
            Self::Store(error) => (of_store(&error), None),
        }
    }
}

fn of_store(error: &StoreError) -> Failure {
    let hint = "look at the worker's log and at Longshore's own PostgreSQL";
    match error {
        StoreError::Row(_) => Failure::permanent(
            FailureClass::Internal,
            "control_plane_row",
            format!("the control plane holds something that this worker does not know: {error}"),
            "run workers and scheduler of one release",
        ),
        _ => Failure::transient(
            FailureClass::Internal,
            CONTROL_PLANE_AWAY,
            "the control plane's database could not be asked",
            hint,
        ),
    }
}
