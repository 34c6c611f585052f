//! Metrics: every name in one enum, with kind, unit, help and labels.
//!
//! The text that is scraped keeps the names exactly as they stand here.

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use metrics::{Label, Unit};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};

use super::TelemetryError;

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

/// From a fast answer to the end of anybody's patience.
const ANSWER: &[f64] = &[0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// From a small table to a night.
const WORK: &[f64] = &[0.05, 0.25, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 900.0, 3600.0, 14400.0];
/// From a free worker to a backlog.
const WAIT: &[f64] = &[0.005, 0.02, 0.1, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0];

/// From nothing to all of it, and what a shrinking window leaves beyond.
const SHARE: &[f64] = &[0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0, 1.5, 2.0];

macro_rules! metrics_table {
    ($($variant:ident = $name:literal, $kind:expr, $unit:ident, [$($label:literal),*], $help:literal;)+) => {
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

            /// The labels that it must be given.
            pub const fn labels(self) -> &'static [&'static str] {
                match self { $(Self::$variant => &[$($label),*]),+ }
            }

            /// What it tells, one sentence.
            pub const fn help(self) -> &'static str {
                match self { $(Self::$variant => $help),+ }
            }

            const fn unit(self) -> Unit {
                match self { $(Self::$variant => Unit::$unit),+ }
            }
        }
    };
}

metrics_table! {
    Jobs = "longshore_jobs_total", Counter, Count, ["kind", "state"],
        "Jobs that reached a final state.";
    StepsSettled = "longshore_steps_total", Counter, Count, ["kind", "outcome"],
        "Attempts at steps that ended.";
    JobsActive = "longshore_jobs", Gauge, Count, ["kind", "state"],
        "Jobs that have not ended, as the leading scheduler finds them.";
    StepRetries = "longshore_step_retries_total", Counter, Count, ["kind", "class"],
        "Attempts that failed and are made again, by the class of the failure.";
    StepDuration = "longshore_step_duration_seconds", Histogram(WORK), Seconds, ["kind"],
        "From a step's claim to its end.";
    StepsRunning = "longshore_steps_running", Gauge, Count, [],
        "Steps that this worker holds.";
    ClaimLatency = "longshore_claim_latency_seconds", Histogram(WAIT), Seconds, [],
        "From a step's announcement to its claim.";
    StepsUnclaimed = "longshore_steps_unclaimed", Gauge, Count, ["queue"],
        "Steps that may be claimed and are not, as the leading scheduler finds them.";
    QueueAge = "longshore_queue_age_seconds", Gauge, Seconds, ["queue"],
        "For how long the oldest step of the queue has waited to be claimed, as the leading scheduler finds it.";
    WindowFill = "longshore_window_fill_ratio", Histogram(SHARE), Count, [],
        "The share of its window that a running job has out, of each job every few seconds.";
    WorkersLive = "longshore_workers_live", Gauge, Count, [],
        "Workers with a fresh heartbeat, as the leading scheduler finds them.";
    PermitsLive = "longshore_worker_permits", Gauge, Count, [],
        "Bulk steps that the live workers may hold at once, as the leading scheduler finds them.";
    LeasesLost = "longshore_lease_lost_total", Counter, Count, [],
        "Steps that this worker stopped because their lease was gone.";
    LeasesExpired = "longshore_lease_expired_total", Counter, Count, [],
        "Leases that the scheduler took back from silent workers.";
    OutboxPublished = "longshore_outbox_published_total", Counter, Count, [],
        "Messages of the outbox that RabbitMQ confirmed.";
    OutboxBacklog = "longshore_outbox_backlog", Gauge, Count, [],
        "Messages of the outbox that are due and not confirmed, as the leading scheduler finds them.";
    OutboxAge = "longshore_outbox_age_seconds", Gauge, Seconds, [],
        "For how long the oldest of them has been due.";
    PublishConfirm = "longshore_publish_confirm_seconds", Histogram(ANSWER), Seconds, [],
        "From a message's publishing to RabbitMQ's confirmation.";
    MessagesReturned = "longshore_messages_returned_total", Counter, Count, [],
        "Messages that reached no queue: RabbitMQ returned them, and they are sent again.";
    BusReconnects = "longshore_bus_reconnects_total", Counter, Count, [],
        "Connections to RabbitMQ that were lost.";
    BusConnected = "longshore_bus_connected", Gauge, Count, ["link"],
        "Whether the connection to RabbitMQ for `publish` or `consume` stands (1) or not (0).";
    BusBlocked = "longshore_bus_blocked", Gauge, Count, [],
        "Whether RabbitMQ refuses to take messages, out of memory or disk (1), or not (0).";
    MessagesReceived = "longshore_messages_received_total", Counter, Count, ["queue", "result"],
        "Deliveries taken from a queue, by what was done with them.";
    HoldersLost = "longshore_holders_lost_total", Counter, Count, [],
        "Holders of jobs that fell silent and were struck off.";
    JobsRestarted = "longshore_jobs_restarted_total", Counter, Count, [],
        "Jobs that started again from their enlisting, or failed, because all holders were lost.";
    DeadLetters = "longshore_dead_letters_total", Counter, Count, ["class"],
        "Messages that were put aside and are kept for an operator, by the class of the reason.";
    RowsMoved = "longshore_rows_moved_total", Counter, Count, [],
        "Rows written to targets.";
    BytesMoved = "longshore_bytes_moved_total", Counter, Bytes, [],
        "Bytes read from sources.";
    HttpRequests = "longshore_http_requests_total", Counter, Count, ["route", "method", "status"],
        "Requests answered.";
    HttpRequest = "longshore_http_request_seconds", Histogram(ANSWER), Seconds, ["route"],
        "From a request to the head of its answer.";
    SchedulerLeader = "longshore_scheduler_leader", Gauge, Count, [],
        "Whether this scheduler leads (1) or stands by (0).";
    SchedulesFired = "longshore_schedules_fired_total", Counter, Count, ["result"],
        "Due times of schedules: `fired`, `queued` or `skipped` for a run in progress, `missed` by too much.";
    StepsReannounced = "longshore_steps_reannounced_total", Counter, Count, [],
        "Steps that were announced again because nobody claimed them.";
    WebhookDeliveries = "longshore_webhook_deliveries_total", Counter, Count, ["result"],
        "Tries to tell a webhook: `delivered`, `retried` later, or `given_up`.";
    WebhookTry = "longshore_webhook_try_seconds", Histogram(ANSWER), Seconds, [],
        "How long a try to tell a webhook takes.";
    WebhookBacklog = "longshore_webhook_backlog", Gauge, Count, [],
        "Deliveries to webhooks that are due, as the leading scheduler finds them.";
    DatabaseConnections = "longshore_database_connections", Gauge, Count, ["pool", "state"],
        "Connections of a pool to Longshore's PostgreSQL, `idle` or `used`.";
    S3Requests = "longshore_s3_requests_total", Counter, Count, ["operation", "result"],
        "Requests to the store of packages and backups that ended.";
    S3RequestDuration = "longshore_s3_request_duration_seconds", Histogram(ANSWER), Seconds, ["operation"],
        "From a request to the store to the head of its answer, tries again included.";
    S3Bytes = "longshore_s3_bytes_total", Counter, Count, ["direction"],
        "Bytes of objects that went to the store (up) and came from it (down).";
}

