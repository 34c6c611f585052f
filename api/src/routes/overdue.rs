//! Sync tasks that have not done what their schedule promises.

use axum::Json;
use longshore_shared::store::overdue;

use crate::access::{Caller, Syncs};
use crate::error::ApiError;
use crate::view::OverdueTasks;

/// Tasks that are named at most.
const MOST: i64 = 200;

/// Lists tasks that are overdue, those that have waited longest first, at most 200. A task is overdue when
/// a due time of its schedule lies an hour back, no run that was made since has succeeded, and none is
/// under way.
#[utoipa::path(get, path = "/v1/sync-tasks/overdue", operation_id = "list_overdue_sync_tasks", tag = "sync-tasks",
    responses((status = 200, description = "the tasks, and how many there are", body = OverdueTasks)))]
pub(crate) async fn list(caller: Caller<Syncs>) -> Result<Json<OverdueTasks>, ApiError> {
    let mut tx = caller.read_only().await?;
    let found = overdue::find(tx.conn(), Some(caller.org_id()), MOST).await?;
    tx.commit().await?;
    Ok(Json(found.into()))
}
