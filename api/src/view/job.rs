//! A job as it is shown: short in lists, whole with its tables by itself.

use chrono::{DateTime, Utc};
use longshore_shared::domain::job::{Ending, Job, JobKind, JobState, Trigger};
use longshore_shared::domain::step::{Counts, TableState};
use longshore_shared::store::job_log::Line;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::job_spec::{ActorView, JobSpecView};
use super::phases::Phases;
use super::progress::{Live, ProgressEvent, ProgressView, Sums, phase};
use super::snapshot::{JobSnapshot, WaitView};
use super::table::{CountsView, FailureView, TableView};
use crate::word::{Word, words};

/// As many of a job's tables are shown with it.
pub(crate) const MOST_TABLES: i64 = 500;

/// A job in a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct JobSummary {
    id: Uuid,
    #[schema(schema_with = words::<JobKind>)]
    kind: Word<JobKind>,
    #[schema(schema_with = words::<JobState>)]
    state: Word<JobState>,
    /// What it works on, as a person called it then.
    name: String,
    #[schema(required = true)]
    task_id: Option<Uuid>,
    #[schema(required = true)]
    source_id: Option<Uuid>,
    /// What the source was called then.
    #[schema(required = true)]
    source_name: Option<String>,
    #[schema(required = true)]
    target_id: Option<Uuid>,
    /// What the target was called then.
    #[schema(required = true)]
    target_name: Option<String>,
    /// Who asked for it.
    requested_by: ActorView,
    /// Whether somebody asked for it, or a schedule.
    #[schema(schema_with = words::<Trigger>)]
    trigger: Word<Trigger>,
    /// The schedule's due time, if a schedule asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    due_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
    #[schema(required = true)]
    started_at: Option<DateTime<Utc>>,
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
    /// From its start to its end.
    #[schema(required = true)]
    seconds: Option<f64>,
    /// How it is going to end, while its last steps still stop.
    #[schema(schema_with = words::<Ending>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    ending: Option<Word<Ending>>,
    /// What it waits for before it goes on.
    #[serde(skip_serializing_if = "Option::is_none")]
    waiting_for: Option<WaitView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    failure: Option<FailureView>,
    /// What the plan found worth telling.
    warnings: Vec<String>,
    /// What was done to rows in all.
    counts: CountsView,
}

/// A job with its tables.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = Job)]
pub(crate) struct JobView {
    #[serde(flatten)]
    summary: JobSummary,
    /// What it was asked to do, as of then.
    spec: JobSpecView,
    progress: ProgressView,
    /// At most 500: of more those that failed or are in hand come first, and `/tables` has all.
    tables: Vec<TableView>,
    /// How many tables it has besides.
    more_tables: usize,
    /// How many chunks each worker did.
    workers: Vec<WorkerView>,
}

/// A worker's part in a job.
#[derive(Clone, Debug, Serialize, ToSchema)]
#[schema(as = JobWorker)]
struct WorkerView {
    name: String,
    chunks: i64,
}

/// A line of a job's log.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub(crate) struct LogLine {
    at: DateTime<Utc>,
    /// `info`, `warn` or `error`.
    level: String,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    step_id: Option<Uuid>,
    #[serde(skip_serializing_if = "Option::is_none")]
    worker: Option<String>,
}

impl JobSummary {
    /// The job, what its ended steps did, and what it waits for.
    pub(crate) fn of(job: Job, counts: Counts, waiting_for: Option<WaitView>) -> Self {
        let took = job.started_at.zip(job.ended_at).map(|(from, to)| (to - from).as_seconds_f64());
        Self {
            waiting_for: WaitView::of(&job).or(waiting_for.filter(|_| !job.state.is_final())),
            id: job.id.0,
            kind: Word(job.spec.kind()),
            state: Word(job.state),
            task_id: job.task_id().map(|id| id.0),
            trigger: Word(job.trigger()),
            name: job.name,
            source_id: job.source_id.map(|id| id.0),
            source_name: job.source_name,
            target_id: job.target_id.map(|id| id.0),
            target_name: job.target_name,
            requested_by: job.requested_by.into(),
            due_at: job.due_at,
            created_at: job.created_at,
            started_at: job.started_at,
            ended_at: job.ended_at,
            seconds: took,
            ending: job.ending.filter(|_| !job.state.is_final()).map(Word),
            failure: job.failure.map(Into::into),
            warnings: job.warnings,
            counts: counts.into(),
        }
    }
}

