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

use longshore_shared::bus::Bus;
use longshore_shared::config::WorkerConfig;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::process::{Process, address_rules, broker_check, database_check};
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::Program;
use longshore_shared::vault::Opener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use keys::Resealer;
use webhooks::WebhookDispatcher;

/// Works until `shutdown`.
pub async fn run(config: WorkerConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let own = &config.process;
    let checks = |database: &Database, bus: &Bus| vec![database_check(database), broker_check(bus)];
    let process = Process::begin(Program::Worker, &config.worker.name, "main", own, checks).await?;
    let opener = Arc::new(Opener::read(&config.worker.private_keys)?);
    let package_keys = Arc::new(PackageKeys::read(own.objects.package_keys.as_deref())?);
    let apart = Database::new(own.database.url.reveal(), webhooks::CONNECTIONS, "longshore-webhooks")?;
    apart.show_as("webhooks");
    let rules = address_rules(config.addresses, own);

    tokio::select! {
        () = await_schema(&process.database) => {
            tracing::info!(worker.name = config.worker.name, permits = config.worker.permits, "working");
            let (database, bus) = (process.database.clone(), process.bus.clone());
            let dispatcher = Arc::new(WebhookDispatcher::new(apart.clone(), Arc::clone(&opener), config.webhooks));
            let resealer = Resealer::new(database.clone(), Arc::clone(&opener), &config.worker)?;
            let packages = (process.objects.clone(), package_keys);
            let worker = runtime::Worker::new(database, bus, opener, packages, config.worker, rules);
            let deliveries = TaskTracker::new();
            deliveries.spawn(dispatcher.run(shutdown.clone()));
            deliveries.spawn(resealer.run(shutdown.clone()));
            deliveries.close();
            worker.work(shutdown, own.grace).await;
            // A try is bounded, and one that is cut off is made again by another worker.
            if tokio::time::timeout(own.grace, deliveries.wait()).await.is_err() {
                tracing::warn!("webhooks that were being told are told again");
            }
        }
        () = shutdown.cancelled() => {}
    }
    apart.close().await;
    process.end().await;
    tracing::info!("stopped");
    Ok(())
}
