//! Jobs: what was asked for and what came of it.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use longshore_shared::bus::Control;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::step::Counts;
use longshore_shared::store::jobs::{self, recent};
use longshore_shared::store::{job_log, job_tables};
use longshore_shared::workflow::cancel;

use crate::access::{Caller, Endings, History};
use crate::error::ApiError;
use crate::extract::{Id, JobPage, ListPage, LogPage, NoFields, StrictQuery};
use crate::once::{KeyedCaller, Once};
use crate::records::job;
use crate::records::submission::PATIENCE;
use crate::state::AppState;
use crate::view::{JobSummary, JobView, List, LogLine, TableView};

/// Lists jobs, newest first.
#[utoipa::path(get, path = "/v1/jobs", operation_id = "list_jobs", tag = "jobs", params(JobPage),
    responses((status = 200, description = "a page", body = List<JobSummary>)))]
pub(crate) async fn list(
    caller: Caller<History>,
    StrictQuery(page): StrictQuery<JobPage>,
) -> Result<Json<List<JobSummary>>, ApiError> {
    let (page, filter) = page.check()?;
    let mut tx = caller.read_only().await?;
    let mut found = recent::list(tx.conn(), caller.org_id(), &filter, page.rows()).await?;
    let next_cursor = page.cut_jobs(&mut found, |(job, _)| job.id);
    let items = job::summaries(&mut tx, found).await?;
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
    let view = job::view(&mut tx, &state.progress_hub, id).await?;
    tx.commit().await?;
    Ok(Json(view))
}

/// Lists the tables of a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/tables", operation_id = "list_job_tables", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "the job"), ListPage),
    responses((status = 200, description = "a page", body = List<TableView>)))]
pub(crate) async fn tables(
    caller: Caller<History>,
    Id(id): Id<JobId>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<TableView>>, ApiError> {
    let (page, after) = page.by_number()?;
    let after = after.map_or(Ok(-1), i32::try_from).unwrap_or(i32::MAX);
    let mut tx = caller.read_only().await?;
    let job = jobs::find(tx.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
    let mut found = job_tables::page(tx.conn(), caller.org_id(), id, after, page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_number(&mut found, |table| table.number.into());
    let items = found.into_iter().map(|table| TableView::of(table, Counts::default(), job.state)).collect();
    Ok(Json(List { items, next_cursor }))
}

/// Shows a job's log, newest line first unless `order` says otherwise.
#[utoipa::path(get, path = "/v1/jobs/{id}/log", operation_id = "show_job_log", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "the job"), LogPage),
    responses((status = 200, description = "a page of its lines", body = List<LogLine>)))]
pub(crate) async fn log(
    caller: Caller<History>,
    Id(id): Id<JobId>,
    StrictQuery(page): StrictQuery<LogPage>,
) -> Result<Json<List<LogLine>>, ApiError> {
    let (page, order, after) = page.check()?;
    let mut tx = caller.read_only().await?;
    let org_id = caller.org_id();
    jobs::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    let mut lines = job_log::list(tx.conn(), org_id, id, (order, after), page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_log(&mut lines, order, |line| line.id);
    Ok(Json(List { items: lines.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Asks for a job's end. What is running stops soon; asking again changes nothing. The end of a
/// connection's test needs the permission `database`, that of every other job `sync`.
#[utoipa::path(post, path = "/v1/jobs/{id}/cancel", operation_id = "cancel_job", tag = "jobs", request_body = Option<NoFields>,
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 202, description = "the job, which ends soon", body = JobView)))]
pub(crate) async fn cancel(
    caller: KeyedCaller<Endings>,
    State(state): State<AppState>,
    Id(id): Id<JobId>,
    _: NoFields,
) -> Result<(StatusCode, Json<JobView>), ApiError> {
    let cancelled = caller.once(StatusCode::ACCEPTED, async |mut effect| {
        let job = jobs::find(effect.conn(), caller.org_id(), id).await?.ok_or(ApiError::NotFound)?;
        caller.require(job.spec.kind().traits().permission)?;
        let reached = cancel::request(effect.conn(), caller.org_id(), id).await?;
        Ok(effect.done(id.0, reached))
    });
    let (status, once) = cancelled.await?;
    if let Once::First(reached) = once {
        reached.count();
    }
    tell_workers(&state, caller.org_id(), id).await;
    let mut tx = caller.read_only().await?;
    let view = job::view(&mut tx, &state.progress_hub, id).await?;
    tx.commit().await?;
    Ok((status, Json(view)))
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