impl JobView {
    /// A job that was accepted just now.
    pub(crate) fn submitted(job: Job) -> Self {
        let snapshot = JobSnapshot {
            job,
            tables: Vec::new(),
            rest: Vec::new(),
            running: Vec::new(),
            kinds: Vec::new(),
            phases: Vec::new(),
            workers: Vec::new(),
            waiting_for: None,
        };
        Self::of(snapshot, &Live::default())
    }

    /// The job, with what running steps report on top.
    pub(crate) fn of(snapshot: JobSnapshot, live: &Live) -> Self {
        let reports = live.by_table(&snapshot.running);
        let phase = phase(&snapshot);
        let phases = Phases::of(&snapshot.tables, &snapshot.rest, &snapshot.kinds, &snapshot.running);
        let mut counts = live.together(&snapshot.running);
        let mut sums = Sums::of(&snapshot.rest, counts, snapshot.job.state);
        let mut tables = Vec::with_capacity(snapshot.tables.len());
        for table in snapshot.tables {
            let report = reports.get(&table.number).copied().unwrap_or_default();
            counts += table.counts;
            counts += report;
            let table = TableView::of(table, report, snapshot.job.state);
            sums.add(&table);
            tables.push(table);
        }
        snapshot.rest.iter().for_each(|sum| counts += sum.counts);
        let all = sums.tables();
        let progress = ProgressView::of(&snapshot.job, sums, &phases, phase, live.rate);
        let tables = shown(tables);
        let workers =
            snapshot.workers.into_iter().map(|(name, chunks)| WorkerView { name, chunks }).collect();
        Self {
            spec: snapshot.job.spec.clone().into(),
            summary: JobSummary::of(snapshot.job, counts, snapshot.waiting_for),
            progress,
            more_tables: all - tables.len(),
            tables,
            workers,
        }
    }

    /// Whether nothing of it will change any more.
    pub(crate) fn is_final(&self) -> bool {
        self.summary.state.0.is_final()
    }

    /// What a watcher wants to be told whole when it changes: where the job and each of
    /// its tables stand; of very many those that fail.
    pub(crate) fn milestone(&self) -> (JobState, bool, Option<WaitView>, Vec<TableState>) {
        let fails = |state: &TableState| matches!(state, TableState::Failed | TableState::Partial);
        let states = self.tables.iter().map(|table| table.state.0);
        let tables = states.filter(|state| self.more_tables == 0 || fails(state)).collect();
        (self.summary.state.0, self.summary.ending.is_some(), self.summary.waiting_for, tables)
    }

    /// The progress alone.
    pub(crate) fn progress(&self) -> ProgressEvent {
        let running = self.tables.iter().filter(|table| table.state.0 == TableState::Running);
        ProgressEvent {
            id: self.summary.id,
            progress: self.progress.clone(),
            tables: running.map(Into::into).collect(),
        }
    }
}

/// The tables that are shown with a job, in their order: all, or of too many those first that a person looks for.
fn shown(mut tables: Vec<TableView>) -> Vec<TableView> {
    let most = usize::try_from(MOST_TABLES).unwrap_or(usize::MAX);
    if tables.len() > most {
        let is_common =
            |table: &TableView| matches!(table.state.0, TableState::Completed | TableState::Pending);
        let mut common = most.saturating_sub(tables.iter().filter(|table| !is_common(table)).count());
        tables.retain(|table| {
            let keeps = !is_common(table) || common > 0;
            common = common.saturating_sub(usize::from(is_common(table)));
            keeps
        });
        tables.truncate(most);
    }
    tables
}

impl From<Line> for LogLine {
    fn from(line: Line) -> Self {
        Self {
            at: line.at,
            level: line.level,
            message: line.message,
            step_id: line.step_id,
            worker: line.worker,
        }
    }
}

#[cfg(test)]
mod tests;
