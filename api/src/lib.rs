//! Longshore's HTTP API: checks, stores, submits, shows.
//!
//! It never reaches a customer's network and opens no secret: it seals what it is given
//! with a public key and hands work to the workers by way of the store and RabbitMQ.
//! Arrows: `router` -> `routes` -> `records` -> {`once`, `body`, `view`, `live`} -> {`access`, `extract`} -> `error`.

mod access;
mod body;
pub mod command;
mod error;
mod extract;
mod live;
mod observe;
mod once;
mod openapi;
mod records;
mod router;
mod routes;
mod state;
mod view;
mod word;

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use chrono::TimeDelta;
use longshore_shared::bus::Bus;
use longshore_shared::clock;
use longshore_shared::config::ApiConfig;
use longshore_shared::process::{self, Process};
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{Check, Program};
use longshore_shared::vault::Sealer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use live::ProgressHub;
use state::{AppState, Schema};

/// Serves until `shutdown`, then lets open requests end within the grace time.
///
/// Serves at once; until the database is there with its schema the answer is 503. RabbitMQ
/// may be away: jobs are accepted all the same.
pub async fn run(config: ApiConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let (schema, instance, own) = (Schema::default(), clock::fresh_id().to_string(), &config.process);
    let ready = |database: &Database, _: &Bus| checks(database, &schema);
    let process = Process::begin(Program::Api, &instance, "organisation", own, ready).await?;
    let url = config.system_database.url.reveal();
    let sign_in = Database::new(url, own.database.connections, "longshore-api")
        .context("LONGSHORE_SYSTEM_DATABASE_URL")?;
    sign_in.show_as("sign_in");
    let sealer = Sealer::read(&config.api.public_keys).context("LONGSHORE_PUBLIC_KEYS")?;
    let address = config.api.listen;
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("LONGSHORE_API_LISTEN: cannot listen on {address}"))?;

    let stop = shutdown.child_token();
    let state = AppState {
        database: process.database.clone(),
        sign_in,
        bus: process.bus.clone(),
        sealer: Arc::new(sealer),
        objects: process.objects.clone(),
        progress_hub: ProgressHub::default(),
        rules: Arc::new(process::address_rules(config.addresses, own)),
        webhooks: config.webhooks,
        schema,
        full_sync_min: TimeDelta::from_std(config.api.full_sync_min)
            .context("LONGSHORE_FULL_SYNC_MIN_SECONDS")?,
        tests_per_minute: config.api.tests_per_minute,
        shutdown: stop.clone(),
    };
    let mut tasks = JoinSet::new();
    tasks.spawn(state.progress_hub.clone().follow(state.bus.progress(), stop.clone()));
    tasks.spawn(find_schema(state.clone(), stop.clone()));
    tracing::info!(api.listen = %listener.local_addr()?, "the API is served");
    let ready = checks(&state.database, &state.schema);
    serve(listener, router::router(state.clone(), ready), own.grace, stop).await?;
    tasks.join_all().await;
    state.sign_in.close().await;
    process.end().await;
    Ok(())
}

async fn find_schema(state: AppState, stop: CancellationToken) {
    if stop.run_until_cancelled(await_schema(&state.database)).await.is_some() {
        state.schema.found();
        tracing::info!("the database is there with its schema");
    }
}

async fn serve(
    listener: TcpListener,
    routes: axum::Router,
    grace: Duration,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let served =
        axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    };
    tokio::select! {
        ended = served => ended.context("the API's listener failed"),
        () = cut_off => {
            tracing::warn!("requests were cut off at the end of the grace time");
            Ok(())
        }
    }
}

/// Without RabbitMQ jobs are accepted and wait, so readiness does not turn on it.
fn checks(database: &Database, schema: &Schema) -> Vec<Check> {
    let schema = schema.clone();
    let found = move || {
        let found = schema.is_found();
        async move { if found { Ok(()) } else { Err("older than this release".to_owned()) } }
    };
    vec![process::database_check(database), Check::new("schema", found)]
}
