//! A sync task as it is shown, with its next runs.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use longshore_shared::domain::schedule::{Draft, Every, On, Schedule};
use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Overlap, Selection, TargetBusy, TargetTriggers,
};
use longshore_shared::store::sync_tasks::SyncTask;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{ScheduleDay, Word, words};

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
    /// Conditions on the rows of tables, by their names.
    #[serde(rename = "where")]
    conditions: BTreeMap<String, String>,
    /// The time zone of the conditions' dates and times, and of `NOW()` there.
    where_time_zone: String,
    #[schema(schema_with = words::<ConflictPolicy>)]
    policy: Word<ConflictPolicy>,
    delete_extra: bool,
    /// How many hundredths of a table's rows a run may delete without `confirm_deletes`.
    max_delete_percent: i32,
    #[schema(schema_with = words::<Keyless>)]
    keyless: Word<Keyless>,
    #[schema(schema_with = words::<TargetTriggers>)]
    target_triggers: Word<TargetTriggers>,
    #[schema(schema_with = words::<OnMismatch>)]
    on_mismatch: Word<OnMismatch>,
    #[schema(schema_with = words::<TargetBusy>)]
    target_busy: Word<TargetBusy>,
    #[schema(required = true)]
    schedule: Option<ScheduleView>,
    enabled: bool,
    /// Only of a task whose schedule writes to a protected target: whether that is confirmed as
    /// the target stands now. False: its runs fail with `confirmation_void` until it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    target_confirmed: Option<bool>,
    /// What happens to a run while another one goes on.
    #[schema(schema_with = words::<Overlap>)]
    overlap: Word<Overlap>,
    /// How late a due time may still fire.
    catch_up_seconds: i32,
    /// Grows with each edit; the `ETag`.
    version: i32,
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

/// When a task runs by itself: `cron`, or `every` with what that needs.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Schedule)]
struct ScheduleView {
    #[serde(skip_serializing_if = "Option::is_none")]
    cron: Option<String>,
    #[schema(schema_with = words::<Every>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    every: Option<Word<Every>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    hours: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on: Option<Vec<ScheduleDay>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    at: Option<String>,
    #[schema(required = true, value_type = String)]
    time_zone: Option<String>,
}

impl From<Draft> for ScheduleView {
    fn from(draft: Draft) -> Self {
        let day = |on| match on {
            On::Date(date) => ScheduleDay::Date(date),
            On::Word(word) => ScheduleDay::Word(word),
        };
        Self {
            cron: draft.cron,
            every: draft.every.map(Word),
            hours: draft.hours,
            from: draft.from,
            on: draft.on.map(|on| on.into_iter().map(day).collect()),
            at: draft.at,
            time_zone: draft.time_zone,
        }
    }
}

impl SyncTaskView {
    /// The task as of `now`; `target_confirmed` where its schedule needs that.
    pub(crate) fn of(task: SyncTask, target_confirmed: Option<bool>, now: DateTime<Utc>) -> Self {
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
            conditions: task.spec.filters.into_iter().map(|(table, filter)| (table, filter.into())).collect(),
            where_time_zone: task.spec.filter_zone.to_string(),
            policy: Word(task.spec.policy),
            delete_extra: task.spec.delete_extra,
            max_delete_percent: task.spec.max_delete_percent,
            keyless: Word(task.spec.keyless),
            target_triggers: Word(task.spec.target_triggers),
            on_mismatch: Word(task.spec.on_mismatch),
            target_busy: Word(task.spec.target_busy),
            schedule: task.schedule.map(|schedule| schedule.draft().into()),
            enabled: task.enabled,
            target_confirmed,
            overlap: Word(task.overlap),
            catch_up_seconds: task.catch_up_seconds,
            version: task.version,
            next_runs,
            created_at: task.created_at,
        }
    }
}
