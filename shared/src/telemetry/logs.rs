//! Logs: lines on standard error, as text or JSON.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing_subscriber::EnvFilter;
use tracing_subscriber::util::SubscriberInitExt as _;

use super::TelemetryError;

/// Starts logging to standard error, and logs panics.
///
/// `filter` holds directives of an `EnvFilter`; `json` writes one object a line. Call it
/// in `main` only, once: it replaces the process's panic hook.
pub fn start_logs(filter: &str, json: bool) -> Result<(), TelemetryError> {
    let filter = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let installed = match json {
        true => lines.json().flatten_event(true).with_span_list(false).finish().try_init(),
        false => lines.with_ansi(std::io::stderr().is_terminal()).finish().try_init(),
    };
    installed.map_err(|_| TelemetryError::Installed { what: "log subscriber" })?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn log_panic(info: &PanicHookInfo<'_>) {
    let thread = std::thread::current();
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    let backtrace = Backtrace::capture();
    tracing::error!(
        panic.place = place,
        panic.thread = thread.name().unwrap_or("unnamed"),
        panic.backtrace =
            (backtrace.status() == BacktraceStatus::Captured).then(|| tracing::field::display(&backtrace)),
        "a task panicked: {}",
        told(info)
    );
}

/// A literal message is the author's own; a computed one may show a value, so it is kept back.
fn told<'a>(info: &'a PanicHookInfo<'_>) -> &'a str {
    match info.payload().downcast_ref::<&'static str>() {
        Some(literal) => literal,
        None => "its message is not shown, since it may hold a value",
    }
}
