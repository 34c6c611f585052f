//! What a job will write, and whether the way to it is clear.
//!
//! [`wanted`] comes before anything else that the job's first step does, and asks the two
//! servers only for names. What it finds is asked of the fleet by the runtime; the plan
//! then keeps to it.
//! Idempotent and without a trace: both only look, but for the sessions of ended jobs that
//! [`fence`] ends.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::id::StepId;
use longshore_shared::domain::sync::{Selection, TargetTriggers};
use longshore_shared::domain::target::TargetArea;

use super::context::{Context, lock_name};
use super::error::StepError;
use super::sync::plan;

/// What the context's job is going to write.
///
/// Parents and children of its tables are no part of it: they are read, not written, and
/// each job proves the foreign keys of its own tables after its last write.
pub(crate) async fn wanted(context: &Context) -> Result<TargetArea, StepError> {
    let mut target = context.target_inspector().await?;
    let server = target.server().await?;
    let folds = server.folds_names;
    let spec = context.spec();
    let tables = match &spec.selection {
        Selection::Full => None,
        // What a trigger writes is told by nobody.
        Selection::Selective { .. } if spec.target_triggers == TargetTriggers::Fire => None,
        Selection::Selective { .. } => {
            let mut source = context.source_inspector().await?;
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

/// Ends the sessions on the target that ended jobs' steps left there.
pub(crate) async fn fence(
    context: &Context,
    area: &TargetArea,
    loose: impl Iterator<Item = StepId>,
) -> Result<(), StepError> {
    let names: Vec<String> = loose.map(lock_name).collect();
    if names.is_empty() {
        return Ok(());
    }
    let mut writer = context.writer().await?;
    if writer.identity() != area.server {
        return Err(moved(context.target()).into());
    }
    Ok(writer.fence(&names).await?)
}

/// The job was to write without having asked.
pub(super) fn not_held() -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "target_not_held",
        "the step was to write to a target that its job has not asked for",
        "report it: this is a fault of Longshore",
    )
}

/// Another server answers than the one that the job has its hold on.
pub(super) fn moved(target: &Connection) -> Failure {
    Failure::permanent(
        FailureClass::ConnectionFailure,
        "target_changed",
        format!(
            "connection {} leads to another server than at the beginning of the job, so nothing more is written",
            target.name
        ),
        "if it is a failover that has happened, run the task again; if a proxy stands before several \
         servers, use the address of one",
    )
}

/// The source got tables that the task covers while the job asked for its target.
pub(super) fn appeared(table: &str) -> Failure {
    Failure::transient(
        FailureClass::SchemaMismatch,
        "tables_appeared",
        format!("table {table}: it came to the source while the job began"),
        "it is tried again by itself",
    )
}

/// The task is not to wait for the job that writes the target.
pub(crate) fn busy(holder: Option<String>) -> Failure {
    let holder = holder.map_or_else(|| "another job".to_owned(), |id| format!("job {id}"));
    Failure::permanent(
        FailureClass::TargetBusy,
        "target_busy",
        format!("{holder} writes the same tables of the target, or waits to"),
        "run the task when that job has ended, or set target_busy to wait",
    )
}
