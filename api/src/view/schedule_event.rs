//! What came of a task's due times.

use chrono::{DateTime, Utc};
use longshore_shared::domain::schedule::DueResult;
use longshore_shared::store::schedule_events::ScheduleEvent;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, words};

/// What came of a due time, or of many that were missed in a row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ScheduleEvent)]
pub(crate) struct ScheduleEventView {
    /// `fired`: a run began; `queued`: a run waits for the one before it; `skipped`: another
    /// run was in the way, or a later due time took its place; `missed`: nobody looked until
    /// it was too long ago, or a later one ran for it; `unreadable`: the stored task does
    /// not read.
    #[schema(schema_with = words::<DueResult>)]
    result: Word<DueResult>,
    /// The (first) due time.
    due_at: DateTime<Utc>,
    /// The last one, where there are several.
    last_due_at: DateTime<Utc>,
    /// How many due times; 1000 stands for so many or more.
    times: i32,
    /// The run that was made, or that was in the way.
    #[serde(skip_serializing_if = "Option::is_none")]
    job_id: Option<Uuid>,
    /// When this came of it.
    at: DateTime<Utc>,
}

impl From<ScheduleEvent> for ScheduleEventView {
    fn from(event: ScheduleEvent) -> Self {
        Self {
            result: Word(event.entry.result),
            due_at: event.entry.due_at,
            last_due_at: event.entry.last_due_at,
            times: event.entry.times,
            job_id: event.entry.job_id.map(|id| id.0),
            at: event.at,
        }
    }
}
