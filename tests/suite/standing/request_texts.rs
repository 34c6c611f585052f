//! Every text of every request, as the OpenAPI document has them: none makes the API fail.

use std::collections::BTreeSet;

use longshore_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Map, Value, json};

/// A place in a body where a text stands: names of fields, `0` for a list's first item.
type Place = Vec<String>;

/// A name in an object of texts by names.
const ANY: &str = "anything";

async fn serving() -> Stack {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    stack
}

/// Finds the places of texts in a schema.
fn texts(document: &Value, schema: &Value, place: &[String], found: &mut BTreeSet<Place>) {
    if place.len() > 6 {
        return;
    }
    if let Some(name) = schema["$ref"].as_str() {
        let pointer = name.trim_start_matches('#');
        texts(document, document.pointer(pointer).unwrap(), place, found);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        for schema in schema[choice].as_array().into_iter().flatten() {
            texts(document, schema, place, found);
        }
    }
    let kinds = match &schema["type"] {
        Value::Array(kinds) => kinds.clone(),
        kind => vec![kind.clone()],
    };
    if kinds.contains(&json!("string")) {
        found.insert(place.to_vec());
    }
    let inside = |name: &str| [place, &[name.to_owned()]].concat();
    for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
        texts(document, schema, &inside(name), found);
    }
    if schema["items"].is_object() {
        texts(document, &schema["items"], &inside("0"), found);
    }
    if schema["additionalProperties"].is_object() {
        texts(document, &schema["additionalProperties"], &inside(ANY), found);
    }
}

/// A body that is nothing but this text at this place.
fn body(place: &[String], text: &str) -> Value {
    let Some((first, rest)) = place.split_first() else { return json!(text) };
    let inner = body(rest, text);
    if first == "0" { json!([inner]) } else { Value::Object(Map::from_iter([(first.clone(), inner)])) }
}

/// Every route that takes a body of JSON, with the places of its texts.
fn routes(document: &Value) -> Vec<(Method, String, BTreeSet<Place>)> {
    let mut routes = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        for (method, route) in methods.as_object().unwrap() {
            let schema = &route["requestBody"]["content"]["application/json"]["schema"];
            if schema.is_null() {
                continue;
            }
            let mut found = BTreeSet::new();
            texts(document, schema, &[], &mut found);
            let path = path.replace("{id}", "00000000-0000-7000-8000-00000000000a");
            routes.push((method.to_uppercase().parse().unwrap(), path, found));
        }
    }
    routes
}

#[tokio::test]
async fn n20_no_text_of_any_body_or_query_makes_the_api_fail() {
    let stack = serving().await;
    let document = stack.client.with_token(None).get("/openapi.json").await.expect(200).body;
    let (mut tried, mut longest) = (0, "x".repeat(70_000));
    longest.push('ä');
    for (method, path, places) in routes(&document) {
        let send = async |body: &Value| stack.client.send(method.clone(), &path, Some(body)).await;
        for place in &places {
            let answer = send(&body(place, "a\0b")).await.expect(422);
            let what = format!("{method} {path}: {place:?}: {}", answer.text);
            let named: Vec<_> =
                answer.body["errors"].as_array().unwrap().iter().map(|e| &e["field"]).collect();
            assert_eq!(named, [&json!(place.join("."))], "{what}");
            assert!(answer.text.contains("NUL"), "{what}");
            for text in [longest.as_str(), "", "\u{7f}\u{202e}\u{fffe}'\"`\\"] {
                let answer = send(&body(place, text)).await;
                assert!(!answer.status.is_server_error(), "{place:?}: {}", answer.text);
                assert!(answer.text.len() < 20_000, "{method} {path}: {place:?} is given back whole");
            }
            tried += 1;
        }
        send(&json!({"a\0b": 1})).await.expect(422);
    }
    assert!(tried > 60, "{tried} texts: the document says less than it did");
    for (path, methods) in document["paths"].as_object().unwrap() {
        let path = path.replace("{id}", "00000000-0000-7000-8000-00000000000a");
        let given = methods["get"]["parameters"].as_array().into_iter().flatten();
        for parameter in given.filter(|parameter| parameter["in"] == "query") {
            let asked = format!("{path}?{}=%00", parameter["name"].as_str().unwrap());
            let answer = stack.client.get(&asked).await.expect(422);
            assert!(answer.text.contains(parameter["name"].as_str().unwrap()), "{asked}: {}", answer.text);
        }
    }
}

#[tokio::test]
async fn n20_names_and_conditions_of_where_are_bounded() {
    let stack = serving().await;
    let task = stack.task(&json!({})).await;
    let shown = stack.client.get(&format!("/v1/sync-tasks/{task}")).await.expect(200).body;
    let many = |count: usize| (0..count).map(|n| (format!("t{n}"), json!("id = 1"))).collect::<Map<_, _>>();
    let long = "t".repeat(5_000);
    for (conditions, field, code) in [
        (json!({"t\0": "id = 1"}), "where.t\u{fffd}", "invalid_value"),
        (json!({"t": "v = 'a\0b'"}), "where.t", "invalid_value"),
        (json!({"t": "`v\0` = 1"}), "where.t", "invalid_value"),
        (json!({"": "id = 1"}), "where.", "invalid_value"),
        (json!({long.as_str(): "id = 1"}), &*format!("where.{}", &long[..100]), "invalid_value"),
        (json!({"t".repeat(65): "id = 1"}), &*format!("where.{}", &long[..65]), "invalid_value"),
        (json!({"t": format!("id = '{}'", "x".repeat(4_000))}), "where.t", "invalid_condition"),
        (many(1_000).into(), "where", "too_many"),
        (many(501).into(), "where", "too_many"),
    ] {
        let mut new = json!({
            "name": "new", "source_id": shown["source_id"], "target_id": shown["target_id"], "mode": "full",
            "policy": "source_first", "allow_untested": true,
        });
        new["where"] = conditions.clone();
        let path = format!("/v1/sync-tasks/{task}");
        for answer in [
            stack.client.post("/v1/sync-tasks", &new).await,
            stack.client.patch(&path, &json!({"where": conditions}), None).await,
        ] {
            let first = &answer.expect(422).body["errors"][0];
            assert_eq!((first["field"].as_str(), first["code"].as_str()), (Some(field), Some(code)));
        }
    }
    let path = format!("/v1/sync-tasks/{task}");
    stack.client.patch(&path, &json!({"where": many(500)}), None).await.expect(200);
    for zone in ["Mars/Olympus", "+25:00", "", &"x".repeat(5_000)] {
        let answer = stack.client.patch(&path, &json!({"where_time_zone": zone}), None).await.expect(422);
        assert!(answer.text.contains("where_time_zone") && answer.text.len() < 2_000, "{}", answer.text);
    }
}
