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
use longshore_shared::bus::Bus;
use longshore_shared::config::ApiConfig;
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{Check, serve_ops};
use longshore_shared::vault::Sealer;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use live::Board;
use state::AppState;

/// Serves until `shutdown`, then lets open requests end within the grace time.
///
/// Health is served at once; the API itself waits for the database's schema. RabbitMQ may
/// be away: jobs are accepted all the same.
pub async fn run(config: ApiConfig, shutdown: CancellationToken) -> anyhow::Result<()> {
    let open = |url: &str| Database::new(url, config.database.connections, "longshore-api");
    let database = open(config.database.url.reveal()).context("LONGSHORE_DATABASE_URL")?;
    let sign_in = open(config.system_database.url.reveal()).context("LONGSHORE_SYSTEM_DATABASE_URL")?;
    let sealer = Sealer::read(&config.api.public_keys).context("LONGSHORE_PUBLIC_KEYS")?;
    let bus = Bus::connect(config.broker.url.reveal(), "longshore-api").context("LONGSHORE_AMQP_URL")?;
    let ops = listen("LONGSHORE_OPS_LISTEN", config.ops.listen).await?;
    let listener = listen("LONGSHORE_API_LISTEN", config.api.listen).await?;

    let mut tasks = JoinSet::new();
    let checks = checks(&database);
    let stop = shutdown.child_token();
    let ops_stop = CancellationToken::new();
    tasks.spawn(log_end("health and metrics", serve_ops(ops, checks.clone(), ops_stop.clone())));
    let board = Board::default();
    tasks.spawn(board.clone().follow(bus.progress(), stop.clone()));
    let state = AppState {
        database: database.clone(),
        sign_in: sign_in.clone(),
        bus: bus.clone(),
        sealer: Arc::new(sealer),
        board,
        shutdown: stop.clone(),
    };
    if shutdown.run_until_cancelled(await_schema(&database)).await.is_some() {
        tracing::info!(api.listen = %listener.local_addr()?, "the API is served");
        serve(listener, router::router(state, checks), &config, stop).await?;
    }
    ops_stop.cancel();
    bus.close().await;
    tasks.join_all().await;
    database.close().await;
    sign_in.close().await;
    Ok(())
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

/// Without RabbitMQ jobs are accepted and wait, so readiness does not turn on it.
fn checks(database: &Database) -> Vec<Check> {
    let database = database.clone();
    vec![Check::new("database", move || {
        let database = database.clone();
        // The reason is in the log of whoever runs the database; here it could name a host.
        async move { database.ping().await.map_err(|_| "does not answer".to_owned()) }
    })]
}

async fn log_end<E: std::fmt::Display>(what: &'static str, task: impl Future<Output = Result<(), E>>) {
    if let Err(error) = task.await {
        tracing::error!(%error, "{what} ended");
    }
}
