//! The steps of a sync: one verb a file.
//!
//! `plan` lays out the others, `snapshot` fixes the point that all read; rows come by `copy`, `diff`
//! and `replace`, go by `prune`, and are brought to an end by `reconcile`, `index`, `foreign_keys`
//! and `verify`.

mod bereft;
mod compare;
mod copy;
mod diff;
mod doubt;
mod foreign_keys;
mod index;
mod next_number;
pub(super) mod plan;
mod prune;
mod reconcile;
mod replace;
pub(super) mod snapshot;
pub(super) mod table;
mod verify;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::step::{Outcome, StepKind};

pub(crate) use snapshot::{Fixing, empty_what_was_loaded};

use self::snapshot::SnapshotPayload;
use super::context::Context;
use super::error::StepError;

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
    Failure::permanent(FailureCode::MisplacedStep, format!("a step `{kind}` stands in a job of another kind"))
}
