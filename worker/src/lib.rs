//! Longshore's worker: the only process that opens secrets and touches customers'
//! databases.
//!
//! Arrows: `runtime` -> `steps` -> `transfer` -> `engine` -> `row`, and `steps` -> `tunnel`.
//! `webhooks` -> `tunnel`. `engine` never sees `tunnel`; `row` sees nothing. A test in `tests/` holds this.

pub mod engine;
pub mod keys;
pub mod row;
mod runtime;
mod steps;
mod transfer;
mod tunnel;
mod webhooks;

use std::sync::Arc;

use anyhow::Context as _;
use longshore_shared::bus::Bus;
use longshore_shared::config::{Addresses, LogFormat, WorkerConfig};
use longshore_shared::domain::address::{Ranges, Rules};
use longshore_shared::failpoint;
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{self, Check};
use longshore_shared::vault::Opener;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use keys::Resealer;
use webhooks::WebhookDispatcher;

/// Works until `shutdown`.
pub async fn run(config: WorkerConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    failpoint::arm();
    telemetry::start_logs(&config.log.filter, config.log.format == LogFormat::Json)?;
    telemetry::start_metrics()?;
    telemetry::start_spans(config.traces.endpoint.as_deref(), "longshore-worker", &config.worker.name)?;
    let opener = Arc::new(Opener::read(&config.worker.private_keys)?);
    let database =
        Database::new(config.database.url.reveal(), config.database.connections, "longshore-worker")?;
    database.show_as("main");
    let apart = Database::new(config.database.url.reveal(), webhooks::CONNECTIONS, "longshore-webhooks")?;
    apart.show_as("webhooks");
    let bus = Bus::connect(config.broker.url.reveal(), &config.worker.name)?;
    let rules = rules(&config);
    let listener = TcpListener::bind(config.ops.listen).await.context("LONGSHORE_OPS_LISTEN")?;
    let (ops_end, ops) = (CancellationToken::new(), TaskTracker::new());
    ops.spawn(telemetry::serve_ops(listener, checks(&database, &bus), ops_end.clone()));
    ops.close();

    tokio::select! {
        () = await_schema(&database) => {
            tracing::info!(worker.name = config.worker.name, permits = config.worker.permits, "working");
            let dispatcher = Arc::new(WebhookDispatcher::new(apart.clone(), Arc::clone(&opener), config.webhooks));
            let resealer = Resealer::new(database.clone(), Arc::clone(&opener), &config.worker)?;
            let worker = runtime::Worker::new(database.clone(), bus.clone(), opener, config.worker, rules);
            let deliveries = TaskTracker::new();
            deliveries.spawn(dispatcher.run(shutdown.clone()));
            deliveries.spawn(resealer.run(shutdown.clone()));
            deliveries.close();
            worker.work(shutdown, config.process.grace).await;
            // A try is bounded, and one that is cut off is made again by another worker.
            if tokio::time::timeout(config.process.grace, deliveries.wait()).await.is_err() {
                tracing::warn!("webhooks that were being told are told again");
            }
        }
        () = shutdown.cancelled() => {}
    }
    ops_end.cancel();
    bus.close().await;
    ops.wait().await;
    apart.close().await;
    database.close().await;
    telemetry::stop_spans().await;
    tracing::info!("stopped");
    Ok(())
}

/// Where connections may lead; never to Longshore's own services.
fn rules(config: &WorkerConfig) -> Rules {
    let Addresses { loopback_allowed, allowed, denied, mut own } = config.addresses.clone();
    own.extend([config.database.endpoint(), config.broker.endpoint()]);
    Rules { loopback_allowed, ranges: Ranges { allowed, denied }, own }
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
