//! `snapshot`: one point of the source that all of a job's readers see, on every worker.
//!
//! The step that leads ([`Fixing`]) and the workers that hold ([`Snapshot`]) know of each other
//! only what stands in the control plane: the [`Point`] that is told, and who reports that it holds it. Two points are never put together: a job whose holders are all gone begins anew.
//! Deliberately not here: who is asked, and when (`runtime::holders`), and what a family has to undo before it
//! begins anew ([`Undo`]).

mod fix;
mod held;
mod shared_reader;
mod structure;

use longshore_shared::domain::id::WorkerId;
use serde::{Deserialize, Serialize};

pub(super) use self::fix::{FixedPoint, Fixing, Keeping, Undo};
pub(crate) use self::held::Snapshot;
use crate::engine::SnapshotToken;

/// What the holders are told.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Point {
    /// Which try; an answer to an older one counts for nothing.
    round: u32,
    /// The identity of the server that all views must be of; empty where only one session reads.
    server: String,
    /// What each view is opened by; none: each as it is at the moment.
    token: Option<SnapshotToken>,
    /// The one worker that takes the point, with one session.
    only: Option<WorkerId>,
}

/// What the step that leads is to know beside its job.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(in crate::steps) struct SnapshotPayload {
    /// Steps that will read: more holders than half of it would be idle.
    pub(in crate::steps) steps: u32,
}
