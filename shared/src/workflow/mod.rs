//! Every transition of a job or a step, each in one transaction with its outbox rows.
//!
//! Invariants: nobody else writes a job or step row; each transition locks the job row
//! first, but for the claim of a running job's step, which meets whatever ends the job at the
//! step's own row; a write of a running step names its token, so that a late worker changes
//! nothing; a final state is never left; what is announced is owed by an outbox row of
//! the same transaction. Deliberately not here: what a step does, and when to call.

mod advance;
mod announce;
pub mod cancel;
pub mod claim;
pub mod dead_letters;
mod error;
pub mod expire;
mod first;
pub mod holders;
mod limits;
pub mod outlast;
pub mod prune;
pub mod publish;
mod queue;
mod reached;
pub mod refill;
pub mod release;
pub mod settle;
pub mod submit;
pub mod target;
pub mod withdraw;

pub use error::WorkflowError;
pub use reached::Reached;
