//! A job: what a person or a schedule asked for, and the states it goes through.
//!
//! `pending` -> `running` -> one of `completed`, `failed`, `cancelled`; `pending` may
//! also go straight to `failed` or `cancelled`. A final state never changes. CHECK
//! constraints of the `jobs` table and the fenced writes in `workflow` hold the same law.

use chrono::{DateTime, Utc};

use super::actor::{Actor, ActorKind, Permission};
use super::backup::{BackupSpec, VerificationSpec};
use super::connection_test::TestSpec;
use super::failure::Failure;
use super::id::{ConnectionId, JobId, OrgId, TaskId};
use super::probe::ProbeSpec;
use super::subject::Subject;
use super::sync::SyncSpec;
use super::words;

words! {
    /// What a job does.
    JobKind {
        /// One database is synchronised into another.
        Sync = "sync",
        /// Steps without customers' data go through the fleet.
        Probe = "probe",
        /// The way to a database is walked, to say what is in it.
        ConnectionTest = "connection_test",
        /// A database is kept as a package.
        Backup = "backup",
        /// A backup is read again and proven.
        BackupVerification = "backup_verification",
    }
}

words! {
    /// Where a job stands.
    JobState {
        /// Accepted; no worker has begun.
        Pending = "pending",
        /// A worker has claimed its first step.
        Running = "running",
        /// Everything is done and verified.
        Completed = "completed",
        /// It ended with a failure.
        Failed = "failed",
        /// A person ended it.
        Cancelled = "cancelled",
    }
}

impl JobState {
    /// Whether the state can never change again.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Failed | Self::Cancelled)
    }

    /// Whether a job may go from this state to `next`.
    pub const fn may_become(self, next: Self) -> bool {
        match self {
            Self::Pending => matches!(next, Self::Running | Self::Failed | Self::Cancelled),
            Self::Running => next.is_final(),
            Self::Completed | Self::Failed | Self::Cancelled => false,
        }
    }
}

words! {
    /// How a job that still has running steps is going to end.
    Ending {
        /// A step was given up.
        Failed = "failed",
        /// A person asked for it.
        Cancelled = "cancelled",
    }
}

/// What is so of every job of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobTraits {
    /// Who may ask for such a job, and for its end.
    pub permission: Permission,
    /// It writes a customer's database: its first step begins only once the job is the one writer of
    /// what it will write.
    pub writes_target: bool,
    /// Secrets may be given with it, which are deleted when it ends.
    pub holds_secrets: bool,
    /// Webhooks hear of its end; of the others nobody hears but who asked.
    pub tells_webhooks: bool,
}

impl JobKind {
    /// What is so of every job of this kind.
    pub const fn traits(self) -> JobTraits {
        match self {
            Self::Sync => JobTraits {
                permission: Permission::Sync,
                writes_target: true,
                holds_secrets: true,
                tells_webhooks: true,
            },
            Self::Probe => JobTraits {
                permission: Permission::PlatformAdmin,
                writes_target: false,
                holds_secrets: false,
                tells_webhooks: true,
            },
            Self::ConnectionTest => JobTraits {
                permission: Permission::Database,
                writes_target: false,
                holds_secrets: true,
                tells_webhooks: false,
            },
            Self::Backup => JobTraits {
                permission: Permission::Database,
                writes_target: false,
                holds_secrets: true,
                tells_webhooks: true,
            },
            Self::BackupVerification => JobTraits {
                permission: Permission::Database,
                writes_target: false,
                holds_secrets: false,
                tells_webhooks: true,
            },
        }
    }
}

words! {
    /// Whether somebody asked for a job.
    Trigger {
        /// A person or a program over the API.
        Person = "person",
        /// A schedule.
        Schedule = "schedule",
    }
}

words! {
    /// What a job waits for that has not ended and does nothing.
    WaitReason {
        /// The run of the same task before it.
        RunInProgress = "run_in_progress",
        /// Another job writes the same tables of the target.
        TargetBusy = "target_busy",
    }
}

words! {
    /// Which line of a job's log comes first.
    LogOrder {
        /// The newest.
        Newest = "newest",
        /// The oldest.
        Oldest = "oldest",
    }
}

/// What was asked for; each kind of job has its own.
#[derive(Clone, Debug, PartialEq)]
pub enum JobSpec {
    /// Of a sync.
    Sync(SyncSpec),
    /// Of a probe.
    Probe(ProbeSpec),
    /// Of a test of a connection.
    ConnectionTest(TestSpec),
    /// Of a backup.
    Backup(BackupSpec),
    /// Of a backup's verification.
    BackupVerification(VerificationSpec),
}

impl JobSpec {
    /// The kind of job that this asks for.
    pub const fn kind(&self) -> JobKind {
        match self {
            Self::Sync(_) => JobKind::Sync,
            Self::Probe(_) => JobKind::Probe,
            Self::ConnectionTest(_) => JobKind::ConnectionTest,
            Self::Backup(_) => JobKind::Backup,
            Self::BackupVerification(_) => JobKind::BackupVerification,
        }
    }
}

/// A job as it stands in the store.
#[derive(Clone, Debug)]
pub struct Job {
    /// The organisation that owns it.
    pub org_id: OrgId,
    /// Its identifier; time-ordered.
    pub id: JobId,
    /// Where it stands.
    pub state: JobState,
    /// What it is a run of.
    pub subject: Option<Subject>,
    /// What it works on, as a person calls it; as it was called when the job began.
    pub name: String,
    /// The database that is read, or tested.
    pub source_id: Option<ConnectionId>,
    /// What that was called.
    pub source_name: Option<String>,
    /// The database that is written.
    pub target_id: Option<ConnectionId>,
    /// What that was called.
    pub target_name: Option<String>,
    /// What was asked for, as it was when it was asked.
    pub spec: JobSpec,
    /// Who asked.
    pub requested_by: Actor,
    /// The schedule's due time.
    pub due_at: Option<DateTime<Utc>>,
    /// The run of the same subject that it waits for; it has no step until that one has ended.
    pub queued_behind: Option<JobId>,
    /// How it will end once its last running step has stopped.
    pub ending: Option<Ending>,
    /// What the plan found worth telling.
    pub warnings: Vec<String>,
    /// Why it failed, when it did.
    pub failure: Option<Failure>,
    /// When it was accepted.
    pub created_at: DateTime<Utc>,
    /// When its first step was claimed.
    pub started_at: Option<DateTime<Utc>>,
    /// When it reached its final state.
    pub ended_at: Option<DateTime<Utc>>,
}

impl Job {
    /// The sync task that it is a run of.
    pub fn task_id(&self) -> Option<TaskId> {
        self.subject.and_then(Subject::task_id)
    }

    /// Whether somebody asked, or a schedule.
    pub fn trigger(&self) -> Trigger {
        self.requested_by.kind.trigger()
    }
}

impl ActorKind {
    /// Whether this is somebody, or a schedule.
    pub const fn trigger(self) -> Trigger {
        match self {
            Self::User | Self::Token => Trigger::Person,
            Self::Schedule => Trigger::Schedule,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::JobState;

    #[test]
    fn a_final_state_never_changes() {
        for from in JobState::ALL {
            for to in JobState::ALL {
                assert!(!(from.is_final() && from.may_become(*to)), "{from} -> {to}");
            }
        }
    }
}
