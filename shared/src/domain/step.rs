//! A step: one unit of a job's work, done by one worker under a lease.
//!
//! `waiting` (its stage or the job's window is not open) -> `announced` (a message is
//! out, or owed by the outbox) -> `running` (leased) -> `done` | `failed` | `cancelled`;
//! `running` -> `announced` again when the lease lapses, the worker hands it back or a
//! transient failure is to be tried again. The token grows at every claim.

mod kind;
mod standing;

use serde::{Deserialize, Serialize};
use serde_json::Value;

pub use self::kind::{Queue, StepKind, StepTraits, WrittenFrom};
pub use self::standing::Standing;

use super::backup::Written;
use super::connection_test::Examined;
use super::failure::Failure;
use super::id::{JobId, OrgId, PackageId, StepId};
use super::limits::Sessions;
use super::words;

words! {
    /// Where a step stands.
    StepState {
        /// Not announced yet.
        Waiting = "waiting",
        /// To be claimed by any worker.
        Announced = "announced",
        /// Held by a worker under a lease.
        Running = "running",
        /// Done; its outcome stands.
        Done = "done",
        /// Given up.
        Failed = "failed",
        /// Not needed any more.
        Cancelled = "cancelled",
    }
}

/// A group of steps to be made; they wait until every stage that feeds it has ended.
#[derive(Clone, Debug)]
pub struct StageDraft {
    /// Its number in the job; the first step's stage is 0.
    pub number: i32,
    /// A person's word for it: `copy shop.orders`.
    pub name: String,
    /// The stages that must have ended before this one opens.
    pub waits_for: Vec<i32>,
}

/// A step to be made.
#[derive(Clone, Debug)]
pub struct StepDraft {
    /// The stage that it belongs to.
    pub stage: i32,
    /// What it does.
    pub kind: StepKind,
    /// The table that it works on (its number in the job), if it is one table's.
    pub table_number: Option<i32>,
    /// The tables that travel in it, if it works on several; each travels in one step and has no other.
    pub tables: Vec<i32>,
    /// What its kind needs to know; no secret and no row.
    pub payload: Value,
    /// Only a worker that holds something for the job can do it. Its stage comes after the
    /// one that enlists.
    pub affine: bool,
}

impl StepDraft {
    /// The queue that it is announced on.
    pub const fn queue(&self) -> Queue {
        if self.affine { Queue::Job } else { self.kind.traits().queue }
    }

    /// Sessions that it opens itself: what reads for a holder is open already, and counted there.
    pub const fn sessions(&self) -> Sessions {
        let own = self.kind.traits().sessions;
        if self.affine { Sessions { source: 0, ..own } } else { own }
    }
}

/// A table that the job touches, as the plan found it.
#[derive(Clone, Debug)]
pub struct TableDraft {
    /// Its number in the job.
    pub number: i32,
    /// Its name on both sides.
    pub name: String,
    /// What will be done with it.
    pub mode: TableMode,
    /// The worker's own plan for it, opaque to everybody else.
    pub plan: Value,
    /// Rows that will be read from the source; an estimate.
    pub rows_total: i64,
    /// Bytes that will be read from the source; an estimate.
    pub bytes_total: i64,
    /// Why nothing is done with it (mode `refused`).
    pub failure: Option<Failure>,
    /// What it is to get, whether this job comes to it or not.
    pub owes: Owed,
}

/// What a table of the target is still to get of what it was made with; remembered from job to job
/// until one has given it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Owed {
    /// Rows: it held none when the first copy began, and no job has completed it.
    pub rows: bool,
    /// Names of indexes.
    pub indexes: Vec<String>,
    /// Names of foreign keys.
    pub foreign_keys: Vec<String>,
}

words! {
    /// What a sync does with a table.
    TableMode {
        /// The target lacks it: it is created and loaded.
        Create = "create",
        /// The target's is empty: it is loaded.
        Fill = "fill",
        /// Both hold rows: only what differs is written.
        Diff = "diff",
        /// It has no key: all its rows are replaced.
        Replace = "replace",
        /// It has no key and both sides are equal: nothing to do.
        Equal = "equal",
        /// Its rows are read into a package.
        Dump = "dump",
        /// It cannot be synchronised; the failure says why.
        Refused = "refused",
    }
}

words! {
    /// Where a table stands in its job.
    TableState {
        /// None of its rows was written. A table that the target lacked may be there, empty.
        Pending = "pending",
        /// Steps of it run.
        Running = "running",
        /// Everything about it is done and verified.
        Completed = "completed",
        /// It failed and nothing of it was written, or what was written was taken back.
        Failed = "failed",
        /// It holds some of the job's writes, or may hold some; or all of them, not verified.
        Partial = "partial",
    }
}

/// What a step, a table or a job did to rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Rows read from the source.
    pub rows: i64,
    /// Bytes read from the source.
    pub bytes: i64,
    /// Rows that the target lacked.
    pub inserted: i64,
    /// Rows that differed and were overwritten.
    pub updated: i64,
    /// Rows that only the target had and that were deleted.
    pub deleted: i64,
    /// Rows equal on both sides.
    pub unchanged: i64,
    /// Rows that differed and were kept as the target has them.
    pub skipped: i64,
}

