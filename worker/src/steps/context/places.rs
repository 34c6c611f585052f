//! What depends on a step's kind: where a test may stop it around its commits on the target, what
//! it opens if it may, and with whom its readers and writers share their way.

use longshore_shared::domain::step::StepKind;
use longshore_shared::failpoint::Failpoint;

use crate::tunnel::Sharing;

/// The places right before and right after a commit of a kind that commits.
pub(super) const fn around_commit(kind: StepKind) -> Option<(Failpoint, Failpoint)> {
    match kind {
        StepKind::Copy => Some((Failpoint::CopyBeforeCommit, Failpoint::CopyAfterCommit)),
        StepKind::Diff => Some((Failpoint::DiffBeforeCommit, Failpoint::DiffAfterCommit)),
        StepKind::Prune => Some((Failpoint::PruneBeforeCommit, Failpoint::PruneAfterCommit)),
        StepKind::Reconcile => Some((Failpoint::ReconcileBeforeCommit, Failpoint::ReconcileAfterCommit)),
        StepKind::Replace => Some((Failpoint::ReplaceBeforeCommit, Failpoint::ReplaceAfterCommit)),
        _ => None,
    }
}

/// Sessions that a step opens on the target beside those that its kind says, where nothing limits
/// them: it does without where something does.
pub(super) const fn spare(kind: StepKind) -> i16 {
    match kind {
        StepKind::Index => 1,
        _ => 0,
    }
}

/// Steps that move or compare rows have their SSH sessions to themselves; the others ask for
/// little and read it at once.
pub(super) const fn sharing(kind: StepKind) -> Sharing {
    match kind {
        StepKind::Copy
        | StepKind::Diff
        | StepKind::Prune
        | StepKind::Reconcile
        | StepKind::Replace
        | StepKind::Verify => Sharing::Own,
        _ => Sharing::Shared,
    }
}
