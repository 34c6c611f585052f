//! What a step does, and what is so of all steps that do it.
//!
//! The one place that says so: what the control plane's statements ask of a step is written into its
//! row from here ([`StepTraits::counts_rows`], [`StepTraits::written_from`]), so that none names a kind.

use crate::domain::job::{JobKind, Trigger};
use crate::domain::limits::Sessions;
use crate::domain::words;

words! {
    /// What a step does. Adding one: a variant here, then the compiler names each place: its traits below,
    /// and the families of the worker, one of which does it.
    StepKind {
        /// Check both sides and lay out the job's other steps.
        Plan = "plan",
        /// Fix one point of the source that all readers of the job see.
        Snapshot = "snapshot",
        /// Load one range of a table into a target that has none of its rows.
        Copy = "copy",
        /// Compare one range of a table on both sides and write what differs.
        Diff = "diff",
        /// Delete the target's rows that the source does not have.
        Prune = "prune",
        /// Write the rows whose unique values were in each other's way.
        Reconcile = "reconcile",
        /// Replace all rows of a table without a key in one transaction.
        Replace = "replace",
        /// Bring small tables to their ends, several in one step.
        Together = "together",
        /// Build a loaded table's secondary indexes.
        Index = "index",
        /// Add and prove the foreign keys.
        ForeignKeys = "foreign_keys",
        /// Prove that a table arrived as the policy says.
        Verify = "verify",
        /// Look at a database that is to be kept, and lay out the steps of its backup.
        DumpPlan = "dump_plan",
        /// Read ranges of tables into parts of a package.
        Dump = "dump",
        /// Prove that a package has everything, and write its manifest.
        DumpEnd = "dump_end",
        /// Read a package's manifest and share its parts out.
        CheckPlan = "check_plan",
        /// Read parts of a package again and prove them.
        CheckParts = "check_parts",
        /// Tell that all parts of a package are as they were written.
        CheckEnd = "check_end",
        /// Lay out a probe's steps, or be its only one.
        ProbePlan = "probe_plan",
        /// Let workers hold a probe's token.
        ProbeEnlist = "probe_enlist",
        /// Rest for the time that the probe asks for.
        Probe = "probe",
        /// Test a connection; a person waits for it.
        ConnectionTest = "connection_test",
        /// Test a connection that nobody waits for.
        ConnectionRecheck = "connection_recheck",
    }
}

words! {
    /// The queue that a step is announced on.
    Queue {
        /// A person waits for the answer.
        Interactive = "interactive",
        /// The first step of a job.
        First = "first",
        /// Everything else.
        Bulk = "bulk",
        /// A job's own queue: steps that only the job's holders can do.
        Job = "job",
    }
}

impl Queue {
    /// The queues that are always there, for all jobs.
    pub const FLEET: &'static [Self] = &[Self::Interactive, Self::First, Self::Bulk];
}

words! {
    /// From when on a step may have written to its table on the target.
    WrittenFrom {
        /// It never writes.
        Never = "never",
        /// From a commit on: what was not committed is undone.
        Commit = "commit",
        /// From its start on: what it does cannot be undone.
        Start = "start",
    }
}

/// What is so of every step of a kind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StepTraits {
    /// The queue that it is announced on.
    pub queue: Queue,
    /// It reads rows of the source, at the one point that all readers of its job see.
    pub reads_source: bool,
    /// From when on it may have written to the target.
    pub written_from: WrittenFrom,
    /// It moves or compares a table's rows: a chunk of the work, whose rows count as progress.
    pub counts_rows: bool,
    /// Sessions that it opens at once. None needs more than one on a side: what follows on another
    /// waits until that is closed, so no limit is too small.
    pub sessions: Sessions,
    /// Sessions on the target that it opens beside those where no limit is set; it does without.
    pub spare_sessions: i16,
    /// Attempts that it gets in all, whatever the trouble.
    pub attempts: i32,
    /// It has its SSH sessions to itself: it keeps one busy. The others ask for little and read it
    /// at once.
    pub ssh_alone: bool,
}

