//! What a process tells about itself: logs, metrics, health, and spans of the trace that a
//! message carries.
//!
//! Invariants: a metric's name, unit, place, help and labels stand in one enum ([`Metric`]); no
//! label holds an identifier of a customer (job, database, host); nothing that is logged
//! holds a secret, a panic's computed message included; no span tells more than [`Tag`] names.

mod label;
mod logs;
mod metrics;
mod ops;
mod picture;
mod spans;
mod table;
mod trace;

pub use label::{
    AttemptEnd, BusLink, DatabaseTrouble, Label, PoolState, Program, SessionState, StoreOperation,
    StoreResult, StoreWay, Swept, Taken, Told,
};
pub use logs::start_logs;
pub use metrics::{Timer, TimerGuard, before_scrapes, metrics_text, start_metrics};
pub use ops::{Check, health_router, serve_ops};
pub use picture::Picture;
pub use spans::{OpenSpan, Tag, Work, start_spans, stop_spans};
pub use table::{Kind, Metric, PROCESS, Place, render_metrics_table};
pub use trace::{TraceContext, TraceError};

/// What can go wrong when a process begins to tell about itself.
#[derive(Debug, thiserror::Error)]
pub enum TelemetryError {
    /// The filter's directives cannot be read.
    #[error("cannot read the log filter {filter:?}")]
    Filter {
        /// The directives.
        filter: String,
        /// What is wrong with them.
        source: tracing_subscriber::filter::ParseError,
    },
    /// Another recorder of metrics, or another subscriber, is in place.
    #[error("cannot install the {what}: another one is in place")]
    Installed {
        /// Logs or metrics.
        what: &'static str,
    },
    /// The buckets of a histogram are wrong.
    #[error("cannot set the buckets of {metric}")]
    Buckets {
        /// The histogram.
        metric: &'static str,
        /// What is wrong with them.
        source: metrics_exporter_prometheus::BuildError,
    },
    /// Spans cannot be sent.
    #[error("cannot begin to send spans: {reason}")]
    Spans {
        /// What is wrong.
        reason: String,
    },
    /// The ops listener failed.
    #[error("cannot serve health and metrics")]
    Serve(#[source] std::io::Error),
}
