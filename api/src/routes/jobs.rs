//! Jobs: what was asked for and what came of it.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use longshore_shared::bus::Control;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::job::Job;
use longshore_shared::store::{OrgTx, job_log, jobs, step_reports, target_holds};
use longshore_shared::workflow::cancel;

use super::job_snapshot;
use super::runs::PATIENCE;
use crate::error::ApiError;
use crate::extract::{Caller, Endings, History, Id, JobPage, NoFields, Once, StrictQuery};
use crate::state::AppState;
use crate::view::{JobSummary, JobView, List, LogLine, WaitView};

/// Lines of a job's log that are shown at most.
const LINES: i64 = 1_000;

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", operation_id = "list_jobs", tag = "jobs", params(JobPage),
    responses((status = 200, description = "a page", body = List<JobSummary>)))]
pub(crate) async fn list(
    caller: Caller<History>,
    StrictQuery(page): StrictQuery<JobPage>,
) -> Result<Json<List<JobSummary>>, ApiError> {
    let (page, filter) = page.check()?;
    let mut tx = caller.read_only().await?;
    let mut found = jobs::list(tx.conn(), caller.org_id(), filter, page.rows()).await?;
    let next_cursor = page.cut_jobs(&mut found, |job| job.id);
    let items = summaries(&mut tx, found).await?;
    tx.commit().await?;
    Ok(Json(List { items, next_cursor }))
}

/// Shows a job with its tables and its progress.
#[utoipa::path(get, path = "/v1/jobs/{id}", operation_id = "show_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, description = "the job", body = JobView)))]
pub(crate) async fn show(
    caller: Caller<History>,
    State(state): State<AppState>,
    Id(id): Id<JobId>,
) -> Result<Json<JobView>, ApiError> {
    let mut tx = caller.read_only().await?;
    let view = job_snapshot::view(&mut tx, &state.progress_hub, id).await?;
    tx.commit().await?;
    Ok(Json(view))
}

/// Shows a job's log, oldest line first.
#[utoipa::path(get, path = "/v1/jobs/{id}/log", operation_id = "show_job_log", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, description = "its first thousand lines", body = List<LogLine>)))]
pub(crate) async fn log(caller: Caller<History>, Id(id): Id<JobId>) -> Result<Json<List<LogLine>>, ApiError> {
    let mut tx = caller.begin().await?;
    let org_id = caller.org_id();
    jobs::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    let lines = job_log::list(tx.conn(), org_id, id, 0, LINES).await?;
    tx.commit().await?;
    Ok(Json(List { items: lines.into_iter().map(Into::into).collect(), next_cursor: None }))
}

/// Asks for a job's end. What is running stops soon; asking again changes nothing. The end of a
/// connection's test needs the permission `database`, that of every other job `sync`.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", operation_id = "cancel_job", tag = "jobs", request_body = Option<NoFields>,
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 202, description = "the job, which ends soon", body = JobView)))]
pub(crate) async fn cancel(
    caller: Caller<Endings>,
    State(state): State<AppState>,
    Id(id): Id<JobId>,
    _: NoFields,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    if let Once::First(mut effect) = caller.once().await? {
        let job = jobs::find(effect.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
        caller.require(job.spec.kind().traits().permission)?;
        let reached = cancel::request(effect.conn(), caller.org_id(), id).await?;
        effect.done(StatusCode::ACCEPTED, id.0).await?;
        reached.count();
    }
    tell_workers(&state, caller.org_id(), id).await;
    let mut tx = caller.read_only().await?;
    let view = job_snapshot::view(&mut tx, &state.progress_hub, id).await?;
    tx.commit().await?;
    Ok((StatusCode::ACCEPTED, Json(view)))
}

/// Short views with what each job did to rows.
pub(super) async fn summaries(tx: &mut OrgTx, found: Vec<Job>) -> Result<Vec<JobSummary>, ApiError> {
    let (org_id, ids): (OrgId, Vec<JobId>) = (tx.org_id(), found.iter().map(|job| job.id).collect());
    let mut totals: HashMap<JobId, _> =
        step_reports::totals(tx.conn(), org_id, &ids).await?.into_iter().collect();
    let mut waits: HashMap<JobId, _> =
        target_holds::waiting(tx.conn(), org_id, &ids).await?.into_iter().collect();
    let summary = |job: Job| {
        let counts = totals.remove(&job.id).unwrap_or_default();
        let wait = waits.remove(&job.id).map(WaitView::for_target);
        JobSummary::of(job, counts, wait)
    };
    Ok(found.into_iter().map(summary).collect())
}

/// The message only makes it quicker: each lease's renewal tells the worker too.
async fn tell_workers(state: &AppState, org_id: OrgId, job_id: JobId) {
    let control = Control::Cancel { org_id, job_id };
    match tokio::time::timeout(PATIENCE, state.bus.tell(&control)).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => {
            tracing::info!(job.id = %job_id, %error, "workers learn of the cancel at a renewal");
        }
        Err(_) => {
            tracing::info!(job.id = %job_id, "RabbitMQ is slow; workers learn of the cancel at a renewal");
        }
    }
}