/// Labels of one observation: exactly the keys that [`Metric::labels`] names.
type Labels<'a> = &'a [(&'static str, &'a str)];

#[expect(clippy::disallowed_macros, reason = "the owner room opens its own gate")]
impl Metric {
    /// Counts one.
    pub fn increment(self, labels: Labels<'_>) {
        self.add(1, labels);
    }

    /// Counts `many`.
    pub fn add(self, many: u64, labels: Labels<'_>) {
        debug_assert_eq!(self.kind(), Counter, "{}", self.name());
        metrics::counter!(self.name(), self.checked(labels)).increment(many);
    }

    /// Sets a gauge.
    pub fn set(self, value: f64, labels: Labels<'_>) {
        debug_assert_eq!(self.kind(), Gauge, "{}", self.name());
        metrics::gauge!(self.name(), self.checked(labels)).set(value);
    }

    /// Moves a gauge by `change`, which may be negative.
    pub fn shift(self, change: f64, labels: Labels<'_>) {
        debug_assert_eq!(self.kind(), Gauge, "{}", self.name());
        metrics::gauge!(self.name(), self.checked(labels)).increment(change);
    }

    /// Takes an observation into a histogram.
    pub fn record(self, value: f64, labels: Labels<'_>) {
        debug_assert!(matches!(self.kind(), Histogram(_)), "{}", self.name());
        metrics::histogram!(self.name(), self.checked(labels)).record(value);
    }

