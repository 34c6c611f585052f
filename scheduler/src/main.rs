//! The process `longshore-scheduler`: settings, logs, signals, and the run.

use anyhow::Context as _;
use longshore_shared::config::{LogFormat, SchedulerConfig};
use longshore_shared::{shutdown, telemetry};

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let config = SchedulerConfig::load()?;
    telemetry::start_logs(&config.log.filter, config.log.format == LogFormat::Json)?;
    let shutdown = shutdown::on_signal().context("cannot listen for signals")?;
    Ok(longshore_scheduler::run(config, shutdown).await?)
}
