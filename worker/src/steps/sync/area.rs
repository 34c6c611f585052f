//! What a sync's job will write.
//!
//! [`wanted`] comes before anything else that the job's first step does, and asks the two
//! servers only for names. What it finds is asked of the fleet by the runtime; the plan
//! then keeps to it. Idempotent and without a trace: it only looks.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::sync::{Selection, SyncSpec, TargetTriggers};
use longshore_shared::domain::target::TargetArea;

use super::plan;
use crate::steps::attempt::{Attempt, Side};
use crate::steps::error::StepError;

/// What the attempt's job is going to write.
///
/// Parents and children of its tables are no part of it: they are read, not written, and
/// each job proves the foreign keys of its own tables after its last write.
pub(super) async fn wanted(
    attempt: &Attempt,
    spec: &SyncSpec,
    (source, target): (&Side, &Side),
) -> Result<TargetArea, StepError> {
    let mut target = attempt.inspector(target).await?;
    let server = target.server().await?;
    let folds = server.folds_names;
    let tables = match &spec.selection {
        Selection::Full => None,
        // What a trigger writes is told by nobody.
        Selection::Selective { .. } if spec.target_triggers == TargetTriggers::Fire => None,
        Selection::Selective { .. } => {
            let mut source = attempt.inspector(source).await?;
            let covered = plan::covered(&spec.selection, source.tables().await?, folds)?;
            Some(covered.iter().map(|name| folded(name, folds)).collect())
        }
    };
    Ok(TargetArea { server: server.identity, database: folded(target.database(), folds), tables })
}

/// A name as the target tells it from others.
pub(super) fn folded(name: &str, folds: bool) -> String {
    if folds { name.to_lowercase() } else { name.to_owned() }
}

/// The source got tables that the task covers while the job asked for its target.
pub(super) fn appeared(table: &str) -> Failure {
    Failure::transient(
        FailureCode::TablesAppeared,
        format!("table {table}: it came to the source while the job began"),
    )
}
