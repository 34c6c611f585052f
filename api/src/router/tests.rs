//! The routes against a database that is never reached: who is let in, and what errors
//! look like. What needs rows is tried in the integration suites.

#![expect(clippy::unwrap_used, reason = "a test")]

mod agreeing;

use std::collections::BTreeSet;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{HeaderMap, Method, Request, header};
use axum::routing::get;
use longshore_shared::bus::Bus;
use longshore_shared::config::Webhooks;
use longshore_shared::store::Database;
use longshore_shared::vault::{Sealer, make_keys};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

use super::{layered, private, router, unlayered};
use crate::access::stranger;
use crate::live::ProgressHub;
use crate::openapi;
use crate::state::{AppState, Schema};

const TOKEN: &str = "Bearer ls_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

/// Clients of servers that are not there; the pools are closed, so that they say so at once.
async fn state() -> AppState {
    let folder = tempfile::tempdir().unwrap();
    let (public, own) = (folder.path().join("public"), folder.path().join("private"));
    make_keys(&public, &own, "k1").unwrap();
    let database = Database::new("postgres://nobody@127.0.0.1:1/none", 1, "test").unwrap();
    database.close().await;
    let schema = Schema::default();
    schema.found();
    AppState {
        objects: None,
        rules: std::sync::Arc::default(),
        schema,
        full_sync_min: chrono::TimeDelta::zero(),
        database: database.clone(),
        sign_in: database,
        bus: Bus::connect("amqp://nobody:x@127.0.0.1:1/none", "test").unwrap(),
        sealer: Arc::new(Sealer::read(&public).unwrap()),
        webhooks: Webhooks { private_allowed: false, http_allowed: false },
        progress_hub: ProgressHub::default(),
        tests_per_minute: 60,
        shutdown: CancellationToken::new(),
    }
}

async fn ask(routes: &Router, request: Request<Body>) -> (u16, HeaderMap, Value) {
    let response = routes.clone().oneshot(request).await.unwrap();
    let (parts, body) = response.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    (parts.status.as_u16(), parts.headers, serde_json::from_slice(&body).unwrap_or_default())
}

fn request(method: &str, path: &str, body: &str) -> Request<Body> {
    let request = Request::builder().method(method.parse::<Method>().unwrap()).uri(path);
    request.header("content-type", "application/json").body(Body::from(body.to_owned())).unwrap()
}

/// Every operation of the document: method and a path with an id in it.
fn operations() -> Vec<(String, String)> {
    let document: Value = serde_json::from_str(&openapi::complete(private().into_openapi())).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let of = |(path, item): (&String, &Value)| {
        let path = path.replace("{id}", "0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8f");
        let methods: Vec<_> =
            item.as_object().unwrap().keys().map(|m| (m.to_uppercase(), path.clone())).collect();
        methods
    };
    paths.iter().flat_map(of).collect()
}

#[tokio::test]
async fn every_route_of_the_document_wants_a_token() {
    let routes = router(state().await, Vec::new());
    let operations = operations();
    assert_eq!(operations.len(), 42);
    for (method, path) in operations {
        let (status, headers, problem) = ask(&routes, request(&method, &path, "{}")).await;
        assert_eq!((status, problem["code"].as_str()), (401, Some("token_missing")), "{method} {path}");
        assert_eq!(headers[header::WWW_AUTHENTICATE], "Bearer realm=\"longshore\"");
    }
    for (path, expected) in [("/openapi.json", 200), ("/healthz", 200), ("/readyz", 200)] {
        let (status, headers, _) = ask(&routes, request("GET", path, "")).await;
        assert_eq!(status, expected, "{path}");
        assert_eq!(headers[header::X_CONTENT_TYPE_OPTIONS], "nosniff");
    }
}

#[tokio::test]
async fn what_no_permission_grants_is_denied() {
    let check = async |permissions: &[&str], denied: &dyn Fn(&str, &str) -> bool| {
        let bearer = axum::Extension(stranger(permissions));
        let state = state().await;
        let routes = layered(private().split_for_parts().0.layer(bearer).with_state(state));
        for (method, path) in operations() {
            let (status, _, problem) = ask(&routes, request(&method, &path, "{}")).await;
            assert_eq!(status == 403, denied(&method, &path), "{permissions:?} {method} {path} {problem}");
        }
    };
    // Whether a job may be cancelled depends on its kind, which is looked up.
    let is_sync = |path: &str| path.contains("sync-tasks");
    check(&[], &|_, _| true).await;
    check(&["migration", "superuser"], &|_, _| true).await;
    let is_fleet = |path: &str| {
        path.contains("probes") || path.contains("dead-letters") || path.contains("organisation/")
    };
    let is_admins = |path: &str| is_fleet(path) || path.contains("webhooks");
    check(&["database"], &|_, path| is_sync(path) || is_admins(path)).await;
    let is_databases =
        |path: &str| path.contains("connections") || path.contains("examination") || path.contains("backups");
    check(&["sync"], &|_, path| is_databases(path) || is_admins(path)).await;
    check(&["org_admin"], &|_, path| is_fleet(path)).await;
}

