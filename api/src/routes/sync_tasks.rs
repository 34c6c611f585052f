//! Sync tasks: what is to be synchronised into what, and when.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::SubsecRound as _;
use longshore_shared::clock;
use longshore_shared::domain::id::TaskId;
use longshore_shared::store::sync_tasks;
use longshore_shared::store::target_confirmations;
use longshore_shared::workflow::withdraw;

use crate::access::{Caller, Syncs};
use crate::body::{NewSyncTask, fits, rare_enough, usable};
use crate::error::{ApiError, Problem};
use crate::extract::{Id, IfMatch, ListPage, StrictJson, StrictQuery, etag};
use crate::once::{KeyedCaller, Once, gone};
use crate::records::sync_task::{confirm, connections_of, locked, shown, shown_alone, taken};
use crate::state::AppState;
use crate::view::{List, SyncTaskView};

/// Makes a sync task. Its connections have been verified by a test, or `allow_untested` says that
/// they need not have been. One that is edited or found unreachable later keeps no run from trying.
#[utoipa::path(post, path = "/v1/sync-tasks", operation_id = "create_sync_task", tag = "sync-tasks", request_body = NewSyncTask,
    responses((status = 201, description = "made", body = SyncTaskView,
        headers(("Location" = String, description = "where it is"), ("ETag" = String, description = "its version"))),
        (status = 409, description = "its name is taken, or a connection cannot be used", body = Problem,
            content_type = "application/problem+json")))]
pub(crate) async fn create(
    caller: KeyedCaller<Syncs>,
    State(state): State<AppState>,
    StrictJson(body): StrictJson<NewSyncTask>,
) -> Result<impl IntoResponse, ApiError> {
    let (id, now) = (TaskId(clock::fresh_id()), clock::now().trunc_subsecs(6));
    let (task, confirming, allow_untested) = body.check(caller.org_id(), id, now)?;
    rare_enough(&task, state.full_sync_min, now)?;
    let made = caller.once(StatusCode::CREATED, async |mut effect| {
        let (source, target) = connections_of(&mut effect, task.source_id, task.target_id).await?;
        fits(&source, &target)?;
        if !allow_untested.0 {
            usable(&source, &target)?;
        }
        let password = confirming.check(&task, &source, &target)?;
        sync_tasks::insert(effect.conn(), &task).await.map_err(taken)?;
        confirm(&mut effect, &state.sealer, &task, &target, password).await?;
        let view = shown_alone(&mut effect, task.clone(), now).await?;
        Ok(effect.done(id.0, (task.version, view)))
    });
    let (status, once) = made.await?;
    let (id, version, view) = match once {
        Once::First((version, view)) => (id, version, view),
        Once::Again(id) => {
            let mut tx = caller.read_only().await?;
            let found = sync_tasks::find(tx.conn(), caller.org_id(), id.into()).await?;
            let task = found.ok_or_else(gone)?;
            let (version, view) = (task.version, shown_alone(&mut tx, task, now).await?);
            tx.commit().await?;
            (id.into(), version, view)
        }
    };
    let location = [(header::LOCATION, format!("/v1/sync-tasks/{id}"))];
    Ok((status, location, etag(version), Json(view)))
}

/// Lists sync tasks by name.
#[utoipa::path(get, path = "/v1/sync-tasks", operation_id = "list_sync_tasks", tag = "sync-tasks", params(ListPage),
    responses((status = 200, description = "a page", body = List<SyncTaskView>)))]
pub(crate) async fn list(
    caller: Caller<Syncs>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<SyncTaskView>>, ApiError> {
    let (page, after) = page.by_name()?;
    let mut tx = caller.begin().await?;
    let mut found = sync_tasks::list(tx.conn(), caller.org_id(), after.as_deref(), page.rows()).await?;
    let next_cursor = page.cut_by_name(&mut found, |task| &task.name);
    let items = shown(&mut tx, found, clock::now()).await?;
    tx.commit().await?;
    Ok(Json(List { items, next_cursor }))
}

/// Shows a sync task.
#[utoipa::path(get, path = "/v1/sync-tasks/{id}", operation_id = "show_sync_task", tag = "sync-tasks",
    params(("id" = uuid::Uuid, Path, description = "the task")),
    responses((status = 200, description = "the task", body = SyncTaskView,
        headers(("ETag" = String, description = "its version")))))]
pub(crate) async fn show(caller: Caller<Syncs>, Id(id): Id<TaskId>) -> Result<impl IntoResponse, ApiError> {
    let mut tx = caller.begin().await?;
    let found = sync_tasks::find(tx.conn(), caller.org_id(), id).await?;
    let task = found.ok_or(ApiError::NotFound)?;
    let (version, view) = (task.version, shown_alone(&mut tx, task, clock::now()).await?);
    tx.commit().await?;
    Ok((etag(version), Json(view)))
}

/// Deletes a sync task. Its jobs stay in the history; one that runs goes on, one that waits
/// for it is cancelled. With `If-Match`, only the version that it names.
#[utoipa::path(delete, path = "/v1/sync-tasks/{id}", operation_id = "delete_sync_task", tag = "sync-tasks",
    params(("id" = uuid::Uuid, Path, description = "the task"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that is deleted")),
    responses((status = 204, description = "deleted"),
        (status = 412, description = "it was changed since", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn delete(
    caller: Caller<Syncs>,
    Id(id): Id<TaskId>,
    seen: IfMatch,
) -> Result<StatusCode, ApiError> {
    let mut tx = caller.begin().await?;
    let task = locked(&mut tx, id, &seen).await?;
    sync_tasks::delete(tx.conn(), caller.org_id(), id).await?;
    target_confirmations::remove(tx.conn(), caller.org_id(), task.timing.id).await?;
    let forgotten = withdraw::forget(tx.conn(), caller.org_id(), id.into(), true).await?;
    tx.commit().await?;
    forgotten.count();
    Ok(StatusCode::NO_CONTENT)
}
