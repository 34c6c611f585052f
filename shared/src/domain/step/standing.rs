//! Where a table stands in its job; pure.

use super::{TableMode, TableState};
use crate::domain::job::JobState;

/// What a table's state follows from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// What is done with it.
    pub mode: TableMode,
    /// It failed.
    pub failed: bool,
    /// Nothing is left to do of it.
    pub done: bool,
    /// Something of it was begun.
    pub begun: bool,
    /// The target holds some of the job's writes to it, or may hold some.
    pub wrote: bool,
}

impl Standing {
    /// Where it stands in a job of this state.
    ///
    /// A job that ended early leaves each table untouched (`pending`), complete, or `partial`:
    /// what counts is what was committed, or may have been, and not what was begun. Only a
    /// step that committed, was cut off in the middle of a commit, or was never heard of again
    /// leaves something; building an index commits bit by bit.
    pub fn state(self, job: JobState) -> TableState {
        let ended_early = job.is_final() && !self.done;
        match self {
            Self { mode: TableMode::Refused, .. } => TableState::Failed,
            Self { failed: true, wrote, .. } => {
                if wrote {
                    TableState::Partial
                } else {
                    TableState::Failed
                }
            }
            Self { done: true, .. } => TableState::Completed,
            Self { wrote: true, .. } if ended_early => TableState::Partial,
            Self { begun, .. } if ended_early || !begun => TableState::Pending,
            Self { .. } => TableState::Running,
        }
    }
}
