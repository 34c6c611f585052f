//! A test of a connection: what it looks at, and what it found of which connection.
//!
//! A failed stage is what a test finds, not a failure of its job.

use serde::{Deserialize, Serialize};

use super::connection::Connection;
use super::examination::Examination;
use super::id::ConnectionId;

/// What a test looks at.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TestSpec {
    /// The connection that the job names as its source, as it is when the test begins.
    Saved,
    /// A connection that is not saved; its secrets are the job's own.
    Draft(Box<Connection>),
}

/// What a test found.
#[derive(Clone, Debug, PartialEq)]
pub struct Examined {
    /// What was found.
    pub examination: Examination,
    /// Which connection was tested, as of which version; none: a draft.
    pub connection: Option<(ConnectionId, i32)>,
}
