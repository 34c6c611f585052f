//! What depends on a step's kind: where a test may stop it around its commits on the target, and with
//! whom its readers and writers share their way.

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

/// With whom a step's readers and writers share their SSH sessions.
pub(super) const fn sharing(kind: StepKind) -> Sharing {
    if kind.traits().ssh_alone { Sharing::Own } else { Sharing::Shared }
}
