//! The process `longshore-worker`: works until it is told to stop, or sees to the keys.

use std::path::Path;

use anyhow::{Context as _, bail};
use longshore_shared::config::{LogFormat, WorkerConfig, return_large_buffers};
use longshore_shared::shutdown;
use longshore_shared::telemetry::start_logs;
use longshore_worker::keys;
use tokio::runtime::{Builder, Runtime};

const USAGE: &str = "usage: longshore-worker [COMMAND]
  (none)                                       works until SIGTERM or SIGINT
  keys --public FILE --private FILE            makes a pair of key files unless they are there
  rotate-keys --public FILE --private FILE     adds a fresh key to both; it seals from then on
  reseal                                       seals the stored secrets anew with it, now
  retire-keys                                  takes out the keys that nothing needs any more";

/// Threads beyond one for each step in hand: for leases, the bus, health. One slot each for
/// `interactive` and `first` comes on top of the permits.
const SPARE_THREADS: u32 = 4;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            return_large_buffers();
            let config = WorkerConfig::load().context("settings")?;
            let work = async { longshore_worker::run(config.clone(), shutdown::on_signal()?).await };
            runtime(config.worker.permits)?.block_on(work)
        }
        ["keys", "--public", public, "--private", private] => {
            keys::make(Path::new(public), Path::new(private))
        }
        ["rotate-keys", "--public", public, "--private", private] => {
            start_logs("info", false)?;
            keys::rotate(Path::new(public), Path::new(private))
        }
        ["reseal"] => with_settings(async |config| keys::reseal(&config).await),
        ["retire-keys"] => with_settings(async |config| keys::retire(&config).await),
        _ => bail!("{USAGE}"),
    }
}

/// A command that needs a worker's settings.
fn with_settings(command: impl AsyncFnOnce(WorkerConfig) -> anyhow::Result<()>) -> anyhow::Result<()> {
    let config = WorkerConfig::load().context("settings")?;
    start_logs(&config.log.filter, config.log.format == LogFormat::Json)?;
    runtime(1)?.block_on(command(config))
}

/// More threads than steps: writing down one row of many megabytes keeps its thread for a
/// while, and a lease must be renewed meanwhile, however few cores there are.
fn runtime(permits: u32) -> anyhow::Result<Runtime> {
    let threads = usize::try_from(permits + SPARE_THREADS)?;
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
