//! Tasks that have not done what their schedule promises.

use chrono::{DateTime, Utc};
use longshore_shared::store::overdue::{Overdue, OverdueTask};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// What is overdue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OverdueTasks {
    /// How many tasks are overdue.
    total: i64,
    /// Those that have waited longest.
    items: Vec<OverdueTaskView>,
}

/// A task that is overdue.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OverdueTask)]
pub(crate) struct OverdueTaskView {
    /// The task.
    id: Uuid,
    name: String,
    /// The first due time that waits for a success.
    overdue_since: DateTime<Utc>,
    /// When the newest success ended; nothing, if there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    last_success_at: Option<DateTime<Utc>>,
}

impl From<Overdue> for OverdueTasks {
    fn from(found: Overdue) -> Self {
        Self { total: found.total, items: found.tasks.into_iter().map(OverdueTaskView::from).collect() }
    }
}

impl From<OverdueTask> for OverdueTaskView {
    fn from(task: OverdueTask) -> Self {
        let OverdueTask { id, name, since, last_success_at } = task;
        Self { id: id.0, name, overdue_since: since, last_success_at }
    }
}
