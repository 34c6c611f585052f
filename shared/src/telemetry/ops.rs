//! Health and metrics over HTTP, on a listener of their own.
//!
//! `/healthz`: the process lives. `/readyz`: it can do its work; each check is named
//! with what is wrong. `/metrics`: Prometheus's text form. Nobody signs in here, so no
//! answer holds a host, a URL or a secret, and the listener belongs on a private address.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::http::{StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use futures::FutureExt as _;
use futures::future::{BoxFuture, join_all};
use serde_json::{Map, Value, json};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use super::TelemetryError;
use super::metrics::{metrics_text, upkeep};

const CHECK_TIMEOUT: Duration = Duration::from_secs(3);
const UPKEEP: Duration = Duration::from_secs(5);

/// A named condition of readiness.
#[derive(Clone)]
pub struct Check {
    name: &'static str,
    run: Arc<dyn Fn() -> BoxFuture<'static, Result<(), String>> + Send + Sync>,
    /// Without it the process is not ready.
    vital: bool,
}

impl Check {
    /// `run` says in a few words what is wrong, without a secret; it gets three seconds.
    pub fn new<F>(name: &'static str, run: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        Self { name, run: Arc::new(move || run().boxed()), vital: true }
    }

    /// The same of something that the process can do without for a time: it is told, and no more.
    pub fn told_only(self) -> Self {
        Self { vital: false, ..self }
    }

    async fn outcome(&self) -> Result<(), String> {
        let timed = tokio::time::timeout(CHECK_TIMEOUT, (self.run)()).await;
        timed.unwrap_or_else(|_| Err(format!("no answer within {} seconds", CHECK_TIMEOUT.as_secs())))
    }
}

/// The routes `/healthz` and `/readyz`.
pub fn health_router<S: Clone + Send + Sync + 'static>(checks: Vec<Check>) -> Router<S> {
    let checks: Arc<[Check]> = checks.into();
    Router::new()
        .route("/healthz", get(|| async { Json(json!({"status": "alive"})) }))
        .route("/readyz", get(move || ready(Arc::clone(&checks))))
}

async fn ready(checks: Arc<[Check]>) -> impl IntoResponse {
    let outcomes = join_all(checks.iter().map(Check::outcome)).await;
    let all = checks.iter().zip(&outcomes).all(|(check, outcome)| !check.vital || outcome.is_ok());
    let shown: Map<String, Value> = checks
        .iter()
        .zip(outcomes)
        .map(|(check, outcome)| {
            (check.name.to_owned(), outcome.err().unwrap_or_else(|| "ok".to_owned()).into())
        })
        .collect();
    let status = if all { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
    (status, Json(json!({"ready": all, "checks": shown})))
}

/// Serves until `shutdown`; also does the metrics' upkeep.
///
/// Begin it before anything else: a process that waits for its database must be able to say so.
pub async fn serve_ops(
    listener: TcpListener,
    checks: Vec<Check>,
    shutdown: CancellationToken,
) -> Result<(), TelemetryError> {
    if let Ok(address) = listener.local_addr() {
        tracing::info!(ops.listen = %address, "health and metrics are served");
    }
    let routes = health_router(checks).route("/metrics", get(metrics));
    let served =
        axum::serve(listener, routes).with_graceful_shutdown(shutdown.cancelled_owned()).into_future();
    tokio::pin!(served);
    let mut ticks = tokio::time::interval(UPKEEP);
    loop {
        tokio::select! {
            ended = &mut served => return ended.map_err(TelemetryError::Serve),
            _ = ticks.tick() => upkeep(),
        }
    }
}

async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], metrics_text())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};
    use tokio::task::JoinSet;
    use tokio_util::sync::CancellationToken;

    use super::{Check, serve_ops};

    async fn ask(address: std::net::SocketAddr, path: &str) -> String {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!("GET {path} HTTP/1.1\r\nHost: ops\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await.unwrap();
        answer
    }

    #[tokio::test]
    async fn readiness_names_the_check_that_fails() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let shutdown = CancellationToken::new();
        let checks = vec![
            Check::new("database", || async { Ok(()) }),
            Check::new("broker", || async { Err("not connected".to_owned()) }),
        ];
        let mut tasks = JoinSet::new();
        tasks.spawn(serve_ops(listener, checks, shutdown.clone()));
        assert!(ask(address, "/healthz").await.starts_with("HTTP/1.1 200"));
        let answer = ask(address, "/readyz").await;
        assert!(answer.starts_with("HTTP/1.1 503"), "{answer}");
        assert!(
            answer.ends_with(r#"{"checks":{"broker":"not connected","database":"ok"},"ready":false}"#),
            "{answer}"
        );
        assert!(ask(address, "/metrics").await.contains("text/plain; version=0.0.4"));
        shutdown.cancel();
        tasks.join_next().await.unwrap().unwrap().unwrap();
    }
}
