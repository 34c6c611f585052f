//! Runs of a sync task: the way in for work.

use longshore_shared::domain::problem::ProblemCode;
use std::time::Duration;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::{Extension, Json};
use longshore_shared::domain::id::{JobId, TaskId};
use longshore_shared::domain::job::Trigger;
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::store::connections::demands;
use longshore_shared::store::jobs::{self, Filter};
use longshore_shared::store::outbox::Owed;
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::telemetry::TraceContext;
use longshore_shared::workflow::{WorkflowError, publish, submit};

use super::connection_tests::seal;
use super::{job_snapshot, jobs as job_routes};
use crate::error::{ApiError, Conflict};
use crate::extract::{Brought, Caller, Id, JobPage, NewRun, Once, Outcome, PerhapsJson, StrictQuery, Syncs};
use crate::state::AppState;
use crate::view::{JobSummary, JobView, List};

/// How long an answer waits for RabbitMQ. The job is safe in the store by then, and the
/// scheduler publishes what this process did not.
pub(super) const PATIENCE: Duration = Duration::from_secs(2);

/// Runs the task now. What its connections do not store, and what confirms a protected target,
/// comes along in the body: `secret_needed`, `confirmation_needed` and `confirmation_wrong` name
/// the field. A password that does not confirm ends the job with `confirmation_failed` before
/// anything is written.
#[utoipa::path(post, path = "/v1/sync-tasks/{id}/runs", operation_id = "submit_run", tag = "sync-tasks", request_body = Option<NewRun>,
    params(("id" = uuid::Uuid, Path, description = "the task")),
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn submit(
    caller: Caller<Syncs>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    Id(id): Id<TaskId>,
    PerhapsJson(body): PerhapsJson<NewRun>,
) -> Result<impl IntoResponse, ApiError> {
    let mut effect = match caller.once().await? {
        Once::First(effect) => effect,
        Once::Again(made) => return accepted(&caller, &state, made).await,
    };
    let task = sync_tasks::find(effect.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
    let demands = demands::of(effect.conn(), caller.org_id(), task.source_id, task.target_id).await?;
    let (Some(source), Some(target)) = demands else { return Err(ApiError::NotFound) };
    let Brought { secrets, deletes_confirmed } = body.check(&source, &target)?;
    let task = SyncTask { spec: SyncSpec { deletes_confirmed, ..task.spec }, ..task };
    let trace = trace.to_string();
    let token = Some(caller.token_id());
    let submitted = submit::sync_run(effect.conn(), &task, Trigger::Person, token, None, Some(&trace)).await;
    let submitted = match submitted {
        Err(WorkflowError::RunInProgress) => {
            // Holding one connection while waiting for a second could starve the pool.
            drop(effect);
            return Err(in_progress(&caller, id).await?);
        }
        submitted => submitted?,
    };
    for (name, secret) in &secrets {
        seal(&mut effect, &state.sealer, submitted.job.id, *name, secret).await?;
    }
    let made = effect.done(StatusCode::ACCEPTED, submitted.job.id.0).await?;
    announce(&caller, &state, submitted.job.id, submitted.owed).await;
    accepted(&caller, &state, made).await
}

/// The answer that tells a job which was accepted, now or before.
pub(super) async fn accepted<A>(
    caller: &Caller<A>,
    state: &AppState,
    made: Outcome,
) -> Result<impl IntoResponse + use<A>, ApiError> {
    let job_id = JobId(made.resource);
    let mut tx = caller.read_only().await?;
    let view = job_snapshot::view(&mut tx, &state.progress_hub, job_id).await?;
    tx.commit().await?;
    Ok((made.status, [(header::LOCATION, format!("/v1/jobs/{job_id}"))], Json::<JobView>(view)))
}

/// Lists the task's runs, newest first.
#[utoipa::path(get, path = "/v1/sync-tasks/{id}/runs", operation_id = "list_runs", tag = "sync-tasks",
    params(("id" = uuid::Uuid, Path, description = "the task"), JobPage),
    responses((status = 200, description = "a page", body = List<JobSummary>)))]
pub(crate) async fn list(
    caller: Caller<Syncs>,
    Id(id): Id<TaskId>,
    StrictQuery(page): StrictQuery<JobPage>,
) -> Result<Json<List<JobSummary>>, ApiError> {
    let (page, filter) = page.check()?;
    let mut tx = caller.read_only().await?;
    sync_tasks::find(tx.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
    let filter = Filter { task_id: Some(id), ..filter };
    let mut found = jobs::list(tx.conn(), caller.org_id(), filter, page.rows()).await?;
    let next_cursor = page.cut_jobs(&mut found, |job| job.id);
    let items = job_routes::summaries(&mut tx, found).await?;
    tx.commit().await?;
    Ok(Json(List { items, next_cursor }))
}

/// Publishes what a submission owes, if RabbitMQ is quick about it.
pub(super) async fn announce<A>(caller: &Caller<A>, state: &AppState, job_id: JobId, owed: Vec<Owed>) {
    let published = publish::submitted(&state.database, &state.bus, caller.org_id(), owed);
    match tokio::time::timeout(PATIENCE, published).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::warn!(job.id = %job_id, %error, "the scheduler announces this job"),
        Err(_) => tracing::warn!(job.id = %job_id, "RabbitMQ is slow; the scheduler announces this job"),
    }
}

/// The refusal, with the run that is in the way (it may just have ended).
async fn in_progress(caller: &Caller<Syncs>, id: TaskId) -> Result<ApiError, ApiError> {
    let mut tx = caller.read_only().await?;
    let newest = Filter { task_id: Some(id), ..Filter::default() };
    let found = jobs::list(tx.conn(), caller.org_id(), newest, 1).await?;
    tx.commit().await?;
    Ok(Conflict {
        job_id: found.first().map(|job| job.id.0),
        ..Conflict::new(ProblemCode::RunInProgress, "a run of this task has not ended yet")
    }
    .into())
}
