//! Recording and showing of what the table of metrics names.
//!
//! Invariants: each observation has exactly the labels of its metric; counters, and gauges of the process
//! itself, stand at zero from the start for every value of their labels, so that an increase has a
//! beginning; a process shows what it measures and nothing else. Not here: what the fleet's leader alone
//! measures ([`super::Picture`]).

use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::Instant;

use metrics::Label as Pair;
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use metrics_process::Collector;

use super::TelemetryError;
use super::label::{Label, Labels, Program};
use super::picture::picture_text;
use super::table::Kind::{Counter, Gauge, Histogram};
use super::table::{Metric, Place};

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

    /// Sets a gauge of the process itself.
    pub fn set(self, value: f64, labels: Labels<'_>) {
        debug_assert!(self.place() != Place::Leader, "{} stands in a picture only", self.name());
        self.put(value, labels);
    }

    /// Sets a gauge, wherever it stands.
    pub(super) fn put(self, value: f64, labels: Labels<'_>) {
        debug_assert_eq!(self.kind(), Gauge, "{}", self.name());
        metrics::gauge!(self.name(), self.checked(labels)).set(value);
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

    fn checked(self, labels: Labels<'_>) -> Vec<Pair> {
        debug_assert!(self.takes(labels), "{}: {labels:?}", self.name());
        labels.iter().map(|(key, value)| Pair::new(*key, (*value).to_owned())).collect()
    }

    fn takes(self, labels: Labels<'_>) -> bool {
        let own = self.labels();
        let fits = |((key, value), label): (&(&str, &str), &Label)| {
            *key == label.key && label.values().is_none_or(|words| words.contains(value))
        };
        labels.len() == own.len() && labels.iter().zip(own).all(fits)
    }

    pub(super) fn describe(self) {
        match self.kind() {
            Counter => metrics::describe_counter!(self.name(), self.unit(), self.help()),
            Gauge => metrics::describe_gauge!(self.name(), self.unit(), self.help()),
            Histogram(_) => metrics::describe_histogram!(self.name(), self.unit(), self.help()),
        }
    }

    /// Stands at zero from now on, for every value of its labels, if these are listed.
    fn begin(self) {
        let mut sets: Vec<Vec<(&'static str, &'static str)>> = vec![Vec::new()];
        for label in self.labels() {
            let Some(words) = label.values() else { return };
            let with = |set: &Vec<_>, word| set.iter().copied().chain([(label.key, word)]).collect();
            sets = sets.iter().flat_map(|set| words.iter().map(move |word| with(set, *word))).collect();
        }
        for labels in &sets {
            match self.kind() {
                Counter => self.add(0, labels),
                Gauge => self.put(0.0, labels),
                // To be there is to be shown.
                Histogram(_) => drop(metrics::histogram!(self.name(), self.checked(labels))),
            }
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

    /// Records the seconds when it is dropped.
    pub fn guard(self) -> TimerGuard {
        TimerGuard(self)
    }
}

/// A measurement that is recorded when it is dropped, however that comes; of a histogram without labels.
#[derive(Debug)]
#[must_use]
pub struct TimerGuard(Timer);

impl Drop for TimerGuard {
    fn drop(&mut self) {
        self.0.metric.record(self.0.started.elapsed().as_secs_f64(), &[]);
    }
}

static HANDLE: OnceLock<PrometheusHandle> = OnceLock::new();

/// Begins to keep the metrics of this program; a second call does nothing.
///
/// [`super::serve_ops`] does the upkeep without which histograms grow for ever.
pub fn start_metrics(program: Program) -> Result<(), TelemetryError> {
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
    let own = |metric: &&Metric| metric.is_of(program) && metric.place() != Place::Leader;
    for metric in Metric::ALL.iter().filter(own) {
        metric.describe();
        metric.begin();
    }
    let release = [("program", program.as_str()), ("version", env!("CARGO_PKG_VERSION"))];
    Metric::BuildInfo.set(1.0, &release);
    let process = Collector::default();
    process.describe();
    before_scrapes(move || process.collect());
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
    HANDLE.get().map(PrometheusHandle::render).unwrap_or_default() + &picture_text()
}

pub(super) fn upkeep() {
    if let Some(handle) = HANDLE.get() {
        handle.run_upkeep();
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::super::{PROCESS, Picture, Program};
    use super::{Metric, Place, metrics_text, start_metrics};

    /// One test: a process has one recorder and one program.
    #[test]
    fn a_process_shows_what_it_measures_and_nothing_else() {
        start_metrics(Program::Scheduler).unwrap();
        start_metrics(Program::Scheduler).unwrap();
        Metric::Jobs.increment(&[("kind", "sync"), ("state", "completed")]);
        Metric::JobDuration.record(3.0, &[("kind", "sync")]);
        Metric::PublishConfirm.timer().stop(&[]);
        let text = metrics_text();
        for line in [
            "longshore_jobs_total{kind=\"sync\",state=\"completed\"} 1",
            "# TYPE longshore_jobs_total counter",
            "longshore_jobs_total{kind=\"probe\",state=\"failed\"} 0",
            "longshore_job_failures_total{kind=\"sync\",class=\"data_error\"} 0",
            "longshore_job_duration_seconds_bucket{kind=\"sync\",le=\"5\"} 1",
            "longshore_job_duration_seconds_bucket{kind=\"sync\",le=\"2.5\"} 0",
            "longshore_job_duration_seconds_count{kind=\"probe\"} 0",
            "longshore_publish_confirm_seconds_count 1",
            "longshore_bus_connected{link=\"consume\"} 0",
            "# HELP longshore_scheduler_leader Whether this scheduler leads (1) or stands by (0).",
            "longshore_scheduler_leader 0",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        for metric in Metric::ALL {
            let is_there = text.contains(&format!("# TYPE {} ", metric.name()));
            let is_listed = metric.labels().iter().all(|label| label.values().is_some());
            let expected = metric.is_of(Program::Scheduler) && metric.place() != Place::Leader;
            assert!(!is_there || expected, "{} is another program's", metric.name());
            assert!(is_there || !(expected && is_listed), "{} is not there from the start", metric.name());
        }
        for name in PROCESS {
            assert!(text.contains(&format!("\n{name} ")), "{name}");
        }
        for line in text.lines().filter(|line| line.starts_with("process_")) {
            assert!(PROCESS.iter().any(|name| line.starts_with(&format!("{name} "))), "{line}");
        }
        a_picture_stands_while_its_painter_leads();
    }

    fn a_picture_stands_while_its_painter_leads() {
        let name = Metric::WorkersLive.name();
        assert!(!metrics_text().contains(name));
        let leads = Arc::new(AtomicBool::new(true));
        let show = |workers: Option<f64>| {
            let picture = Picture::new();
            if let Some(workers) = workers {
                picture.set(Metric::WorkersLive, workers, &[]);
            }
            picture.set(Metric::StepsUnclaimed, 3.0, &[("queue", "bulk")]);
            let leads = Arc::clone(&leads);
            picture.show_while(move || leads.load(Ordering::SeqCst));
        };
        show(Some(2.0));
        let text = metrics_text();
        for line in [
            "# HELP longshore_workers_live Workers with a fresh heartbeat.",
            "# TYPE longshore_workers_live gauge",
            "longshore_workers_live 2",
            "longshore_steps_unclaimed{queue=\"bulk\"} 3",
        ] {
            assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
        }
        assert_eq!(text.matches("# TYPE longshore_scheduler_leader ").count(), 1, "{text}");
        // A later picture takes the place of the whole former one.
        show(None);
        assert!(!metrics_text().contains(name));
        assert!(metrics_text().contains("longshore_steps_unclaimed"));
        leads.store(false, Ordering::SeqCst);
        assert!(!metrics_text().contains("longshore_steps_unclaimed"));
    }
}
