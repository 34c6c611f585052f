//! The table of metrics: each with its kind, its unit, where it is measured, its labels and its help.
//!
//! The text that is scraped keeps the names exactly as they stand here; `docs/operations.md` shows this
//! table, and a test holds the two together. Not here: `process_*`, which a crate measures ([`PROCESS`]).

use metrics::Unit;

use super::label::{
    Active, AttemptEnd, BusLink, DatabaseTrouble, Final, Label, PoolState, Program, SessionState,
    StoreOperation, StoreResult, StoreWay, Swept, Taken, Told, Unlisted,
};
use crate::domain::connection::ConnectionState;
use crate::domain::dead_letter::DeadClass;
use crate::domain::failure::FailureClass;
use crate::domain::job::JobKind;
use crate::domain::schedule::DueResult;
use crate::domain::step::{Queue, StepKind};

/// What a metric does over time.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Kind {
    /// It only grows.
    Counter,
    /// It stands at a value.
    Gauge,
    /// It counts observations by size; these are the buckets' upper bounds.
    Histogram(&'static [f64]),
}
use Kind::{Counter, Gauge, Histogram};

/// Where a metric is measured: it stands there and nowhere else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In every process.
    Everywhere,
    /// In one program's processes.
    In(Program),
    /// In the scheduler that leads, for as long as it does.
    Leader,
}
use Place::{Everywhere, In, Leader};

const API: Place = In(Program::Api);
const WORKER: Place = In(Program::Worker);
const SCHEDULER: Place = In(Program::Scheduler);

/// From a fast answer to the end of anybody's patience.
const ANSWER: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a small table to a night.
const WORK: &[f64] = &[0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];
/// From a free worker to a backlog.
const WAIT: &[f64] = &[0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];
/// From nothing to all of it, and what a shrinking window leaves beyond.
const SHARE: &[f64] = &[0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.5, 2.0];

/// What each process measures of itself, as Prometheus's own clients name it.
pub const PROCESS: &[&str] = &[
    "process_cpu_seconds_total",
    "process_max_fds",
    "process_open_fds",
    "process_resident_memory_bytes",
    "process_start_time_seconds",
    "process_threads",
    "process_virtual_memory_bytes",
    "process_virtual_memory_max_bytes",
];

macro_rules! metrics_table {
    ($($variant:ident = $name:literal, $kind:expr, $unit:ident, $place:expr,
       [$($label:ident: $words:ty),*], $help:literal;)+) => {
        /// A metric.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum Metric { $(#[doc = $help] $variant),+ }

        impl Metric {
            /// Every metric.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// Its name, as it is scraped.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name),+ }
            }

            /// What it does over time.
            pub const fn kind(self) -> Kind {
                match self { $(Self::$variant => $kind),+ }
            }

            /// Where it is measured.
            pub const fn place(self) -> Place {
                match self { $(Self::$variant => $place),+ }
            }

            /// The labels that it must be given.
            pub const fn labels(self) -> &'static [Label] {
                match self { $(Self::$variant => {
                    const LABELS: &[Label] = &[$(Label::of::<$words>(stringify!($label))),*];
                    LABELS
                }),+ }
            }

            /// What it tells, one sentence.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }

            pub(super) const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit),+ }
            }
        }
    };
}

