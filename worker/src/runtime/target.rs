//! Before a job's first step: the job becomes the one writer of its target, or waits.

use longshore_shared::domain::job::JobSpec;
use longshore_shared::domain::sync::TargetBusy;
use longshore_shared::workflow::WorkflowError;
use longshore_shared::workflow::target::{self, Answer};

use super::Worker;
use super::running_step::{RunningStep, Stop};
use crate::steps::{Context, StepError, target as steps};

/// Whether the step may begin; if not, it was given back.
pub(super) async fn take(worker: &Worker, held: &RunningStep, context: &Context) -> Result<bool, StepError> {
    let area = steps::wanted(context).await?;
    match target::ask(&worker.database, &held.step.lease, &area, busy(&held.step.job.spec)).await {
        Ok(Answer::Held(former)) => {
            let loose = former.iter().flat_map(|former| former.loose_steps.iter().copied());
            steps::fence(context, &area, loose).await?;
            target::fenced(&worker.database, &former).await.map_err(failed)?;
            context.give(area);
            Ok(true)
        }
        Ok(Answer::Waits) => Ok(false),
        Ok(Answer::Refused(holder)) => Err(steps::busy(holder.map(|id| id.to_string())).into()),
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

fn busy(spec: &JobSpec) -> TargetBusy {
    match spec {
        JobSpec::Sync(spec) => spec.target_busy,
        JobSpec::Probe(_) | JobSpec::ConnectionTest(_) => TargetBusy::Wait,
    }
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
