//! What a worker does in a step: one verb a file.
//!
//! Invariants: a step touches what its [`Context`] holds and nothing else; it may be
//! dropped at any await (that is how it is cancelled), and run again from its start any
//! number of times; it checks its lease before every commit on a customer's server; it
//! writes no job and no step row, but answers an [`Outcome`] that the runtime settles.
//! Deliberately not here: claiming, leases, retries (`runtime`, `shared::workflow`), and
//! what statements look like (`engine`).

mod bereft;
mod compare;
mod connection_test;
mod context;
mod copy;
mod diff;
mod doubt;
mod error;
mod foreign_keys;
mod guard;
mod index;
mod next_number;
mod plan;
mod probe;
mod prune;
mod reconcile;
mod replace;
mod secrets;
mod snapshot;
mod table;
pub(crate) mod target;
mod thing;
mod verify;

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::step::{Outcome, StepKind};

pub(crate) use connection_test::connection_test;
pub(crate) use context::{Context, Hands};
pub(crate) use error::StepError;
pub(crate) use guard::LeaseGuard;
pub(crate) use probe::probe;
pub(crate) use snapshot::{Fixing, empty_what_was_loaded};
pub(crate) use thing::Thing;

use self::snapshot::SnapshotPayload;

/// Does the context's step: one of a sync.
pub(crate) async fn run(context: &Context) -> Result<Outcome, StepError> {
    match context.step().kind {
        StepKind::Plan => Box::pin(plan::run(context)).await,
        StepKind::Copy => Box::pin(copy::run(context)).await,
        StepKind::Diff => Box::pin(diff::run(context)).await,
        StepKind::Prune => Box::pin(prune::run(context)).await,
        StepKind::Reconcile => Box::pin(reconcile::run(context)).await,
        StepKind::Replace => Box::pin(replace::run(context)).await,
        StepKind::Index => Box::pin(index::run(context)).await,
        StepKind::ForeignKeys => Box::pin(foreign_keys::run(context)).await,
        StepKind::Verify => Box::pin(verify::run(context)).await,
        kind @ (StepKind::Snapshot
        | StepKind::ProbePlan
        | StepKind::ProbeEnlist
        | StepKind::Probe
        | StepKind::ConnectionTest
        | StepKind::ConnectionRecheck) => Err(misplaced(kind).into()),
    }
}

/// How many holders the step that leads asks for: as many as find something to read, and a session
/// beside the leader's.
pub(crate) fn holders_wanted(context: &Context) -> Result<u32, StepError> {
    let SnapshotPayload { steps } = context.payload()?;
    let most = context.source().max_sessions.map_or(MOST_HOLDERS, |most| u32::from(most) - 1);
    Ok(steps.div_ceil(2).clamp(1, most.clamp(1, MOST_HOLDERS)))
}

fn misplaced(kind: StepKind) -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "misplaced_step",
        format!("a step `{kind}` stands in a job of another kind"),
        "report it: the control plane's rows do not hang together",
    )
}
