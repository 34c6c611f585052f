//! What the plan of a backup tells the steps that follow. Read by the same release only while a job runs, so
//! a field that a release adds needs a default.

use longshore_shared::package::manifest::PartEntry;
use serde::{Deserialize, Serialize};

use crate::engine::Hash;
use crate::engine::shape::{Range, TableShape};

/// The plan of one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DumpPlan {
    /// The source's structure; rows are read by it, and written when they are restored.
    pub(super) shape: TableShape,
    /// By what its ranges' checksums are computed.
    pub(super) hash: Hash,
    /// How many ranges its rows are read in; none: it has no rows of its own, and only its definition is kept.
    pub(super) ranges: u32,
}

/// A range of a table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Piece {
    /// The table's number in the job.
    pub(super) table: i32,
    /// The range.
    pub(super) range: Range,
}

/// A step that reads ranges into parts.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DumpPayload {
    /// What it reads, in this order.
    pub(super) pieces: Vec<Piece>,
}

/// What such a step tells.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct DumpDetail {
    /// The parts that it wrote, in their order; the tables of their sections are the job's numbers.
    pub(super) parts: Vec<PartEntry>,
}
