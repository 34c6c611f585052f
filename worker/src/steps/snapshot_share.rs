//! What a worker holds for a job, from its enlisting until it lets go.
//!
//! Opened before anything is fixed, told the point, then shared by the job's steps on this
//! worker. Nothing of it survives the process: who comes back is another worker.

use std::sync::{Arc, Mutex, PoisonError};

use longshore_shared::domain::failure::Failure;
use serde_json::Value;

use super::snapshot::Snapshot;

/// What is held.
#[derive(Debug)]
pub(crate) enum SnapshotShare {
    /// A probe's token: the point itself, so that steps can show under which they ran.
    Token(Mutex<Value>),
    /// Sessions that see one point of the source.
    Snapshot(Arc<Snapshot>),
}

impl SnapshotShare {
    /// A token that is not told yet.
    pub(super) fn token() -> Self {
        Self::Token(Mutex::new(Value::Null))
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
