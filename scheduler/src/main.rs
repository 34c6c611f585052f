//! The process `longshore-scheduler`: arguments, settings, logs, signals, and the run.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::Parser;
use longshore_shared::config::SchedulerConfig;
use longshore_shared::{process, shutdown};

/// Starts what is due and recovers what was lost, until SIGTERM or SIGINT.
#[derive(Parser)]
#[command(version, after_help = process::SETTINGS_HELP)]
struct Arguments {}

#[tokio::main]
async fn main() -> ExitCode {
    let Arguments {} = Arguments::parse();
    process::exit_code(run().await)
}

async fn run() -> anyhow::Result<()> {
    let config = process::settings(SchedulerConfig::load());
    process::start_logs(&config.process.log)?;
    let shutdown = shutdown::on_signal().context("cannot listen for signals")?;
    Ok(longshore_scheduler::run(config, shutdown).await?)
}
