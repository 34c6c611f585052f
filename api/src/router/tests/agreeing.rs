//! What the document forbids is refused, and what it allows to be null counts as not given: each field of
//! the bodies that are judged before the store is asked.

use axum::Router;
use serde_json::{Value, json};

use super::{ask, layered, openapi, private, request, state, stranger};

/// A body that nothing is wrong with, for each such route.
fn sound() -> Vec<(&'static str, &'static str, Value)> {
    let id = |last: char| format!("0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8{last}");
    let print = format!("SHA256:{}", "a".repeat(43));
    vec![
        (
            "/v1/connections",
            "NewConnection",
            json!({"name": "a", "engine": "mysql", "host": "h", "database": "d", "username": "u", "password": "p"}),
        ),
        (
            "/v1/sync-tasks",
            "NewSyncTask",
            json!({"name": "a", "source_id": id('a'), "target_id": id('b'), "mode": "selective", "tables": ["t"],
                   "policy": "source_first"}),
        ),
        ("/v1/connections/{id}/host-keys", "NewHostKey", json!({"hop": 1, "fingerprint": print})),
        ("/v1/probes", "NewProbe", json!({"steps": 1})),
        ("/v1/webhooks", "NewWebhook", json!({"url": "https://hooks.example.com/a"})),
    ]
}

/// Values that this schema does not allow.
fn forbidden(schema: &Value) -> Vec<Value> {
    let mut values = Vec::new();
    let size = |word: &str| schema[word].as_u64().and_then(|size| usize::try_from(size).ok());
    if let Some(most) = size("maxLength") {
        values.push(json!("a".repeat(most + 1)));
    }
    if size("minLength").is_some_and(|least| least > 0) {
        values.push(json!(""));
    }
    if let Some(most) = size("maxItems") {
        values.push(json!(vec!["a"; most + 1]));
    }
    if let Some(least) = schema["minimum"].as_f64() {
        values.push(json!(least - 1.0));
    }
    if let Some(most) = schema["maximum"].as_f64() {
        values.push(json!(most + 1.0));
    }
    if schema["pattern"].is_string() || schema["enum"].is_array() || schema["format"] == "uuid" {
        values.push(json!("nonsense"));
    }
    let types = schema["type"].as_array().cloned().unwrap_or_else(|| vec![schema["type"].clone()]);
    for (name, value) in [("string", json!("a")), ("boolean", json!(true)), ("array", json!([]))] {
        if !types.contains(&json!(name)) && types != [Value::Null] {
            values.push(value);
        }
    }
    values
}

fn takes_null(schema: &Value) -> bool {
    let is_null = |schema: &Value| schema["type"] == "null";
    schema["type"].as_array().is_some_and(|types| types.contains(&json!("null")))
        || schema["oneOf"].as_array().is_some_and(|ways| ways.iter().any(is_null))
}

/// Whether this field of the body is refused; the store, which is away, is asked otherwise.
async fn is_refused(routes: &Router, path: &str, body: &Value, field: &str) -> bool {
    let path = path.replace("{id}", "0192f0c1-9d4e-7c3a-8b1f-3d2a1c0b9e8f");
    let (status, _, problem) = ask(routes, request("POST", &path, &body.to_string())).await;
    assert!(status == 422 || status == 503, "{path} {body}: {problem}");
    let errors = problem["errors"].as_array().cloned().unwrap_or_default();
    errors.iter().any(|error| {
        let named = error["field"].as_str().expect("a field");
        named == field || named.starts_with(&format!("{field}."))
    })
}

#[tokio::test]
async fn the_document_and_the_checks_agree() {
    let bearer = axum::Extension(stranger(&["org_admin", "platform_admin"]));
    let routes = layered(private().split_for_parts().0.layer(bearer).with_state(state().await));
    let document: Value = serde_json::from_str(&openapi::complete(private().into_openapi())).unwrap();
    for (path, name, sound) in sound() {
        let schema = &document["components"]["schemas"][name];
        let required = schema["required"].as_array().cloned().unwrap_or_default();
        for (field, schema) in schema["properties"].as_object().expect("the schema has fields") {
            assert!(!is_refused(&routes, path, &sound, field).await, "{name} {field}");
            let with = |value: Value| {
                let mut body = sound.clone();
                body[field] = value;
                body
            };
            for value in forbidden(schema) {
                let shown: String = value.to_string().chars().take(60).collect();
                assert!(is_refused(&routes, path, &with(value), field).await, "{name} {field}: {shown}");
            }
            let is_needed = required.contains(&json!(field));
            assert_eq!(takes_null(schema), !is_needed, "{name} {field}: {schema}");
            // What the sound body needs beside what every body needs is missed for another reason.
            if is_needed || sound.get(field).is_none() {
                let refused = is_refused(&routes, path, &with(Value::Null), field).await;
                assert_eq!(refused, is_needed, "{name} {field}: null");
            }
        }
    }
}
