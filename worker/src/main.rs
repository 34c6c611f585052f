//! The process `longshore-worker`: works until it is told to stop, or makes key files.

use std::path::PathBuf;

use anyhow::{Context as _, bail};
use longshore_shared::config::WorkerConfig;
use longshore_shared::shutdown;
use tokio::runtime::{Builder, Runtime};

/// Threads beyond one for each step in hand: for leases, the bus, health. One slot each for
/// `interactive` and `first` comes on top of the permits.
const SPARE_THREADS: u32 = 4;

fn main() -> anyhow::Result<()> {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    match words.as_slice() {
        [] => {
            let config = WorkerConfig::load().context("settings")?;
            let work = async { longshore_worker::run(config.clone(), shutdown::on_signal()?).await };
            runtime(config.worker.permits)?.block_on(work)
        }
        ["keys", "--public", public, "--private", private] => {
            longshore_worker::keys(&PathBuf::from(public), &PathBuf::from(private))
        }
        _ => bail!("usage: longshore-worker [keys --public FILE --private FILE]"),
    }
}

/// More threads than steps: writing down one row of many megabytes keeps its thread for a
/// while, and a lease must be renewed meanwhile, however few cores there are.
fn runtime(permits: u32) -> anyhow::Result<Runtime> {
    let threads = usize::try_from(permits + SPARE_THREADS)?;
    Ok(Builder::new_multi_thread().worker_threads(threads).enable_all().build()?)
}
