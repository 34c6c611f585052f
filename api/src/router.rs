//! The one list of routes; the OpenAPI document is made from it, so that neither knows a
//! route that the other lacks.
//!
//! Layers, from the outside: `observe` (ids, metrics, problems), panics become 500; inside of them,
//! for all of `/v1`, sign-in; then each group of routes has bounds of its own: [`json`] on the time
//! and the body, with the `Idempotency-Key`, [`streams`] on the time until the stream begins.

use std::any::Any;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{StatusCode, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use longshore_shared::telemetry::{Check, health_router};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::timeout::TimeoutLayer;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::access::sign_in;
use crate::error::ApiError;
use crate::observe::observe;
use crate::once::idempotency;
use crate::openapi;
use crate::routes::{
    backups, connection_edits, connection_tests, connections, dead_letters, host_keys, job_events, jobs,
    limits, overdue, probes, runs, sync_task_edits, sync_tasks, webhooks,
};
use crate::state::AppState;

/// A body of JSON that is larger is no honest one.
const BODY: usize = 1 << 20;
/// From a request's head to its answer, whatever happens.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a handler may take; what it waits for is the store, which then counts as away.
const ANSWER: Duration = Duration::from_secs(20);

/// Every route that needs a token.
fn private() -> OpenApiRouter<AppState> {
    OpenApiRouter::with_openapi(openapi::empty()).merge(json()).merge(streams())
}

/// Routes that take and give one JSON document.
fn json() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(connections::create, connections::list))
        .routes(routes!(connections::show, connections::delete, connection_edits::edit))
        .routes(routes!(connection_tests::draft))
        .routes(routes!(connection_tests::saved))
        .routes(routes!(connection_tests::show))
        .routes(routes!(host_keys::confirm))
        .routes(routes!(sync_tasks::create, sync_tasks::list))
        .routes(routes!(sync_tasks::show, sync_tasks::delete, sync_task_edits::edit))
        .routes(routes!(overdue::list))
        .routes(routes!(sync_task_edits::events))
        .routes(routes!(runs::submit, runs::list))
        .routes(routes!(jobs::list))
        .routes(routes!(jobs::show))
        .routes(routes!(jobs::tables))
        .routes(routes!(jobs::log))
        .routes(routes!(jobs::cancel))
        .routes(routes!(backups::create, backups::list))
        .routes(routes!(backups::show, backups::delete))
        .routes(routes!(backups::verify))
        .routes(routes!(probes::submit))
        .routes(routes!(limits::show, limits::set))
        .routes(routes!(dead_letters::list))
        .routes(routes!(dead_letters::replay))
        .routes(routes!(dead_letters::replay_all))
        .routes(routes!(webhooks::create, webhooks::list))
        .routes(routes!(webhooks::show, webhooks::change, webhooks::delete))
        .routes(routes!(webhooks::deliveries))
        .routes(routes!(webhooks::test))
        .route_layer(from_fn(bounded))
        .route_layer(from_fn(idempotency))
        .route_layer(DefaultBodyLimit::max(BODY))
        .route_layer(TimeoutLayer::with_status_code(StatusCode::REQUEST_TIMEOUT, PATIENCE))
}

/// Routes that go on for as long as there is something to tell. None of them takes a body or has an
/// effect, so there is no key.
fn streams() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(job_events::events)).route_layer(from_fn(bounded))
}

/// The whole API.
pub(crate) fn router(state: AppState, checks: Vec<Check>) -> Router {
    layered(unlayered(state, checks))
}

fn unlayered(state: AppState, checks: Vec<Check>) -> Router {
    let (private, document) = private().split_for_parts();
    let signed_in = private.route_layer(from_fn_with_state(state.clone(), sign_in));
    let document: Arc<str> = openapi::complete(document).into();
    let public = Router::new().route("/openapi.json", get(move || openapi(Arc::clone(&document))));
    signed_in.merge(public).merge(health_router(checks)).with_state(state)
}

fn layered(routes: Router) -> Router {
    routes
        .fallback(|| async { ApiError::NotFound })
        .layer(CatchPanicLayer::custom(panicked))
        .layer(from_fn(observe))
}

/// A PostgreSQL that takes a question and never answers is one that is away.
async fn bounded(request: Request, next: Next) -> Result<Response, ApiError> {
    let answer = tokio::time::timeout(ANSWER, next.run(request)).await;
    answer.map_err(|_| ApiError::Unavailable("the store did not answer in time".into()))
}

async fn openapi(document: Arc<str>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string())
}

/// The panic hook has logged it; its payload may hold a value and is not looked at.
fn panicked(_: Box<dyn Any + Send + 'static>) -> Response {
    ApiError::internal("a handler panicked").into_response()
}

#[cfg(test)]
mod tests;
