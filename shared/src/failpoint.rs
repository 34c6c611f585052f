//! Places where a test may stop a process: a name at every boundary of a step.
//!
//! Invariants: only a build with the feature `failpoints` knows them (the tests' crate
//! switches it on; what `make up` builds does not have it), and there a place does nothing
//! unless the variable `FAILPOINTS` names it, in the words of the crate `fail`:
//! `claim_after_commit=1*return(die);copy_before_commit=1*off->return(wait)`.
//! What a place may be told: `return(die)` (the process ends at once, like `kill -9`),
//! `return(wait)` (for ever, until the future is dropped), `return(error)` (an outage where
//! the place can fail), `return(rest 500)` (milliseconds; other tasks go on), `panic`, `sleep(ms)` and `pause` (both stop the thread).
//! Deliberately not here: what follows. A leaf, so that every room may have its places.

/// A test told a place to fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("told to fail at {}", .0.as_str())]
pub struct Injected(pub Failpoint);

macro_rules! places {
    ($($(#[$doc:meta])* $variant:ident = $name:literal,)+) => {
        /// A place; named in the order in which a job comes by.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Failpoint {
            $($(#[$doc])* $variant,)+
        }

        impl Failpoint {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// Its name, as `FAILPOINTS` has it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }
        }
    };
}

places! {
    /// A job is written, not committed.
    SubmitBeforeCommit = "submit_before_commit",
    /// A job is committed, its first step's message is not out.
    SubmitAfterCommit = "submit_after_commit",
    /// The message is out, its outbox row is not marked.
    SubmitAfterPublish = "submit_after_publish",
    /// A schedule's firing is written, not committed.
    FireBeforeCommit = "fire_before_commit",
    /// A duty of the scheduler has committed what it owes, and sent nothing.
    DutyAfterCommit = "duty_after_commit",
    /// The scheduler's messages are out, their rows are not marked.
    DutyAfterPublish = "duty_after_publish",
    /// The sweep holds overdue rows and has sent nothing.
    SweepBeforePublish = "sweep_before_publish",
    /// The sweep's messages are out, their rows are not marked.
    SweepAfterPublish = "sweep_after_publish",
    /// A lapsed lease is taken back, not committed.
    ReapBeforeCommit = "reap_before_commit",
    /// A lapsed lease was taken back.
    ReapAfterCommit = "reap_after_commit",
    /// A window's next steps are announced, not committed.
    RefillBeforeCommit = "refill_before_commit",
    /// A step is claimed, not committed.
    ClaimBeforeCommit = "claim_before_commit",
    /// A step was claimed.
    ClaimAfterCommit = "claim_after_commit",
    /// A claimed step's message is about to be acknowledged.
    AckBefore = "ack_before",
    /// It was.
    AckAfter = "ack_after",
    /// The work begins.
    WorkBefore = "work_before",
    /// The work is done, nothing is settled.
    WorkAfter = "work_after",
    /// The plan has checked everything and made no table.
    PlanBeforeCreate = "plan_before_create",
    /// The plan has made its first table.
    PlanAfterCreate = "plan_after_create",
    /// Commits on the source are stopped, nobody has been told the point.
    PointStopped = "point_stopped",
    /// A holder sees the point and has not said so.
    PointTaken = "point_taken",
    /// Who holds the point is settled, commits are stopped still.
    PointSettled = "point_settled",
    /// A chunk is loaded, not committed on the target.
    CopyBeforeCommit = "copy_before_commit",
    /// A chunk was committed on the target.
    CopyAfterCommit = "copy_after_commit",
    /// A page of differences is written, not committed.
    DiffBeforeCommit = "diff_before_commit",
    /// A page of differences was committed.
    DiffAfterCommit = "diff_after_commit",
    /// A page of extra rows is deleted, not committed.
    PruneBeforeCommit = "prune_before_commit",
    /// A page of extra rows was deleted.
    PruneAfterCommit = "prune_after_commit",
    /// Clashing rows are written, not committed.
    ReconcileBeforeCommit = "reconcile_before_commit",
    /// Clashing rows were committed.
    ReconcileAfterCommit = "reconcile_after_commit",
    /// A table is replaced, not committed.
    ReplaceBeforeCommit = "replace_before_commit",
    /// A table was replaced.
    ReplaceAfterCommit = "replace_after_commit",
    /// Small tables are loaded, or one of them is written, not committed.
    TogetherBeforeCommit = "together_before_commit",
    /// They were committed.
    TogetherAfterCommit = "together_after_commit",
    /// No index of a loaded table is built.
    IndexBefore = "index_before",
    /// All are.
    IndexAfter = "index_after",
    /// No foreign key is made.
    ForeignKeysBefore = "foreign_keys_before",
    /// All are made, none is proven.
    ForeignKeysAfter = "foreign_keys_after",
    /// A table is about to be verified.
    VerifyBefore = "verify_before",
    /// Its result is known.
    VerifyAfter = "verify_after",
    /// Ranges are read, their last part is not in the store.
    DumpBeforeStore = "dump_before_store",
    /// All parts of a step are in the store.
    DumpStored = "dump_stored",
    /// Everything is in the store but the manifest.
    ManifestBeforeStore = "manifest_before_store",
    /// The manifest is there, and nobody refers to it.
    ManifestStored = "manifest_stored",
    /// All parts of a package were proven.
    CheckBeforeEnd = "check_before_end",
    /// A step's outcome is written, not committed.
    SettleBeforeCommit = "settle_before_commit",
    /// A step's outcome was committed.
    SettleAfterCommit = "settle_after_commit",
    /// The next steps' messages are owed and not out.
    AnnounceBeforePublish = "announce_before_publish",
    /// They are out, their rows are not marked.
    AnnounceAfterPublish = "announce_after_publish",
    /// A failed attempt is written, not committed.
    FailBeforeCommit = "fail_before_commit",
    /// A failed attempt was committed.
    FailAfterCommit = "fail_after_commit",
    /// A soft stop gives a step back, not committed.
    HandBackBeforeCommit = "hand_back_before_commit",
    /// A soft stop gave a step back.
    HandBackAfterCommit = "hand_back_after_commit",
    /// A step of an ending job is given up, not committed.
    StopBeforeCommit = "stop_before_commit",
    /// A step of an ending job was given up.
    StopAfterCommit = "stop_after_commit",
}

#[cfg(feature = "failpoints")]
mod armed {
    use super::{Failpoint, Injected};

    /// Reads `FAILPOINTS`; to be called once, before anything else.
    pub fn arm() {
        // Its drop would take the places out again.
        std::mem::forget(fail::FailScenario::setup());
    }

    fn told(place: Failpoint) -> Option<String> {
        fail::fail_point!(place.as_str(), |word| Some(word.unwrap_or_default()));
        None
    }

    /// Passes the place, unless a test has told it otherwise.
    pub async fn reach(place: Failpoint) -> Result<(), Injected> {
        let Some(word) = told(place) else { return Ok(()) };
        tracing::error!(failpoint = place.as_str(), "a test told this place to {word}");
        match word.as_str() {
            "die" => std::process::abort(),
            "wait" => std::future::pending().await,
            "error" => Err(Injected(place)),
            rest if rest.starts_with("rest ") => {
                let millis = rest[5..].parse().expect("a number of milliseconds");
                tokio::time::sleep(std::time::Duration::from_millis(millis)).await;
                Ok(())
            }
            other => panic!("failpoint {}: `{other}` is nothing that it can do", place.as_str()),
        }
    }
}
#[cfg(feature = "failpoints")]
pub use armed::{arm, reach};

/// Does nothing: this build has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub fn arm() {}

/// Passes the place: this build has no failpoints.
#[cfg(not(feature = "failpoints"))]
pub fn reach(_: Failpoint) -> std::future::Ready<Result<(), Injected>> {
    std::future::ready(Ok(()))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::Failpoint;

    #[test]
    fn no_two_places_have_one_name() {
        let names: BTreeSet<_> = Failpoint::ALL.iter().map(|place| place.as_str()).collect();
        assert_eq!(names.len(), Failpoint::ALL.len());
    }
}
