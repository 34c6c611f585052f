//! Longshore's HTTP API: checks, stores, submits, shows.
//!
//! It never reaches a customer's network and opens no secret: it seals what it is given
//! with a public key and hands work to the workers by way of the store and RabbitMQ.
//! Arrows: `router` -> `routes` -> {`view`, `extract`, `live`} -> `error`.

pub mod command;
mod error;
mod extract;
mod live;
mod observe;
mod openapi;
mod router;
mod routes;
mod state;
mod view;
mod word;

use std::sync::Arc;

use anyhow::Context as _;
use chrono::TimeDelta;
use longshore_shared::bus::Bus;
use longshore_shared::clock;
use longshore_shared::config::{Addresses, ApiConfig};
use longshore_shared::domain::address::{Ranges, Rules};
use longshore_shared::failpoint;
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{Check, serve_ops, start_spans, stop_spans};
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
    failpoint::arm();
    let open = |url: &str| Database::new(url, config.database.connections, "longshore-api");
    let database = open(config.database.url.reveal()).context("LONGSHORE_DATABASE_URL")?;
    let sign_in = open(config.system_database.url.reveal()).context("LONGSHORE_SYSTEM_DATABASE_URL")?;
    start_spans(config.traces.endpoint.as_deref(), "longshore-api", &clock::fresh_id().to_string())?;
    database.show_as("organisation");
    sign_in.show_as("sign_in");
    let sealer = Sealer::read(&config.api.public_keys).context("LONGSHORE_PUBLIC_KEYS")?;
    let bus = Bus::connect(config.broker.url.reveal(), "longshore-api").context("LONGSHORE_AMQP_URL")?;
    let ops = listen("LONGSHORE_OPS_LISTEN", config.ops.listen).await?;
    let listener = listen("LONGSHORE_API_LISTEN", config.api.listen).await?;

    let stop = shutdown.child_token();
    let state = AppState {
        database,
        sign_in,
        bus,
        sealer: Arc::new(sealer),
        progress_hub: ProgressHub::default(),
        rules: Arc::new(rules(&config)),
        webhooks: config.webhooks,
        schema: Schema::default(),
        full_sync_min: TimeDelta::from_std(config.api.full_sync_min)
            .context("LONGSHORE_FULL_SYNC_MIN_SECONDS")?,
        tests_per_minute: config.api.tests_per_minute,
        shutdown: stop.clone(),
    };
    let checks = checks(&state);
    let mut tasks = JoinSet::new();
    // Health is served to the last, so that whoever waits for the end can watch it.
    let last = CancellationToken::new();
    tasks.spawn(log_end("health and metrics", serve_ops(ops, checks.clone(), last.clone())));
    tasks.spawn(state.progress_hub.clone().follow(state.bus.progress(), stop.clone()));
    tasks.spawn(find_schema(state.clone(), stop.clone()));
    tracing::info!(api.listen = %listener.local_addr()?, "the API is served");
    serve(listener, router::router(state.clone(), checks), &config, stop).await?;
    last.cancel();
    state.bus.close().await;
    tasks.join_all().await;
    state.database.close().await;
    state.sign_in.close().await;
    stop_spans().await;
    Ok(())
}

/// Where connections may lead; never to Longshore's own services.
fn rules(config: &ApiConfig) -> Rules {
    let Addresses { loopback_allowed, allowed, denied, mut own } = config.addresses.clone();
    own.extend([config.database.endpoint(), config.broker.endpoint()]);
    Rules { loopback_allowed, ranges: Ranges { allowed, denied }, own }
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
    config: &ApiConfig,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    let served =
        axum::serve(listener, routes).with_graceful_shutdown(stop.clone().cancelled_owned()).into_future();
    let cut_off = async {
        stop.cancelled().await;
        tokio::time::sleep(config.process.grace).await;
    };
    tokio::select! {
        ended = served => ended.context("the API's listener failed"),
        () = cut_off => {
            tracing::warn!("requests were cut off at the end of the grace time");
            Ok(())
        }
    }
}

async fn listen(variable: &'static str, address: std::net::SocketAddr) -> anyhow::Result<TcpListener> {
    TcpListener::bind(address).await.with_context(|| format!("{variable}: cannot listen on {address}"))
}

/// Without RabbitMQ jobs are accepted and wait, so readiness does not turn on it. A
/// reason stands in the log; here it could name a host.
fn checks(state: &AppState) -> Vec<Check> {
    let (database, schema) = (state.database.clone(), state.schema.clone());
    let ping = move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|_| "does not answer".to_owned()) }
    };
    let found = move || {
        let found = schema.is_found();
        async move { if found { Ok(()) } else { Err("older than this release".to_owned()) } }
    };
    vec![Check::new("database", ping), Check::new("schema", found)]
}

async fn log_end<E: std::fmt::Display>(what: &'static str, task: impl Future<Output = Result<(), E>>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "{what} ended");
    }
}
