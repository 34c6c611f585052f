//! Edits of a sync task, and what came of its due times.

use axum::Json;
use axum::extract::State;
use axum::response::IntoResponse;
use longshore_shared::domain::id::TaskId;
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::store::{self, schedule_events};
use longshore_shared::workflow::{Reached, withdraw};

use crate::access::{Caller, Syncs};
use crate::body::{SyncTaskChange, rare_enough};
use crate::error::{ApiError, Problem};
use crate::extract::{Id, IfMatch, ListPage, StrictJson, StrictQuery, etag};
use crate::records::sync_task::{confirm, connections_of, locked, shown_alone, taken};
use crate::state::AppState;
use crate::view::{List, ScheduleEventView, SyncTaskView};

/// Edits a sync task. With `If-Match`, only the version that it names. Once the answer is
/// there no due time of an old schedule fires any more, and what waited because of one is
/// cancelled; a run that goes on does so as it began.
#[utoipa::path(patch, path = "/v1/sync-tasks/{id}", operation_id = "edit_sync_task", tag = "sync-tasks", request_body = SyncTaskChange,
    params(("id" = uuid::Uuid, Path, description = "the task"),
        ("If-Match" = Option<String>, Header, description = "the `ETag` of the version that is edited")),
    responses((status = 200, description = "the task", body = SyncTaskView,
            headers(("ETag" = String, description = "its version"))),
        (status = 412, description = "it was changed since", body = Problem, content_type = "application/problem+json")))]
pub(crate) async fn edit(
    caller: Caller<Syncs>,
    State(state): State<AppState>,
    Id(id): Id<TaskId>,
    seen: IfMatch,
    StrictJson(body): StrictJson<SyncTaskChange>,
) -> Result<impl IntoResponse, ApiError> {
    let mut tx = caller.begin().await?;
    let before = locked(&mut tx, id, &seen).await?;
    let now = store::now(tx.conn()).await?;
    let (mut task, confirming) = body.apply(before.clone(), now)?;
    rare_enough(&task, state.full_sync_min, now)?;
    let (source, target) = connections_of(&mut tx, task.source_id, task.target_id).await?;
    let password = confirming.check(&task, &source, &target)?;
    task.version = sync_tasks::update(tx.conn(), &task).await.map_err(taken)?;
    confirm(&mut tx, &state.sealer, &task, &target, password).await?;
    let forgotten = match fires_otherwise(&before, &task) {
        true => Some(withdraw::forget(tx.conn(), caller.org_id(), id.into(), false).await?),
        false => None,
    };
    let (version, view) = (task.version, shown_alone(&mut tx, task, now).await?);
    tx.commit().await?;
    forgotten.into_iter().for_each(Reached::count);
    Ok((etag(version), Json(view)))
}

fn fires_otherwise(before: &SyncTask, after: &SyncTask) -> bool {
    before.timing.firing() != after.timing.firing()
}

/// Lists what came of the task's due times, newest first; kept for 30 days.
#[utoipa::path(get, path = "/v1/sync-tasks/{id}/schedule-events", operation_id = "list_schedule_events", tag = "sync-tasks",
    params(("id" = uuid::Uuid, Path, description = "the task"), ListPage),
    responses((status = 200, description = "a page", body = List<ScheduleEventView>)))]
pub(crate) async fn events(
    caller: Caller<Syncs>,
    Id(id): Id<TaskId>,
    StrictQuery(page): StrictQuery<ListPage>,
) -> Result<Json<List<ScheduleEventView>>, ApiError> {
    let (page, before) = page.by_number()?;
    let org_id = caller.org_id();
    let mut tx = caller.read_only().await?;
    let task = sync_tasks::find(tx.conn(), org_id, id).await?.ok_or(ApiError::NotFound)?;
    let mut found = schedule_events::list(tx.conn(), org_id, task.timing.id, before, page.rows()).await?;
    tx.commit().await?;
    let next_cursor = page.cut_by_number(&mut found, |event| event.id);
    Ok(Json(List { items: found.into_iter().map(Into::into).collect(), next_cursor }))
}