#[tokio::test]
async fn errors_are_problem_documents() {
    let broken = Router::new().route("/panic", get(async || -> &'static str { panic!("hunter2") }));
    let routes = layered(unlayered(state().await, Vec::new()).merge(broken));
    let check = async |request: Request<Body>, status: u16, code: &str| {
        let (found, headers, problem) = ask(&routes, request).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
        assert_eq!(headers[header::CONTENT_TYPE], "application/problem+json");
        assert_eq!(headers[header::CACHE_CONTROL], "no-store");
        assert_eq!(problem["request_id"], headers["x-request-id"].to_str().unwrap());
        assert_eq!((&problem["status"], &problem["type"]), (&json!(status), &json!("about:blank")));
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        assert!(!problem.to_string().contains("hunter2"));
        headers
    };
    check(request("GET", "/v2/nothing", ""), 404, "not_found").await;
    check(request("GET", "/v1/connections/", ""), 404, "not_found").await;
    let headers = check(request("PUT", "/openapi.json", ""), 405, "method_not_allowed").await;
    assert_eq!(headers[header::ALLOW], "GET,HEAD");
    check(request("TRACE", "/openapi.json", ""), 405, "method_not_allowed").await;
    check(request("GET", "/panic", ""), 500, "internal").await;
    let mut known = request("GET", "/v1/jobs", "");
    known.headers_mut().insert(header::AUTHORIZATION, TOKEN.parse().unwrap());
    let headers = check(known, 503, "unavailable").await;
    assert_eq!(headers[header::RETRY_AFTER], "2");
}

#[tokio::test]
async fn bodies_are_strict() {
    let bearer = axum::Extension(stranger(&["org_admin"]));
    let routes = layered(private().split_for_parts().0.layer(bearer).with_state(state().await));
    let check = async |content: &str, body: String, status: u16, code: &str| {
        let mut request = request("POST", "/v1/connections", &body);
        request.headers_mut().insert(header::CONTENT_TYPE, content.parse().unwrap());
        let (found, _, problem) = ask(&routes, request).await;
        assert_eq!((found, problem["code"].as_str()), (status, Some(code)), "{problem}");
        problem
    };
    let json = "application/json; charset=utf-8";
    check("text/plain", "{}".to_owned(), 415, "unsupported_media_type").await;
    check("application/x-www-form-urlencoded", "a=b".to_owned(), 415, "unsupported_media_type").await;
    check(json, "{".to_owned(), 400, "invalid_json").await;
    check(json, "{\"name\": \"a\", \"name\": \"b\"}".to_owned(), 400, "duplicate_key").await;
    check(json, format!("{{\"name\": \"{}\"}}", "x".repeat(2 << 20)), 413, "payload_too_large").await;
    let problem = check(json, "{\"local_infile\": 1}".to_owned(), 422, "unknown_field").await;
    assert_eq!(problem["field"], "local_infile");
    let problem = check(json, "{\"port\": 0}".to_owned(), 422, "invalid_fields").await;
    assert_eq!(problem["errors"].as_array().unwrap().len(), 7);
    let full = json!({"name": "a", "engine": "mysql", "host": "http://h", "database": "d", "username": "u",
                      "password": "hunter2"});
    let problem = check(json, full.to_string(), 422, "invalid_host").await;
    assert!(!problem.to_string().contains("hunter2"));
}

#[tokio::test]
async fn identifiers_and_pages_are_checked_before_the_store() {
    let bearer = axum::Extension(stranger(&["platform_admin"]));
    let routes = layered(private().split_for_parts().0.layer(bearer).with_state(state().await));
    let check = async |path: &str, status: u16, field: Option<&str>| {
        let (found, _, problem) = ask(&routes, request("GET", path, "")).await;
        assert_eq!((found, problem["field"].as_str()), (status, field), "{path} {problem}");
    };
    check("/v1/jobs/-1", 404, None).await;
    check("/v1/jobs/0192F0C1-9D4E-7C3A-8B1F-3D2A1C0B9E8F", 404, None).await;
    check("/v1/jobs/..%2f..%2fetc", 404, None).await;
    check("/v1/jobs/%ff", 404, None).await;
    check("/v1/jobs?limit=0", 422, Some("limit")).await;
    check("/v1/jobs?limit=201", 422, Some("limit")).await;
    check("/v1/jobs?state=done", 422, Some("state")).await;
    check("/v1/jobs?cursor=forged", 422, Some("cursor")).await;
    check("/v1/jobs?order=asc", 422, Some("order")).await;
    check("/v1/connections?limit=1&limit=2", 400, None).await;
}

#[test]
fn the_document_is_complete() {
    let document: Value = serde_json::from_str(&openapi::complete(private().into_openapi())).unwrap();
    assert_eq!(document["openapi"], "3.1.0");
    assert_eq!(document["security"], json!([{"token": []}]));
    assert_eq!(document["components"]["securitySchemes"]["token"]["scheme"], "bearer");
    let schemas = document["components"]["schemas"].as_object().unwrap();
    // every reference has its schema
    let text = document.to_string();
    for reference in text.split("\"#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap();
        assert!(schemas.contains_key(name), "{name} is missing");
    }
    let connection = &schemas["NewConnection"];
    let mut required: Vec<_> = connection["required"].as_array().unwrap().iter().collect();
    required.sort_by_key(ToString::to_string);
    assert_eq!(json!(required), json!(["database", "engine", "host", "name", "username"]));
    assert_eq!(connection["additionalProperties"], false);
    assert_eq!(connection["properties"]["engine"]["enum"], json!(["mysql", "mariadb", "postgresql"]));
    assert!(schemas["Connection"]["properties"].get("password").is_none());
    let mut names = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for operation in item.as_object().unwrap().values() {
            assert!(operation["summary"].is_string(), "{path}");
            assert!(names.insert(operation["operationId"].as_str().unwrap()), "{path}");
            for status in ["401", "405", "408"] {
                assert!(operation["responses"][status].is_object(), "{path} {status}");
            }
            let tests = ["test_connection", "test_new_connection"];
            let is_test = tests.contains(&operation["operationId"].as_str().unwrap());
            assert_eq!(operation["responses"]["429"].is_object(), is_test, "{path}");
        }
    }
}
