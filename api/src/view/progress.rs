//! How far a job has come: what the store counts, and on top of it what running steps
//! report.
//!
//! A report counts only while the store, as of the same moment, says that its step runs
//! with that attempt; so nothing is counted twice when the step ends.

use std::collections::HashMap;

use longshore_shared::domain::id::StepId;
use longshore_shared::domain::job::{Job, JobState, WaitReason};
use longshore_shared::domain::step::{Counts, TableState};
use longshore_shared::store::job_tables::TableSum;
use longshore_shared::store::step_reports::StepUnderWay;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use super::number::{float, tenths};
use super::phases::Phases;
use super::snapshot::{JobSnapshot, WaitView};
use super::table::TableView;

/// What running steps of a job report just now.
#[derive(Clone, Debug, Default)]
pub(crate) struct Live {
    /// The newest report of each step: its attempt and counters.
    pub(crate) steps: HashMap<StepId, (i32, Counts)>,
    /// Rows and bytes a second over the last seconds; none before anything was seen.
    pub(crate) rate: Option<(f64, f64)>,
}

impl Live {
    /// What the running steps of each table did so far, by the table's number.
    pub(super) fn by_table(&self, running: &[StepUnderWay]) -> HashMap<i32, Counts> {
        let mut sums: HashMap<i32, Counts> = HashMap::new();
        for step in running.iter().filter(|step| step.kind.traits().counts_rows) {
            let report = self.steps.get(&step.id).filter(|(attempt, _)| *attempt == step.attempt);
            if let (Some((_, counts)), Some(number)) = (report, step.table_number) {
                *sums.entry(number).or_default() += *counts;
            }
        }
        sums
    }
}

impl Live {
    /// What the running steps that work on several tables did so far: of which it was is told at their ends.
    pub(super) fn together(&self, running: &[StepUnderWay]) -> Counts {
        let mut sum = Counts::default();
        for step in
            running.iter().filter(|step| step.kind.traits().counts_rows && step.table_number.is_none())
        {
            let report = self.steps.get(&step.id).filter(|(attempt, _)| *attempt == step.attempt);
            sum += report.map_or_else(Counts::default, |(_, counts)| *counts);
        }
        sum
    }
}

/// What the tables of a job come to.
#[derive(Debug, Default)]
pub(super) struct Sums {
    rows: Part,
    bytes: Part,
    completed: usize,
    tables: usize,
}

#[derive(Debug, Default)]
struct Part {
    done: i64,
    total: i64,
}

impl Sums {
    /// Of tables that are not shown, and of what running steps report that belongs to no single one.
    pub(super) fn of(rest: &[TableSum], live: Counts, job: JobState) -> Self {
        let mut sums = Self::default();
        (sums.rows.done, sums.bytes.done) = (live.rows, live.bytes);
        for sum in rest {
            let tables = usize::try_from(sum.tables).unwrap_or(0);
            sums.rows.done += sum.counts.rows;
            sums.rows.total += sum.rows_total;
            sums.bytes.done += sum.counts.bytes;
            sums.bytes.total += sum.bytes_total;
            sums.tables += tables;
            sums.completed += if sum.standing.state(job) == TableState::Completed { tables } else { 0 };
        }
        sums
    }

    /// Adds a table.
    pub(super) fn add(&mut self, table: &TableView) {
        self.rows.done += table.rows_done;
        self.rows.total += table.rows_total;
        self.bytes.done += table.bytes_done;
        self.bytes.total += table.bytes_total;
        self.tables += 1;
        self.completed += usize::from(table.state.0 == TableState::Completed);
    }

    /// How many tables.
    pub(super) fn tables(&self) -> usize {
        self.tables
    }
}

/// A job's progress in all.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = Progress)]
pub(crate) struct ProgressView {
    rows_done: i64,
    /// An estimate until all is read.
    rows_total: i64,
    bytes_done: i64,
    /// An estimate until all is read.
    bytes_total: i64,
    /// Tables with which nothing is to be done any more.
    tables_done: usize,
    /// Tables whose rows are all there.
    tables_loaded: usize,
    /// Tables that have their rows and their indexes.
    tables_indexed: usize,
    /// Tables whose verification has ended.
    tables_verified: usize,
    tables_total: usize,
    /// Over the last seconds; of an ended job over its whole time. Null before there is a rate.
    #[schema(required = true)]
    rows_per_second: Option<f64>,
    #[schema(required = true)]
    bytes_per_second: Option<f64>,
    /// How long the rest takes, indexes, keys and verification included: an estimate from how quickly
    /// rows move. Null where nobody knows.
    #[schema(required = true)]
    seconds_left: Option<f64>,
    /// What workers have in hand, in a few words.
    phase: String,
}

