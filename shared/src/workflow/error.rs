//! Why a transition did not happen.

use crate::bus::BusError;
use crate::domain::id::JobId;
use crate::failpoint::Injected;
use crate::store::StoreError;

/// A transition that did not happen; nothing of it was written.
#[derive(Debug, thiserror::Error)]
pub enum WorkflowError {
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The bus failed; what was owed stays owed.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// A run of the subject has not ended yet.
    #[error("a run of this task has not ended yet")]
    RunInProgress,
    /// A run of the task waits already for the one that has not ended.
    #[error("a run of this task waits already")]
    RunQueued(JobId),
    /// The due time has fired already.
    #[error("this due time has fired already")]
    AlreadyFired,
    /// The lease is not the newest: another worker has the step, or it has ended.
    #[error("the lease was lost to a newer one")]
    LeaseLost,
    /// The job has reached its final state.
    #[error("the job has ended")]
    JobEnded,
    /// There is no such job.
    #[error("there is no such job")]
    NoSuchJob,
    /// There is no such task.
    #[error("there is no such task")]
    NoSuchTask,
    /// A plan's answer does not hang together.
    #[error("a plan's stages do not hang together: {0}")]
    BadGrowth(String),
}

impl From<Injected> for WorkflowError {
    fn from(injected: Injected) -> Self {
        Self::Store(injected.into())
    }
}
