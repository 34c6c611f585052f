//! A sync task as it is shown, with its next runs.

use chrono::{DateTime, Utc};
use longshore_shared::domain::schedule::Schedule;
use longshore_shared::domain::sync::{ConflictPolicy, Keyless, OnMismatch, Selection, TargetTriggers};
use longshore_shared::store::sync_tasks::SyncTask;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, words};

/// How many of the next runs are shown.
const NEXT: usize = 5;

/// A sync task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SyncTask)]
pub(crate) struct SyncTaskView {
    id: Uuid,
    name: String,
    source_id: Uuid,
    target_id: Uuid,
    mode: ModeView,
    /// Names or patterns of a selective sync; empty for a full one.
    tables: Vec<String>,
    /// Names or patterns that a selective sync leaves out.
    exclude: Vec<String>,
    #[schema(schema_with = words::<ConflictPolicy>)]
    policy: Word<ConflictPolicy>,
    delete_extra: bool,
    #[schema(schema_with = words::<Keyless>)]
    keyless: Word<Keyless>,
    #[schema(schema_with = words::<TargetTriggers>)]
    target_triggers: Word<TargetTriggers>,
    #[schema(schema_with = words::<OnMismatch>)]
    on_mismatch: Word<OnMismatch>,
    #[schema(required = true)]
    schedule: Option<ScheduleView>,
    enabled: bool,
    /// The next five times at which it runs by itself.
    next_runs: Vec<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// Which tables a task covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = Mode)]
enum ModeView {
    Full,
    Selective,
}

/// A five-field cron expression in a named time zone.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
struct ScheduleView {
    cron: String,
    time_zone: String,
}

impl SyncTaskView {
    /// The task as of `now`.
    pub(crate) fn of(task: SyncTask, now: DateTime<Utc>) -> Self {
        let next = |schedule: &Schedule| schedule.next_runs(now, NEXT);
        let next_runs = task.schedule.as_ref().filter(|_| task.enabled).map(next).unwrap_or_default();
        let (mode, tables, exclude) = match task.spec.selection {
            Selection::Full => (ModeView::Full, Vec::new(), Vec::new()),
            Selection::Selective { tables, exclude } => (ModeView::Selective, tables, exclude),
        };
        Self {
            id: task.id.0,
            name: task.name,
            source_id: task.source_id.0,
            target_id: task.target_id.0,
            mode,
            tables,
            exclude,
            policy: Word(task.spec.policy),
            delete_extra: task.spec.delete_extra,
            keyless: Word(task.spec.keyless),
            target_triggers: Word(task.spec.target_triggers),
            on_mismatch: Word(task.spec.on_mismatch),
            schedule: task.schedule.map(|schedule| ScheduleView {
                cron: schedule.cron().to_owned(),
                time_zone: schedule.time_zone().to_owned(),
            }),
            enabled: task.enabled,
            next_runs,
            created_at: task.created_at,
        }
    }
}
