//! What is answered: the API's vocabulary, made from domain values and never reused on
//! the bus or in the store. Pure: rows and samples come as arguments, and so does the time.

mod backup;
mod backup_selection;
mod connection;
mod dead_letter;
mod examination;
mod job;
mod job_spec;
mod limits;
mod number;
mod overdue;
mod phases;
mod progress;
mod schedule_event;
mod snapshot;
mod sync_spec;
mod sync_task;
mod table;
mod webhook;

pub(crate) use backup::BackupView;
pub(crate) use connection::{ConnectionView, TestedConnectionView};
pub(crate) use dead_letter::{DeadLetterView, ReplaysView};
pub(crate) use examination::TestView;
pub(crate) use job::{JobSummary, JobView, LogLine, MOST_TABLES};
pub(crate) use limits::LimitsView;
pub(crate) use overdue::OverdueTasks;
pub(crate) use progress::{Live, ProgressEvent};
pub(crate) use schedule_event::ScheduleEventView;
pub(crate) use snapshot::{JobSnapshot, WaitView};
pub(crate) use sync_task::SyncTaskView;
pub(crate) use table::TableView;
pub(crate) use webhook::{DeliveryView, MadeWebhook, WebhookView};

use serde::Serialize;
use utoipa::ToSchema;

/// A page of a list.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct List<T> {
    /// The page's items.
    pub(crate) items: Vec<T>,
    /// Where the next page begins; null on the last one.
    #[schema(required = true)]
    pub(crate) next_cursor: Option<String>,
}
