//! Longshore's worker: the only process that opens secrets and touches customers'
//! databases.
//!
//! Arrows: `runtime` -> `steps` -> `transfer` -> `engine` -> `row`, and `steps` -> `tunnel`.
//! `engine` never sees `tunnel`; `row` sees nothing. A test in `tests/` holds this.

pub mod engine;
pub mod row;
mod runtime;
mod steps;
mod transfer;
mod tunnel;

use std::path::Path;

use anyhow::Context as _;
use longshore_shared::bus::Bus;
use longshore_shared::config::{LogFormat, WorkerConfig};
use longshore_shared::failpoint;
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{self, Check};
use longshore_shared::vault::{self, Opener};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Works until `shutdown`.
pub async fn run(config: WorkerConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    failpoint::arm();
    telemetry::start_logs(&config.log.filter, config.log.format == LogFormat::Json)?;
    telemetry::start_metrics()?;
    let opener = Opener::read(&config.worker.private_keys)?;
    let database =
        Database::new(config.database.url.reveal(), config.database.connections, "longshore-worker")?;
    let bus = Bus::connect(config.broker.url.reveal(), &config.worker.name)?;
    let listener = TcpListener::bind(config.ops.listen).await.context("LONGSHORE_OPS_LISTEN")?;
    let (ops_end, ops) = (CancellationToken::new(), TaskTracker::new());
    ops.spawn(telemetry::serve_ops(listener, checks(&database, &bus), ops_end.clone()));
    ops.close();

    tokio::select! {
        () = await_schema(&database) => {
            tracing::info!(worker.name = config.worker.name, permits = config.worker.permits, "working");
            let worker = runtime::Worker::new(database.clone(), bus.clone(), opener, config.worker);
            worker.work(shutdown, config.process.grace).await;
        }
        () = shutdown.cancelled() => {}
    }
    ops_end.cancel();
    bus.close().await;
    ops.wait().await;
    database.close().await;
    tracing::info!("stopped");
    Ok(())
}

/// Makes a pair of key files unless they are there.
pub fn keys(public: &Path, private: &Path) -> anyhow::Result<()> {
    vault::make_keys(public, private, "k1")?;
    Ok(())
}

fn checks(database: &Database, bus: &Bus) -> Vec<Check> {
    let (database, bus) = (database.clone(), bus.clone());
    vec![
        Check::new("database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|e| e.to_string()) }
        }),
        Check::new("broker", move || {
            let answer = bus.ready().map_err(|e| e.to_string());
            async move { answer }
        }),
    ]
}
