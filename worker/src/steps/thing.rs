//! What a worker holds for a job, from its enlisting until it lets go.
//!
//! Opened before anything is fixed, told the point once, then shared by the job's steps on
//! this worker. Nothing of it survives the process: who comes back is another worker.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::job::JobSpec;
use serde_json::Value;

/// What is held.
#[derive(Debug)]
pub(crate) enum Thing {
    /// A probe's token: the point itself, so that steps can show under which they ran.
    Token(Option<Value>),
}

impl Thing {
    /// Gets ready: what takes long and fixes nothing.
    pub(crate) async fn open(spec: &JobSpec) -> Result<Self, Failure> {
        match spec {
            JobSpec::Probe(_) => Ok(Self::Token(None)),
            JobSpec::Sync(_) | JobSpec::ConnectionTest(_) => Err(nothing()),
        }
    }

    /// Holds the point from now on.
    pub(crate) async fn fix(self, point: &Value) -> Result<Self, Failure> {
        match self {
            Self::Token(_) => Ok(Self::Token(Some(point.clone()))),
        }
    }
}

fn nothing() -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "nothing_to_hold",
        "a job of this kind has nothing that workers hold",
        "report it: the control plane's rows do not hang together",
    )
}
