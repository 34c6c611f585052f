//! What a schedule is of, and what a job is a run of.

use uuid::Uuid;

use super::id::TaskId;
use super::{UnknownWord, words};

words! {
    /// What can run by itself.
    SubjectKind {
        /// A sync task.
        SyncTask = "sync_task",
    }
}

/// What runs, by itself or when somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A sync task.
    SyncTask(TaskId),
}

impl Subject {
    /// Its kind.
    pub const fn kind(self) -> SubjectKind {
        match self {
            Self::SyncTask(_) => SubjectKind::SyncTask,
        }
    }

    /// Its row.
    pub const fn id(self) -> Uuid {
        match self {
            Self::SyncTask(id) => id.0,
        }
    }

    /// The sync task, if it is one.
    pub const fn task_id(self) -> Option<TaskId> {
        match self {
            Self::SyncTask(id) => Some(id),
        }
    }

    /// The subject of this kind that the row is.
    pub fn read(kind: &str, id: Uuid) -> Result<Self, UnknownWord> {
        Ok(match kind.parse()? {
            SubjectKind::SyncTask => Self::SyncTask(TaskId(id)),
        })
    }
}

impl From<TaskId> for Subject {
    fn from(id: TaskId) -> Self {
        Self::SyncTask(id)
    }
}