impl ProgressView {
    /// Sums the tables up.
    pub(super) fn of(
        job: &Job,
        sums: Sums,
        phases: &Phases,
        phase: String,
        rate: Option<(f64, f64)>,
    ) -> Self {
        let Sums { rows, bytes, completed, tables } = sums;
        let (rows_done, rows_total) = (rows.done, rows.total.max(rows.done));
        let (bytes_done, bytes_total) = (bytes.done, bytes.total.max(bytes.done));
        let rate = match job.state {
            JobState::Pending => None,
            JobState::Running => rate,
            _ => average(job, rows_done, bytes_done),
        };
        let seconds_left = (job.state == JobState::Running)
            .then(|| phases.seconds_left(rows_done, rows_total, rate.map(|(rows, _)| rows)))
            .flatten();
        Self {
            rows_done,
            rows_total,
            bytes_done,
            bytes_total,
            tables_done: completed,
            tables_loaded: phases.loaded,
            tables_indexed: phases.indexed,
            tables_verified: phases.verified,
            tables_total: tables,
            rows_per_second: rate.map(|(rows, _)| tenths(rows)),
            bytes_per_second: rate.map(|(_, bytes)| tenths(bytes)),
            seconds_left: seconds_left.map(tenths),
            phase,
        }
    }
}

/// The event `progress` of a job's stream.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
pub(crate) struct ProgressEvent {
    /// The job.
    pub(super) id: Uuid,
    #[serde(flatten)]
    pub(super) progress: ProgressView,
    /// The tables that are worked on.
    pub(super) tables: Vec<TableProgressView>,
}

/// How far a table has come.
#[derive(Clone, Debug, PartialEq, Serialize, ToSchema)]
#[schema(as = TableProgress)]
pub(crate) struct TableProgressView {
    name: String,
    rows_done: i64,
    rows_total: i64,
    bytes_done: i64,
    #[schema(required = true)]
    seconds_left: Option<f64>,
}

impl From<&TableView> for TableProgressView {
    fn from(t: &TableView) -> Self {
        Self {
            name: t.name.clone(),
            rows_done: t.rows_done,
            rows_total: t.rows_total,
            bytes_done: t.bytes_done,
            seconds_left: t.seconds_left,
        }
    }
}

/// Rows and bytes a second over the whole time of an ended job.
fn average(job: &Job, rows: i64, bytes: i64) -> Option<(f64, f64)> {
    let took = (job.ended_at? - job.started_at?).as_seconds_f64();
    (took > 0.0).then(|| (float(rows) / took, float(bytes) / took))
}

/// What is done just now: the work that workers have in hand, and not what might be in hand.
pub(super) fn phase(snapshot: &JobSnapshot) -> String {
    let job = &snapshot.job;
    if job.state.is_final() {
        return job.state.to_string();
    }
    if let Some(ending) = job.ending {
        return format!("stopping ({ending})");
    }
    if let Some(wait) = WaitView::of(job).or(snapshot.waiting_for) {
        return match wait.reason.0 {
            WaitReason::RunInProgress => "waiting for the run before it".to_owned(),
            WaitReason::TargetBusy => "waiting for the target".to_owned(),
        };
    }
    let mut in_hand: Vec<&str> = Vec::new();
    for step in &snapshot.running {
        if !in_hand.contains(&step.stage.as_str()) {
            in_hand.push(&step.stage);
        }
    }
    match (job.state, in_hand.as_slice()) {
        (JobState::Pending, _) => "waiting for a worker".to_owned(),
        (_, []) => snapshot.phases.first().map_or("going on".to_owned(), |next| format!("next: {next}")),
        (_, [one]) => (*one).to_owned(),
        (_, [first, second]) => format!("{first}, {second}"),
        (_, [first, second, more @ ..]) => format!("{first}, {second} and {} more", more.len()),
    }
}