metrics_table! {
    BuildInfo = "longshore_build_info", Gauge, Count, Everywhere, [program: Unlisted, version: Unlisted],
        "Always 1; its labels tell the program and its release.";
    Jobs = "longshore_jobs_total", Counter, Count, Everywhere, [kind: JobKind, state: Final],
        "Jobs that reached a final state.";
    JobFailures = "longshore_job_failures_total", Counter, Count, Everywhere, [kind: JobKind, class: FailureClass],
        "Jobs that ended as failed, by the class of the failure.";
    JobDuration = "longshore_job_duration_seconds", Histogram(WORK), Seconds, Everywhere, [kind: JobKind],
        "From the claim of a job's first step to its final state.";
    JobsActive = "longshore_jobs", Gauge, Count, Leader, [kind: JobKind, state: Active],
        "Jobs that have not ended.";
    OldestJob = "longshore_oldest_job_seconds", Gauge, Seconds, Leader, [kind: JobKind, state: Active],
        "For how long the oldest job has run, or has waited to begin; one that waits for a run of its own task is left out.";
    StepsSettled = "longshore_steps_total", Counter, Count, WORKER, [kind: StepKind, outcome: AttemptEnd],
        "Attempts at steps that ended.";
    StepRetries = "longshore_step_retries_total", Counter, Count, WORKER, [kind: StepKind, class: FailureClass],
        "Attempts that failed and are made again, by the class of the failure.";
    StepDuration = "longshore_step_duration_seconds", Histogram(WORK), Seconds, WORKER, [kind: StepKind],
        "From a step's claim to its end.";
    StepsRunning = "longshore_steps_running", Gauge, Count, WORKER, [],
        "Steps that this worker holds.";
    ClaimLatency = "longshore_claim_latency_seconds", Histogram(WAIT), Seconds, WORKER, [],
        "From a step's announcement to its claim.";
    StepsUnclaimed = "longshore_steps_unclaimed", Gauge, Count, Leader, [queue: Queue],
        "Steps that may be claimed and are not.";
    QueueAge = "longshore_queue_age_seconds", Gauge, Seconds, Leader, [queue: Queue],
        "For how long the oldest step of the queue has waited to be claimed.";
    WindowFill = "longshore_window_fill_ratio", Histogram(SHARE), Count, SCHEDULER, [],
        "The share of its window that a running job has out, of each job every few seconds.";
    WorkersLive = "longshore_workers_live", Gauge, Count, Leader, [],
        "Workers with a fresh heartbeat.";
    PermitsLive = "longshore_worker_permits", Gauge, Count, Leader, [],
        "Bulk steps that the live workers may hold at once.";
    LeasesLost = "longshore_lease_lost_total", Counter, Count, WORKER, [],
        "Steps that this worker stopped because their lease was gone.";
    LeasesExpired = "longshore_lease_expired_total", Counter, Count, SCHEDULER, [],
        "Leases that the scheduler took back from silent workers.";
    HoldersLost = "longshore_holders_lost_total", Counter, Count, SCHEDULER, [],
        "Holders of jobs that fell silent and were struck off.";
    JobsRestarted = "longshore_jobs_restarted_total", Counter, Count, SCHEDULER, [],
        "Jobs that started again from their enlisting, or failed, because all holders were lost.";
    RowsMoved = "longshore_rows_moved_total", Counter, Count, WORKER, [],
        "Rows written to targets.";
    BytesMoved = "longshore_bytes_moved_total", Counter, Bytes, WORKER, [],
        "Bytes read from sources.";
    CommitStall = "longshore_commit_stall_seconds", Histogram(ANSWER), Seconds, WORKER, [],
        "For how long commits stood still on a source while the views of a snapshot were opened.";
    SnapshotRounds = "longshore_snapshot_rounds_total", Counter, Count, WORKER, [],
        "Points of sources that were tried; more than one for each snapshot means that some proved nothing.";
    Sessions = "longshore_limited_sessions", Gauge, Count, Leader, [state: SessionState],
        "Sessions on databases with a `max_sessions`, taken and allowed, over all of them.";
    ConnectionsFull = "longshore_connections_full", Gauge, Count, Leader, [],
        "Connections whose `max_sessions` are all taken.";
    Connections = "longshore_connections", Gauge, Count, Leader, [state: ConnectionState],
        "Saved connections, by what their last test found.";
    TasksScheduled = "longshore_tasks_scheduled", Gauge, Count, Leader, [],
        "Sync tasks whose schedule fires.";
    TasksOverdue = "longshore_tasks_overdue", Gauge, Count, Leader, [],
        "Scheduled tasks that had no success since a due time of an hour ago or more, and have no run under way.";
    OverdueAge = "longshore_task_overdue_seconds", Gauge, Seconds, Leader, [],
        "How long ago the due time was that has waited longest for a success; 0: no task is overdue.";
    SchedulesFired = "longshore_schedules_fired_total", Counter, Count, SCHEDULER, [result: DueResult],
        "Due times of schedules: `fired`, `queued` or `skipped` for a run in progress, `missed` by too much.";
    ScheduleLag = "longshore_schedule_lag_seconds", Histogram(WAIT), Seconds, SCHEDULER, [],
        "From a due time to its firing.";
    ScheduleWait = "longshore_schedule_wait_seconds", Gauge, Seconds, Leader, [],
        "For how long the schedule that is due longest has waited to be fired.";
    StepsReannounced = "longshore_steps_reannounced_total", Counter, Count, SCHEDULER, [],
        "Steps that were announced again because nobody claimed them.";
    SchedulerLeader = "longshore_scheduler_leader", Gauge, Count, SCHEDULER, [],
        "Whether this scheduler leads (1) or stands by (0).";
    DutyRound = "longshore_duty_round_seconds", Histogram(ANSWER), Seconds, SCHEDULER, [duty: Unlisted],
        "How long a round of a scheduler's duty takes.";
    DutyFailures = "longshore_duty_failures_total", Counter, Count, SCHEDULER, [duty: Unlisted],
        "Rounds of a scheduler's duty that failed; each is tried again.";
    OutboxPublished = "longshore_outbox_published_total", Counter, Count, Everywhere, [],
        "Messages of the outbox that RabbitMQ confirmed.";
    OutboxBacklog = "longshore_outbox_backlog", Gauge, Count, Leader, [],
        "Messages of the outbox that are due and not confirmed.";
    OutboxAge = "longshore_outbox_age_seconds", Gauge, Seconds, Leader, [],
        "For how long the oldest of them has been due.";
    PublishConfirm = "longshore_publish_confirm_seconds", Histogram(ANSWER), Seconds, Everywhere, [],
        "From a message's publishing to RabbitMQ's confirmation.";
    MessagesReturned = "longshore_messages_returned_total", Counter, Count, Everywhere, [],
        "Messages that reached no queue: RabbitMQ returned them, and they are sent again.";
    BusReconnects = "longshore_bus_reconnects_total", Counter, Count, Everywhere, [],
        "Connections to RabbitMQ that were lost.";
    BusConnected = "longshore_bus_connected", Gauge, Count, Everywhere, [link: BusLink],
        "Whether the connection to RabbitMQ for `publish` or `consume` stands (1) or not (0).";
    BusBlocked = "longshore_bus_blocked", Gauge, Count, Everywhere, [],
        "Whether RabbitMQ refuses to take messages, out of memory or disk (1), or not (0).";
    MessagesReceived = "longshore_messages_received_total", Counter, Count, WORKER, [queue: Queue, result: Taken],
        "Deliveries taken from a queue, by what was done with them.";
    DeadLetters = "longshore_dead_letters_total", Counter, Count, SCHEDULER, [class: DeadClass],
        "Messages that were put aside and are kept for an operator, by the class of the reason.";
    HttpRequests = "longshore_http_requests_total", Counter, Count, API, [route: Unlisted, method: Unlisted, status: Unlisted],
        "Requests answered.";
    HttpRequest = "longshore_http_request_seconds", Histogram(ANSWER), Seconds, API, [route: Unlisted],
        "From a request to the head of its answer.";
    WebhookDeliveries = "longshore_webhook_deliveries_total", Counter, Count, WORKER, [result: Told],
        "Tries to tell a webhook: `delivered`, `retried` later, or `given_up`.";
    WebhookTry = "longshore_webhook_try_seconds", Histogram(ANSWER), Seconds, WORKER, [],
        "How long a try to tell a webhook takes.";
    WebhookBacklog = "longshore_webhook_backlog", Gauge, Count, Leader, [],
        "Deliveries to webhooks that are due.";
    DatabaseConnections = "longshore_database_connections", Gauge, Count, Everywhere, [pool: Unlisted, state: PoolState],
        "Connections of a pool to Longshore's PostgreSQL.";
    DatabaseWait = "longshore_database_wait_seconds", Histogram(ANSWER), Seconds, Everywhere, [],
        "How long a call waits for a connection of its pool to Longshore's PostgreSQL.";
    DatabaseErrors = "longshore_database_errors_total", Counter, Count, Everywhere, [trouble: DatabaseTrouble],
        "Calls to Longshore's PostgreSQL that failed; a unique key that is taken is none.";
    S3Requests = "longshore_s3_requests_total", Counter, Count, Everywhere, [operation: StoreOperation, result: StoreResult],
        "Requests to the store of packages and backups that ended, tries again included.";
    S3RequestDuration = "longshore_s3_request_duration_seconds", Histogram(ANSWER), Seconds, Everywhere, [operation: StoreOperation],
        "From a request to the store to the head of its answer, tries again included.";
    StoreSwept = "longshore_store_swept_total", Counter, Count, SCHEDULER, [what: Swept],
        "Objects and uploads that were removed from the store because nobody needs them any more.";
    S3Bytes = "longshore_s3_bytes_total", Counter, Bytes, Everywhere, [direction: StoreWay],
        "Bytes of objects that went to the store, or came from it.";
}

