//! Where a test may stop a step of a sync: around its commits on the target.

use longshore_shared::domain::step::StepKind;
use longshore_shared::failpoint::Failpoint;

/// The places right before and right after a commit of a kind that commits.
pub(super) const fn around_commit(kind: StepKind) -> Option<(Failpoint, Failpoint)> {
    match kind {
        StepKind::Copy => Some((Failpoint::CopyBeforeCommit, Failpoint::CopyAfterCommit)),
        StepKind::Diff => Some((Failpoint::DiffBeforeCommit, Failpoint::DiffAfterCommit)),
        StepKind::Prune => Some((Failpoint::PruneBeforeCommit, Failpoint::PruneAfterCommit)),
        StepKind::Reconcile => Some((Failpoint::ReconcileBeforeCommit, Failpoint::ReconcileAfterCommit)),
        StepKind::Replace => Some((Failpoint::ReplaceBeforeCommit, Failpoint::ReplaceAfterCommit)),
        StepKind::Together => Some((Failpoint::TogetherBeforeCommit, Failpoint::TogetherAfterCommit)),
        _ => None,
    }
}
