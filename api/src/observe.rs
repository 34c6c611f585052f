//! Around every request: its id, its trace, its span, its metrics, its log line, and the
//! last touch of its answer. The outermost layer, so that nothing answers without it.

use std::time::Instant;

use axum::Json;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderName, HeaderValue, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use longshore_shared::clock;
use longshore_shared::telemetry::{Metric, OpenSpan, Tag, TraceContext, Work};
use tracing::Instrument as _;
use uuid::Uuid;

use crate::error::{ApiError, PROBLEM_JSON, Problem};

static REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// The layer.
pub(crate) async fn observe(mut request: Request, next: Next) -> Response {
    let (id, began) = (clock::fresh_id(), Instant::now());
    let mut work = begin(&request);
    let trace = work.context();
    request.extensions_mut().insert(trace);
    let method = method(request.method());
    // The template and not the path: identifiers would make a series for each thing.
    let route = request.extensions().get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str).to_owned();
    let span = tracing::info_span!("request", request.id = %id, trace.id = %trace.trace_id());
    let mut response = async {
        let response = next.run(request).await;
        // A bare answer of a layer below becomes a problem while its span is open.
        if is_bare_error(&response) { dressed(&response) } else { response }
    }
    .instrument(span)
    .await;
    if let Some(mut problem) = response.extensions_mut().remove::<Problem>() {
        problem.request_id = id;
        response = written(response, problem);
    }
    finish(&mut response, id);
    let (status, took) = (response.status().as_u16().to_string(), began.elapsed().as_secs_f64());
    Metric::HttpRequests.increment(&[("route", &route), ("method", method), ("status", &status)]);
    Metric::HttpRequest.record(took, &[("route", &route)]);
    work.tag(Tag::Route, &route);
    work.tag(Tag::Method, &method);
    work.tag(Tag::Status, &status);
    work.end(response.status().is_server_error());
    tell(id, trace, method, &route, &status, took);
    response
}

/// The request's piece of work, below the caller's if there is one.
fn begin(request: &Request) -> OpenSpan {
    let given = request.headers().get("traceparent").and_then(|value| value.to_str().ok());
    let parent = given.and_then(|text| text.parse::<TraceContext>().ok());
    parent.map_or_else(|| OpenSpan::first(Work::Request), |parent| parent.begin(Work::Request))
}

/// Methods are a closed set in metrics, whatever somebody sends.
fn method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::PUT => "PUT",
        Method::PATCH => "PATCH",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

fn is_bare_error(response: &Response) -> bool {
    let status = response.status();
    (status.is_client_error() || status.is_server_error())
        && response.extensions().get::<Problem>().is_none()
        // `/readyz` answers 503 with a document of its own.
        && response.headers().get(header::CONTENT_TYPE).is_none_or(|kind| kind != "application/json")
}

fn dressed(bare: &Response) -> Response {
    let mut response = ApiError::of_status(bare.status()).into_response();
    if let Some(allowed) = bare.headers().get(header::ALLOW) {
        response.headers_mut().insert(header::ALLOW, allowed.clone());
    }
    response
}

fn written(head: Response, problem: Problem) -> Response {
    let (mut parts, _) = head.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    let (body, content) = (Json(problem).into_response().into_body(), HeaderValue::from_static(PROBLEM_JSON));
    parts.headers.insert(header::CONTENT_TYPE, content);
    Response::from_parts(parts, body)
}

fn finish(response: &mut Response, id: Uuid) {
    let headers = response.headers_mut();
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(value) = HeaderValue::from_str(&id.to_string()) {
        headers.insert(REQUEST_ID.clone(), value);
    }
}

fn tell(id: Uuid, trace: TraceContext, method: &str, route: &str, status: &str, took: f64) {
    let trace = trace.trace_id();
    if matches!(route, "/healthz" | "/readyz") {
        tracing::debug!(request.id = %id, "{method} {route}: {status}");
    } else {
        tracing::info!(request.id = %id, trace.id = %trace, request.seconds = took, "{method} {route}: {status}");
    }
}