impl Metric {
    /// Whether a process of this program may show it, a scheduler when it leads.
    pub fn is_of(self, program: Program) -> bool {
        match self.place() {
            Everywhere => true,
            In(own) => own == program,
            Leader => program == Program::Scheduler,
        }
    }
}

/// The table of the documents.
pub fn render_metrics_table() -> String {
    let mut lines = vec![
        "| metric | kind | stands on | labels | what it tells |".to_owned(),
        "|---|---|---|---|---|".to_owned(),
    ];
    lines.extend(Metric::ALL.iter().map(|metric| {
        let kind = match metric.kind() {
            Counter => "counter",
            Gauge => "gauge",
            Histogram(_) => "histogram",
        };
        let place = match metric.place() {
            Everywhere => "all",
            In(Program::Api) => "api",
            In(Program::Worker) => "worker",
            In(Program::Scheduler) => "scheduler",
            Leader => "leader",
        };
        let labels: Vec<_> = metric.labels().iter().map(|label| format!("`{}`", label.key)).collect();
        format!("| `{}` | {kind} | {place} | {} | {} |", metric.name(), labels.join(" "), metric.help())
    }));
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::{Counter, Histogram, Metric, Unit};

    #[test]
    fn names_are_as_prometheus_wants_them() {
        let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        for metric in Metric::ALL {
            let name = metric.name();
            assert!(name.starts_with("longshore_"), "{name}");
            assert_eq!(name.ends_with("_total"), metric.kind() == Counter, "{name}");
            let counted = ["_seconds", "_ratio", "_bytes"].iter().any(|unit| name.ends_with(unit));
            assert!(counted || !matches!(metric.kind(), Histogram(_)), "{name}");
            assert_eq!(name.ends_with("_seconds"), metric.unit() == Unit::Seconds, "{name}");
            assert!(metric.help().ends_with('.'), "{name}");
        }
    }
}
