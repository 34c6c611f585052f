//! What a worker does in a step: a folder a family of jobs, one verb a file.
//!
//! Invariants: a step touches what its [`Attempt`] holds and nothing else; it may be
//! dropped at any await (that is how it is cancelled), and run again from its start any
//! number of times; it checks its lease before every commit on a customer's server; it
//! writes no job and no step row, but answers an `Outcome` that the runtime settles.
//! Deliberately not here: claiming, leases, retries (`runtime`, `shared::workflow`), and
//! what statements look like (`engine`).

mod attempt;
mod backup;
mod backup_check;
mod connection_test;
mod error;
mod family;
mod guard;
mod probe;
mod secrets;
mod snapshot;
mod snapshot_share;
mod sync;

pub(crate) use attempt::{Attempt, WorkerResources};
pub(crate) use error::StepError;
pub(crate) use family::{Fixed, Leader, Wanted, family};
pub(crate) use guard::LeaseGuard;
pub(crate) use snapshot_share::SnapshotShare;