    /// Starts measuring; [`Timer::stop`] records the seconds.
    pub fn timer(self) -> Timer {
        Timer { metric: self, started: Instant::now() }
    }

    fn checked(self, labels: Labels<'_>) -> Vec<Label> {
        debug_assert!(labels.iter().map(|(key, _)| key).eq(self.labels()), "{}: {labels:?}", self.name());
        labels.iter().map(|(key, value)| Label::new(*key, (*value).to_owned())).collect()
    }

    fn describe(self) {
        match self.kind() {
            Counter => metrics::describe_counter!(self.name(), self.unit(), self.help()),
            Gauge => metrics::describe_gauge!(self.name(), self.unit(), self.help()),
            Histogram(_) => metrics::describe_histogram!(self.name(), self.unit(), self.help()),
        }
    }

    /// A counter or gauge without labels is shown from the start, at zero, so that a rate has a beginning.
    fn begin(self) {
        match self.kind() {
            Counter if self.labels().is_empty() => self.add(0, &[]),
            Gauge if self.labels().is_empty() => self.shift(0.0, &[]),
            _ => {}
        }
    }
}

/// A running measurement of time.
#[derive(Debug)]
#[must_use]
pub struct Timer {
    metric: Metric,
    started: Instant,
}

impl Timer {
    /// Records the seconds since the start.
    pub fn stop(self, labels: Labels<'_>) {
        self.metric.record(self.started.elapsed().as_secs_f64(), labels);
    }
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep metrics; a second call does nothing, so that processes may share a test's process.
///
/// [`super::serve_ops`] does the upkeep without which histograms grow for ever.
pub fn start_metrics() -> Result<(), TelemetryError> {
    if HANDLE.get().is_some() {
        return Ok(());
    }
    let recorder = builder()?.build_recorder();
    let handle = recorder.handle();
    if metrics::set_global_recorder(recorder).is_err() {
        return match HANDLE.get() {
            Some(_) => Ok(()),
            None => Err(TelemetryError::Installed { what: "metrics recorder" }),
        };
    }
    HANDLE.get_or_init(|| handle);
    for metric in Metric::ALL {
        metric.describe();
        metric.begin();
    }
    Ok(())
}

fn builder() -> Result<PrometheusBuilder, TelemetryError> {
    Metric::ALL.iter().try_fold(PrometheusBuilder::new(), |builder, metric| {
        let Histogram(buckets) = metric.kind() else { return Ok(builder) };
        builder
            .set_buckets_for_metric(Matcher::Full(metric.name().to_owned()), buckets)
            .map_err(|source| TelemetryError::Buckets { metric: metric.name(), source })
    })
}

type Look = Box<dyn Fn() + Send + Sync>;

static LOOKS: Mutex<Vec<Look>> = Mutex::new(Vec::new());

/// Calls `look` before each scrape: it sets gauges of what is only looked at then.
pub fn before_scrapes(look: impl Fn() + Send + Sync + 'static) {
    LOOKS.lock().unwrap_or_else(PoisonError::into_inner).push(Box::new(look));
}

/// All metrics in Prometheus's text form; empty before [`start_metrics`].
pub fn metrics_text() -> String {
    LOOKS.lock().unwrap_or_else(PoisonError::into_inner).iter().for_each(|look| look());
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default()
}

pub(super) fn upkeep() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::collections::BTreeSet;

    use super::{Counter, Histogram, Metric, Unit, metrics_text, start_metrics};

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

    #[test]
    fn what_is_recorded_is_shown_under_its_exact_name() {
        start_metrics().unwrap();
        start_metrics().unwrap();
        Metric::StepsSettled.increment(&[("kind", "copy"), ("outcome", "done")]);
        Metric::StepDuration.record(3.0, &[("kind", "copy")]);
        Metric::PublishConfirm.timer().stop(&[]);
        Metric::BytesMoved.add(5, &[]);
        let text = metrics_text();
        for line in [
            "longshore_steps_total{kind=\"copy\",outcome=\"done\"} 1",
            "# TYPE longshore_steps_total counter",
            "longshore_step_duration_seconds_bucket{kind=\"copy\",le=\"5\"} 1",
            "longshore_step_duration_seconds_bucket{kind=\"copy\",le=\"2.5\"} 0",
            "longshore_publish_confirm_seconds_count 1",
            "longshore_bytes_moved_total 5",
            "# HELP longshore_scheduler_leader Whether this scheduler leads (1) or stands by (0).",
            "longshore_scheduler_leader 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
    }
}