impl std::ops::AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.rows += other.rows;
        self.bytes += other.bytes;
        self.inserted += other.inserted;
        self.updated += other.updated;
        self.deleted += other.deleted;
        self.unchanged += other.unchanged;
        self.skipped += other.skipped;
    }
}

impl std::ops::Sub for Counts {
    type Output = Self;

    fn sub(self, before: Self) -> Self {
        Self {
            rows: self.rows - before.rows,
            bytes: self.bytes - before.bytes,
            inserted: self.inserted - before.inserted,
            updated: self.updated - before.updated,
            deleted: self.deleted - before.deleted,
            unchanged: self.unchanged - before.unchanged,
            skipped: self.skipped - before.skipped,
        }
    }
}

impl Counts {
    /// Rows that were written or deleted.
    pub const fn writes(self) -> i64 {
        self.inserted + self.updated + self.deleted
    }
}

/// What came of a table in a step that works on several.
#[derive(Clone, Debug, Default)]
pub struct Travelled {
    /// The table's number.
    pub number: i32,
    /// What was done to its rows and committed.
    pub counts: Counts,
    /// Nothing is left to do of it.
    pub done: bool,
    /// The target holds some of the step's writes to it, or may hold some.
    pub wrote: bool,
    /// How long it was in hand.
    pub seconds: f64,
    /// What its verification found.
    pub verified: Option<Verified>,
}

/// What an attempt that did not come to its end leaves on the target.
#[derive(Clone, Debug, Default)]
pub struct Remains {
    /// What it did to rows and committed.
    pub counts: Counts,
    /// It wrote, or nobody knows whether it did: it died, or was stopped in the middle of a
    /// commit. Of tables that travel together each tells for itself.
    pub wrote: bool,
    /// The tables of several that it came to.
    pub tables: Vec<Travelled>,
}

impl Remains {
    /// Of an attempt that nobody heard of again.
    pub fn unknown() -> Self {
        Self { wrote: true, ..Self::default() }
    }
}

/// What a finished step reports.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// What it did to rows.
    pub counts: Counts,
    /// What its kind wants to tell later steps; opaque.
    pub detail: Value,
    /// The job grows by these (a plan's answer).
    pub growth: Option<Growth>,
    /// Lines for the job's log and warnings for its reader.
    pub warnings: Vec<String>,
    /// What it found out that is kept apart from the step.
    pub findings: Vec<Finding>,
    /// What came of its tables, if it works on several.
    pub tables: Vec<Travelled>,
}

/// What a step found out that is kept apart from it.
#[derive(Clone, Debug)]
pub enum Finding {
    /// Of the verification of the step's table.
    Verified(Verified),
    /// Of a test of a connection.
    Examined(Box<Examined>),
    /// A table failed in a step of the whole job, which goes on without it and what is left to do of it.
    FailedTable {
        /// The table's number.
        number: i32,
        /// Why it failed.
        failure: Failure,
    },
    /// A table has been given foreign keys.
    AddedKeys {
        /// The table's number.
        number: i32,
        /// The keys' names.
        names: Vec<String>,
    },
    /// A package is complete.
    PackageWritten(Box<Written>),
    /// A package was read whole, and is as it was written.
    PackageChecked {
        /// The package.
        package_id: PackageId,
    },
}

impl Finding {
    /// The table that the job goes on without, by this.
    pub const fn failed_table(&self) -> Option<i32> {
        match self {
            Self::FailedTable { number, .. } => Some(*number),
            Self::Verified(_)
            | Self::Examined(_)
            | Self::AddedKeys { .. }
            | Self::PackageWritten(_)
            | Self::PackageChecked { .. } => None,
        }
    }
}

/// What a plan adds to its job, all in the transaction that ends the plan.
#[derive(Clone, Debug, Default)]
pub struct Growth {
    /// The tables, numbered from 0 without gaps.
    pub tables: Vec<TableDraft>,
    /// The stages, numbered from 1.
    pub stages: Vec<StageDraft>,
    /// The steps, in the order in which they are to be announced.
    pub steps: Vec<StepDraft>,
}

words! {
    /// What a verification found.
    VerifyResult {
        /// The table is as the policy promises.
        Equal = "equal",
        /// It is not.
        Mismatch = "mismatch",
        /// Somebody else wrote to the target in between.
        ChangedMeanwhile = "changed_meanwhile",
    }
}

words! {
    /// What a verification has to prove.
    VerifyPolicy {
        /// Counts and checksums of all rows are equal.
        Exact = "exact",
        /// Every source row is on the target with equal content; extras are counted.
        SourceFirst = "source_first",
        /// Every source key is on the target; differing rows are counted.
        TargetFirst = "target_first",
    }
}

/// A table's verification.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Verified {
    /// What was found.
    pub result: VerifyResult,
    /// What had to be proven.
    pub policy: VerifyPolicy,
    /// Rows of the source.
    pub source_rows: i64,
    /// Rows of the target.
    pub target_rows: i64,
    /// Rows that only the target has.
    pub extra_rows: i64,
    /// Rows that differ and were kept (`target_first`).
    pub skipped_rows: i64,
}

/// A worker's right to a step, as given by a claim.
#[derive(Clone, Debug)]
pub struct Lease {
    /// The organisation.
    pub org_id: OrgId,
    /// The job.
    pub job_id: JobId,
    /// The step.
    pub step_id: StepId,
    /// The fencing token; a write that names an older one changes nothing.
    pub token: i64,
}
