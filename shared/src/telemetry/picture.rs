//! What one process measures for the whole fleet while it leads.
//!
//! Invariants: a picture is shown whole, in the place of the one before, and only while its painter
//! leads: the moment that it leads no longer, none of it stands. So of two schedulers one shows it.

use std::sync::{Mutex, PoisonError};

use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusRecorder};

use super::label::Labels;
use super::table::{Metric, Place};

/// Gauges of one look at the fleet.
pub struct Picture(PrometheusRecorder);

struct Shown {
    text: String,
    leads: Box<dyn Fn() -> bool + Send>,
}

static SHOWN: Mutex<Option<Shown>> = Mutex::new(None);

impl Picture {
    /// An empty one.
    #[expect(clippy::new_without_default, reason = "one is painted, not defaulted to")]
    pub fn new() -> Self {
        Self(PrometheusBuilder::new().build_recorder())
    }

    /// Sets one of the leader's gauges.
    pub fn set(&self, metric: Metric, value: f64, labels: Labels<'_>) {
        debug_assert!(metric.place() == Place::Leader, "{} is not the leader's", metric.name());
        metrics::with_local_recorder(&self.0, || {
            metric.describe();
            metric.put(value, labels);
        });
    }

    /// Shows it in the place of the one before, for as long as `leads` says so.
    pub fn show_while(self, leads: impl Fn() -> bool + Send + 'static) {
        let shown = Shown { text: self.0.handle().render(), leads: Box::new(leads) };
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(shown);
    }
}

/// What is shown now.
pub(super) fn picture_text() -> String {
    let mut shown = SHOWN.lock().unwrap_or_else(PoisonError::into_inner);
    // Who leads again later paints anew.
    if shown.as_ref().is_some_and(|shown| !(shown.leads)()) {
        *shown = None;
    }
    shown.as_ref().map(|shown| shown.text.clone()).unwrap_or_default()
}
