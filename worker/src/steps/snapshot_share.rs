//! What a worker holds for a job, from its enlisting until it lets go.
//!
//! Opened before anything is fixed, told the point, then shared by the job's steps on this
//! worker. Nothing of it survives the process: who comes back is another worker.

use std::sync::{Arc, Mutex, PoisonError};

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::job::{Job, JobSpec};
use serde_json::Value;

use super::context::WorkerResources;
use super::error::StepError;
use super::sync::snapshot::Snapshot;

/// What is held.
#[derive(Debug)]
pub(crate) enum SnapshotShare {
    /// A probe's token: the point itself, so that steps can show under which they ran.
    Token(Mutex<Value>),
    /// Sessions that see one point of the source.
    Snapshot(Arc<Snapshot>),
}

impl SnapshotShare {
    /// How many sessions a worker with so many permits asks for.
    pub(crate) fn sessions(spec: &JobSpec, permits: u32) -> i16 {
        match spec {
            JobSpec::Sync(_) => i16::try_from(permits).unwrap_or(i16::MAX),
            JobSpec::Probe(_) | JobSpec::ConnectionTest(_) => 0,
        }
    }

    /// Gets ready: what takes long and fixes nothing.
    pub(crate) async fn open(
        resources: WorkerResources,
        job: Job,
        worker_id: WorkerId,
        sessions: i16,
    ) -> Result<Self, StepError> {
        match &job.spec {
            JobSpec::Sync(_) => {
                Ok(Self::Snapshot(Snapshot::open(resources, job, worker_id, sessions).await?))
            }
            JobSpec::Probe(_) | JobSpec::ConnectionTest(_) => Ok(Self::Token(Mutex::new(Value::Null))),
        }
    }

    /// Holds the point from now on; `false`: others are to hold it.
    pub(crate) async fn fix(&self, point: &Value) -> Result<bool, Failure> {
        match self {
            Self::Token(token) => {
                *token.lock().unwrap_or_else(PoisonError::into_inner) = point.clone();
                Ok(true)
            }
            Self::Snapshot(snapshot) => snapshot.fix(point).await,
        }
    }

    /// Nothing of it is left.
    pub(crate) fn is_spent(&self) -> bool {
        match self {
            Self::Token(_) => false,
            Self::Snapshot(snapshot) => snapshot.is_spent(),
        }
    }

    /// Lets go of it, wholly: what others are given then is free.
    pub(crate) async fn close(&self) {
        if let Self::Snapshot(snapshot) = self {
            snapshot.close().await;
        }
    }
}
