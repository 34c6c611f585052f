//! Runs of a sync task: the way in for work.

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::IntoResponse;
use axum::{Extension, Json};
use longshore_shared::domain::id::TaskId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::store::connections::demands;
use longshore_shared::store::jobs::recent::{self, Filter};
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::telemetry::TraceContext;
use longshore_shared::vault::SecretAddress;
use longshore_shared::workflow::WorkflowError;
use longshore_shared::workflow::submit::{self, Request};

use crate::access::{Caller, Syncs};
use crate::body::{Brought, NewRun};
use crate::error::{ApiError, Conflict};
use crate::extract::{Id, PerhapsJson, RunPage, StrictQuery};
use crate::once::KeyedCaller;
use crate::records::job;
use crate::records::secret::seal;
use crate::records::submission::accepted;
use crate::state::AppState;
use crate::view::{JobSummary, JobView, List};

/// Runs the task now. What its connections do not store, and what confirms a protected target,
/// comes along in the body: `secret_needed`, `confirmation_needed` and `confirmation_wrong` name
/// the field. A password that does not confirm ends the job with `confirmation_failed` before
/// anything is written.
#[utoipa::path(post, path = "/v1/sync-tasks/{id}/runs", operation_id = "submit_run", tag = "sync-tasks", request_body = Option<NewRun>,
    params(("id" = uuid::Uuid, Path, description = "the task")),
    responses((status = 202, description = "accepted: the job", body = JobView,
        headers(("Location" = String, description = "where the job is")))))]
pub(crate) async fn submit(
    caller: KeyedCaller<Syncs>,
    State(state): State<AppState>,
    Extension(trace): Extension<TraceContext>,
    Id(id): Id<TaskId>,
    PerhapsJson(body): PerhapsJson<NewRun>,
) -> Result<impl IntoResponse, ApiError> {
    let submitted = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let org_id = caller.org_id();
        let task = sync_tasks::find(effect.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
        let demands = demands::of(effect.conn(), org_id, task.source_id, task.target_id).await?;
        let (Some(source), Some(target)) = demands else { return Err(ApiError::NotFound) };
        let Brought { secrets, deletes_confirmed } = body.check(&source, &target)?;
        let task = SyncTask { spec: SyncSpec { deletes_confirmed, ..task.spec }, ..task };
        let trace = trace.to_string();
        let request = Request { by: caller.actor(), trace: Some(&trace) };
        let submitted = match submit::sync_run(effect.conn(), &task, request).await {
            Err(WorkflowError::RunInProgress) => {
                // Holding one connection while waiting for a second could starve the pool.
                drop(effect);
                return Err(in_progress(&caller, id).await?);
            }
            submitted => submitted?,
        };
        for (name, secret) in &secrets {
            let place = SecretAddress::once(org_id, submitted.job.id, *name);
            seal(&mut effect, &state.sealer, place, secret).await?;
        }
        Ok(effect.done(submitted.job.id.0, submitted))
    });
    accepted(&caller, &state, submitted.await?).await
}

/// Lists the task's runs, newest first.
#[utoipa::path(get, path = "/v1/sync-tasks/{id}/runs", operation_id = "list_runs", tag = "sync-tasks",
    params(("id" = uuid::Uuid, Path, description = "the task"), RunPage),
    responses((status = 200, description = "a page", body = List<JobSummary>)))]
pub(crate) async fn list(
    caller: Caller<Syncs>,
    Id(id): Id<TaskId>,
    StrictQuery(page): StrictQuery<RunPage>,
) -> Result<Json<List<JobSummary>>, ApiError> {
    let (page, filter) = page.check(id)?;
    let mut tx = caller.read_only().await?;
    sync_tasks::find(tx.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
    let mut found = recent::list(tx.conn(), caller.org_id(), &filter, page.rows()).await?;
    let next_cursor = page.cut_jobs(&mut found, |(job, _)| job.id);
    let items = job::summaries(&mut tx, found).await?;
    tx.commit().await?;
    Ok(Json(List { items, next_cursor }))
}

/// The refusal, with the run that is in the way (it may just have ended).
async fn in_progress(caller: &Caller<Syncs>, id: TaskId) -> Result<ApiError, ApiError> {
    let mut tx = caller.read_only().await?;
    let newest = Filter { subject: Some(id.into()), ..Filter::default() };
    let found = recent::list(tx.conn(), caller.org_id(), &newest, 1).await?;
    tx.commit().await?;
    Ok(Conflict {
        job_id: found.first().map(|(job, _)| job.id.0),
        ..Conflict::new(ProblemCode::RunInProgress, "a run of this task has not ended yet")
    }
    .into())
}