/// Of a step that works on rows of both sides.
const OF_ROWS: StepTraits = StepTraits {
    queue: Queue::Bulk,
    reads_source: true,
    written_from: WrittenFrom::Commit,
    counts_rows: false,
    sessions: Sessions { source: 1, target: 1 },
    spare_sessions: 0,
    attempts: 8,
    ssh_alone: true,
};

/// Of a step that works on what tables are, and not on their rows.
const OF_STRUCTURE: StepTraits =
    StepTraits { reads_source: false, written_from: WrittenFrom::Start, ssh_alone: false, ..OF_ROWS };

/// Of a step that moves nothing between databases.
const APART: StepTraits = StepTraits {
    written_from: WrittenFrom::Never,
    sessions: Sessions { source: 0, target: 0 },
    ..OF_STRUCTURE
};

/// Of a test of a connection: what it finds is its answer; what keeps it from one, a person hears at once.
const OF_A_TEST: StepTraits =
    StepTraits { sessions: Sessions { source: 1, target: 0 }, attempts: 1, ..APART };

impl StepKind {
    /// What is so of every step of this kind.
    pub const fn traits(self) -> StepTraits {
        match self {
            // It makes tables, perhaps thousands.
            Self::Plan => StepTraits { queue: Queue::First, spare_sessions: 3, ..OF_STRUCTURE },
            // The sessions that will read are counted with the holders, and the one that leads is
            // taken off before those are shared out.
            Self::Snapshot => StepTraits { sessions: Sessions { source: 0, target: 1 }, ..OF_STRUCTURE },
            Self::Copy | Self::Diff | Self::Together => StepTraits { counts_rows: true, ..OF_ROWS },
            Self::Prune | Self::Reconcile => OF_ROWS,
            // One transaction or statement over a whole table: each attempt costs all of it.
            Self::Replace => StepTraits { counts_rows: true, attempts: 5, ..OF_ROWS },
            Self::Index => StepTraits {
                sessions: Sessions { source: 0, target: 1 },
                spare_sessions: 1,
                attempts: 5,
                ..OF_STRUCTURE
            },
            Self::ForeignKeys => StepTraits { reads_source: true, attempts: 5, ..OF_STRUCTURE },
            Self::Verify => StepTraits { written_from: WrittenFrom::Never, ..OF_ROWS },
            Self::DumpPlan => {
                StepTraits { queue: Queue::First, sessions: Sessions { source: 1, target: 0 }, ..APART }
            }
            Self::Dump => StepTraits {
                counts_rows: true,
                written_from: WrittenFrom::Never,
                sessions: Sessions { source: 1, target: 0 },
                ..OF_ROWS
            },
            Self::DumpEnd => StepTraits { sessions: Sessions { source: 1, target: 0 }, ..APART },
            Self::CheckPlan => StepTraits { queue: Queue::First, ..APART },
            Self::CheckParts => StepTraits { counts_rows: true, ..APART },
            Self::CheckEnd => APART,
            // A person waits for it and can ask again.
            Self::ProbePlan => StepTraits { queue: Queue::First, attempts: 5, ..APART },
            Self::ProbeEnlist => APART,
            Self::Probe => StepTraits { attempts: 5, ..APART },
            Self::ConnectionTest => StepTraits { queue: Queue::Interactive, ..OF_A_TEST },
            Self::ConnectionRecheck => OF_A_TEST,
        }
    }

    /// The first step of every job of a kind that was asked for so.
    pub const fn first_of(kind: JobKind, trigger: Trigger) -> Self {
        match (kind, trigger) {
            (JobKind::Sync, _) => Self::Plan,
            (JobKind::Probe, _) => Self::ProbePlan,
            (JobKind::ConnectionTest, Trigger::Person) => Self::ConnectionTest,
            (JobKind::ConnectionTest, Trigger::Schedule) => Self::ConnectionRecheck,
            (JobKind::Backup, _) => Self::DumpPlan,
            (JobKind::BackupVerification, _) => Self::CheckPlan,
        }
    }
}
