//! Sync tasks: what is to be synchronised into what, and when.

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use chrono::SubsecRound as _;
use longshore_shared::clock;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::id::{ConnectionId, TaskId};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::store::{OrgTx, StoreError, connections, target_confirmations};
use longshore_shared::vault::{Sealer, Secret, SecretAddress};
use longshore_shared::workflow::queue;

use crate::error::{ApiError, Conflict, FieldError, Problem};
use crate::extract::{
    Caller, Id, IfMatch, NamePage, NewSyncTask, Once, StrictJson, StrictQuery, Syncs, etag, fits, gone,
    rare_enough, unknown_connection, usable,
};
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
    caller: Caller<Syncs>,
    State(state): State<AppState>,
    StrictJson(body): StrictJson<NewSyncTask>,
) -> Result<impl IntoResponse, ApiError> {
    let (id, now) = (TaskId(clock::fresh_id()), clock::now().trunc_subsecs(6));
    let (task, confirming, allow_untested) = body.check(caller.org_id(), id, now)?;
    rare_enough(&task, state.full_sync_min, now)?;
    let (made, task, confirmed) = match caller.once().await? {
        Once::First(mut effect) => {
            let (source, target) = connections_of(&mut effect, task.source_id, task.target_id).await?;
            fits(&source, &target)?;
            if !allow_untested.0 {
                usable(&source, &target)?;
            }
            let password = confirming.check(&task, &source, &target)?;
            sync_tasks::insert(effect.conn(), &task).await.map_err(taken)?;
            confirm(&mut effect, &state.sealer, &task, &target, password).await?;
            let confirmed = confirmed(&mut effect, &task).await?;
            (effect.done(StatusCode::CREATED, id.0).await?, task, confirmed)
        }
        Once::Again(made) => {
            let mut tx = caller.read_only().await?;
            let found = sync_tasks::find(tx.conn(), caller.org_id(), made.resource.into()).await?;
            let task = found.ok_or_else(gone)?;
            let confirmed = confirmed(&mut tx, &task).await?;
            tx.commit().await?;
            (made, task, confirmed)
        }
    };
    let location = [(header::LOCATION, format!("/v1/sync-tasks/{}", task.id))];
    Ok((made.status, location, etag(task.version), Json(SyncTaskView::of(task, confirmed, now))))
}

/// Lists sync tasks by name.
#[utoipa::path(get, path = "/v1/sync-tasks", operation_id = "list_sync_tasks", tag = "sync-tasks", params(NamePage),
    responses((status = 200, description = "a page", body = List<SyncTaskView>)))]
pub(crate) async fn list(
    caller: Caller<Syncs>,
    StrictQuery(page): StrictQuery<NamePage>,
) -> Result<Json<List<SyncTaskView>>, ApiError> {
    let (page, after) = page.check()?;
    let mut tx = caller.begin().await?;
    let mut found = sync_tasks::list(tx.conn(), caller.org_id(), after.as_deref(), page.rows()).await?;
    let ids: Vec<TaskId> = found.iter().map(|task| task.id).collect();
    let confirmed = target_confirmations::of_tasks(tx.conn(), caller.org_id(), &ids).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_name(&mut found, |task| &task.name);
    let now = clock::now();
    let view = |task: SyncTask| {
        let confirmed = confirmed.get(&task.id).copied();
        SyncTaskView::of(task, confirmed, now)
    };
    let items = found.into_iter().map(view).collect();
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
    let confirmed = confirmed(&mut tx, &task).await?;
    tx.commit().await?;
    Ok((etag(task.version), Json(SyncTaskView::of(task, confirmed, clock::now()))))
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
    locked(&mut tx, id, &seen).await?;
    sync_tasks::delete(tx.conn(), caller.org_id(), id).await?;
    target_confirmations::remove(tx.conn(), caller.org_id(), id).await?;
    let forgotten = queue::forget(tx.conn(), caller.org_id(), id, true).await?;
    tx.commit().await?;
    forgotten.count();
    Ok(StatusCode::NO_CONTENT)
}

/// The task, locked against schedulers and other edits, if it is the version that was seen.
pub(super) async fn locked(tx: &mut OrgTx, id: TaskId, seen: &IfMatch) -> Result<SyncTask, ApiError> {
    let org_id = tx.org_id();
    sync_tasks::lock(tx.conn(), org_id, id).await?;
    let task = sync_tasks::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    seen.holds(task.version)?;
    Ok(task)
}

/// Keeps that the task's schedule may write to its protected target, or that it does not.
pub(super) async fn confirm(
    tx: &mut OrgTx,
    sealer: &Sealer,
    task: &SyncTask,
    target: &Connection,
    password: Option<Secret>,
) -> Result<(), ApiError> {
    let (org_id, id) = (task.org_id, task.id);
    let Some(password) = password else {
        return Ok(target_confirmations::remove(tx.conn(), org_id, id).await?);
    };
    let (table, column) = (target_confirmations::TABLE, target_confirmations::SECRET.to_string());
    let place = SecretAddress { org_id, table, row: id.0, column: &column, version: target.reach };
    let sealed = sealer.seal(&password, &place)?;
    Ok(target_confirmations::put(tx.conn(), org_id, id, (target.id, target.reach), &sealed).await?)
}

/// Whether the task's schedule may write to its protected target; none if it needs nobody's word.
pub(super) async fn confirmed(tx: &mut OrgTx, task: &SyncTask) -> Result<Option<bool>, ApiError> {
    let found = target_confirmations::of_tasks(tx.conn(), task.org_id, &[task.id]).await?;
    Ok(found.get(&task.id).copied())
}

/// Both connections, locked against deletion and edits; every one that is not there is told.
pub(super) async fn connections_of(
    tx: &mut OrgTx,
    source: ConnectionId,
    target: ConnectionId,
) -> Result<(Connection, Connection), ApiError> {
    let org_id = tx.org_id();
    let found = (
        connections::find_for_use(tx.conn(), org_id, source).await?,
        connections::find_for_use(tx.conn(), org_id, target).await?,
    );
    match found {
        (Some(source), Some(target)) => Ok((source, target)),
        (source, target) => {
            let missing = [("source_id", source.is_none()), ("target_id", target.is_none())];
            let (code, detail) = unknown_connection();
            let errors = missing.into_iter().filter(|(_, missing)| *missing);
            Err(ApiError::Invalid(errors.map(|(field, _)| FieldError::new(field, code, &*detail)).collect()))
        }
    }
}

pub(super) fn taken(error: StoreError) -> ApiError {
    match error {
        StoreError::Taken { constraint } if constraint == "sync_tasks_name" => Conflict {
            field: Some("name"),
            ..Conflict::new(ProblemCode::NameTaken, "a sync task of this name is there already")
        }
        .into(),
        other => other.into(),
    }
}
