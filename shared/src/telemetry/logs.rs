//! Logs: lines on standard error, as text or JSON.

use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::IsTerminal as _;
use std::panic::PanicHookInfo;

use tracing::Metadata;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt, registry};

use super::TelemetryError;

/// Crates whose lines are left out: below `info` lapin shows its login, password included; above, it calls the
/// orderly end of a connection an error. What goes wrong with the broker `bus` tells itself.
const TELLTALES: &[&str] = &["lapin", "amq_protocol", "amq_protocol_tcp", "async_rs"];

/// Starts logging to standard error, and logs panics.
///
/// `filter` holds directives of an `EnvFilter`; `json` writes one object a line. Call it
/// in `main` only, once: it replaces the process's panic hook.
pub fn start_logs(filter: &str, json: bool) -> Result<(), TelemetryError> {
    let asked = EnvFilter::try_new(filter)
        .map_err(|source| TelemetryError::Filter { filter: filter.to_owned(), source })?;
    let lines = fmt::layer().with_writer(std::io::stderr);
    let lines = match json {
        true => lines.json().flatten_event(true).with_span_list(false).boxed(),
        false => lines.with_ansi(std::io::stderr().is_terminal()).boxed(),
    };
    let installed = registry().with(asked).with(filter_fn(is_discreet)).with(lines).try_init();
    installed.map_err(|_| TelemetryError::Installed { what: "log subscriber" })?;
    std::panic::set_hook(Box::new(log_panic));
    Ok(())
}

fn is_discreet(line: &Metadata<'_>) -> bool {
    let from = line.target().split("::").next().unwrap_or_default();
    !TELLTALES.contains(&from)
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
