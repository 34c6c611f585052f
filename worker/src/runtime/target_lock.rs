//! Before a job's first step: the job becomes the one writer of its target, or waits.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::workflow::WorkflowError;
use longshore_shared::workflow::target::{self, Answer};

use super::Worker;
use super::running_step::{RunningStep, Stop};
use crate::steps::{Attempt, StepError, Wanted};

/// Whether the step may begin; if not, it was given back.
pub(super) async fn take(
    worker: &Worker,
    held: &RunningStep,
    attempt: &Attempt,
    Wanted { area, busy }: Wanted,
) -> Result<bool, StepError> {
    match target::ask(&worker.database, &held.step.lease, &area, busy).await {
        Ok(Answer::Held(former)) => {
            let loose = former.iter().flat_map(|former| former.loose_steps.iter().copied());
            attempt.fence(&area, loose).await?;
            target::fenced(&worker.database, &former).await.map_err(failed)?;
            attempt.give(area);
            Ok(true)
        }
        Ok(Answer::Waits) => Ok(false),
        Ok(Answer::Refused(holder)) => Err(busy_with(holder.map(|id| id.to_string())).into()),
        Ok(Answer::Ending) => {
            held.stop(Stop::Ending);
            Err(super::dispatch::stopped().into())
        }
        Err(WorkflowError::LeaseLost) => {
            held.stop(Stop::Lost);
            Err(super::dispatch::stopped().into())
        }
        Err(error) => Err(failed(error)),
    }
}

/// The task is not to wait for the job that writes the target.
fn busy_with(holder: Option<String>) -> Failure {
    let holder = holder.map_or_else(|| "another job".to_owned(), |id| format!("job {id}"));
    Failure::permanent(
        FailureCode::TargetBusy,
        format!("{holder} writes the same tables of the target, or waits to"),
    )
}

fn failed(error: WorkflowError) -> StepError {
    match error {
        WorkflowError::Store(error) => StepError::Store(error),
        other => {
            tracing::error!("the target could not be asked for: {other}");
            super::dispatch::stopped().into()
        }
    }
}
