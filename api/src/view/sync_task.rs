//! A sync task as it is shown, with its next runs.

use chrono::{DateTime, Utc};
use longshore_shared::domain::job::JobState;
use longshore_shared::domain::schedule::{Draft, Every, On, Overlap, Schedule};
use longshore_shared::store::jobs::recent::LastRuns;
use longshore_shared::store::sync_tasks::SyncTask;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::sync_spec::SyncSpecView;
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
    #[serde(flatten)]
    spec: SyncSpecView,
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
    /// The newest run that did not wait for another one; null: it never ran.
    #[schema(required = true)]
    last_run: Option<LastRunView>,
    /// The newest run that completed.
    #[schema(required = true)]
    last_success: Option<LastSuccessView>,
    created_at: DateTime<Utc>,
}

/// The newest run of a task.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LastRun)]
struct LastRunView {
    job_id: Uuid,
    /// When it was accepted.
    at: DateTime<Utc>,
    /// Where it stands: a final state is its result.
    #[schema(schema_with = words::<JobState>)]
    state: Word<JobState>,
}

/// The newest run of a task that completed.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LastSuccess)]
struct LastSuccessView {
    job_id: Uuid,
    /// When it completed.
    at: DateTime<Utc>,
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
    /// The task as of `now`; `target_confirmed` where its schedule needs that, `runs` if it ever ran.
    pub(crate) fn of(
        task: SyncTask,
        target_confirmed: Option<bool>,
        runs: Option<LastRuns>,
        now: DateTime<Utc>,
    ) -> Self {
        let last_run = runs.map(|runs| LastRunView {
            job_id: runs.run.id.0,
            at: runs.run.at,
            state: Word(runs.run.state),
        });
        let last_success = runs.and_then(|runs| runs.success);
        let timing = task.timing;
        let next = |schedule: &Schedule| schedule.next_runs(now, NEXT);
        let next_runs = timing.firing().map(next).unwrap_or_default();
        Self {
            id: task.id.0,
            name: task.name,
            source_id: task.source_id.0,
            target_id: task.target_id.0,
            spec: task.spec.into(),
            schedule: timing.schedule.map(|schedule| schedule.draft().into()),
            enabled: timing.enabled,
            target_confirmed,
            overlap: Word(timing.overlap),
            catch_up_seconds: timing.catch_up_seconds,
            version: task.version,
            next_runs,
            last_run,
            last_success: last_success.map(|(job, at)| LastSuccessView { job_id: job.0, at }),
            created_at: task.created_at,
        }
    }
}
