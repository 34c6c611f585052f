//! One point of a source that the views of many sessions, on many workers, begin at.
//!
//! Whoever leads has a [`super::SnapshotLeader`]; the others have readers that are logged in and wait. It
//! offers a point, all readers open their views ([`super::SnapshotReader::begin_snapshot`]) and report, it
//! confirms the point and gives it up, and only if both say so is the point proven.

use serde::{Deserialize, Serialize};

/// What a session says to its server to see the point of another one, where servers know such words.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotToken(pub String);

/// A point that is offered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Offer {
    /// What each view is opened by; none: each as it is at the moment.
    pub token: Option<SnapshotToken>,
    /// What proves that all views are of one point.
    pub proof: Proof,
    /// The engine's word for how it is done, for the log.
    pub means: String,
    /// What a reader of the job should know of it.
    pub warning: Option<String>,
}

/// Where a server's log of changes stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogPosition {
    /// The log's file.
    pub file: String,
    /// Bytes into it.
    pub position: u64,
    /// The same in the words of global transaction identifiers; empty where the server has none.
    pub gtid: String,
}

/// What proves that all views are of one point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Proof {
    /// The server opens each view at the point that the token names.
    Token,
    /// Nothing is committed meanwhile, which the leader finds out afterwards.
    Unchanged,
    /// Nothing can be committed until the leader gives the point up.
    Blocked,
    /// None: one session alone may read.
    Single,
}

impl Proof {
    /// Whether views that are opened after the leader confirmed the point, and before it gives it up, are
    /// of the point too.
    pub const fn is_lasting(self) -> bool {
        !matches!(self, Self::Unchanged)
    }
}
