//! Tests of connections (C6): saved or not, direct or behind SSH; each stage that fails says why.

use longshore_tests::client::{Client, connection_body};
use longshore_tests::place;
use longshore_tests::proxy::Proxy;
use longshore_tests::schema::Schema;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

use super::register;
use url::Url;

/// The body of a connection that nobody has registered yet, through these hops.
pub(super) fn body(schema: &Schema, hops: &[Value]) -> Value {
    let mut body = connection_body(schema);
    body["name"] = json!(place::fresh_name());
    if !hops.is_empty() {
        body["connection_type"] = json!(if hops.len() == 1 { "ssh" } else { "ssh+jump" });
        body["hops"] = json!(hops);
    }
    body
}

/// Asks for a test and waits for what it finds.
pub(super) async fn tested(client: &Client, path: &str, body: &Value) -> Value {
    let job = client.post(path, body).await.expect(202).id();
    let ended = client.completed(&job, seconds(60)).await;
    assert_eq!(ended.kind, "connection_test");
    let view = client.get(&format!("/v1/jobs/{job}/examination")).await.expect(200).body;
    assert_eq!((&view["job_id"], &view["state"]), (&json!(job), &json!("completed")));
    view["examination"].clone()
}

/// Tests a connection without saving it.
pub(super) async fn drafted(stack: &Stack, body: &Value) -> Value {
    tested(&stack.client, "/v1/connections/test", body).await
}

/// The stages that are not skipped, as `hop stage`, each with its code if it failed.
fn walked(examination: &Value) -> Vec<(String, Option<String>)> {
    let stages = examination["stages"].as_array().expect("stages");
    let reached = stages.iter().filter(|stage| stage["passage"] != "skipped");
    reached
        .map(|stage| {
            let hop = stage["hop"].as_u64().map_or(String::new(), |hop| format!("{hop} "));
            let failed = stage["passage"] == "failed";
            assert_eq!(failed, stage["failure"].is_object(), "{stage}");
            let code = stage["failure"]["code"].as_str().map(ToOwned::to_owned);
            (format!("{hop}{}", stage["stage"].as_str().unwrap()), code)
        })
        .collect()
}

/// The stage that a test ended at, and the code if that one failed.
pub(super) fn end(examination: &Value) -> (String, Option<String>) {
    walked(examination).pop().expect("a stage")
}

/// Panics unless the test ended at this stage with this code and said what to do.
#[track_caller]
pub(super) fn fails(examination: &Value, stage: &str, code: &str) -> Value {
    let last = walked(examination).pop();
    let expected = Some((stage.to_owned(), Some(code.to_owned())));
    assert_eq!(last, expected, "{examination:#}");
    assert_eq!(examination["passed"], false);
    assert_eq!(examination["server"], Value::Null);
    let stages = examination["stages"].as_array().unwrap();
    let failed = stages.iter().find(|stage| stage["passage"] == "failed").unwrap();
    assert!(failed["failure"]["hint"].as_str().is_some_and(|hint| hint.len() > 10), "{failed}");
    failed.clone()
}

#[track_caller]
fn passes(examination: &Value, flavour: &str, stages: &[&str]) {
    let found = walked(examination);
    let expected: Vec<_> = stages.iter().map(|stage| ((*stage).to_owned(), None)).collect();
    assert_eq!(found, expected, "{examination:#}");
    assert_eq!(examination["passed"], true);
    assert_eq!(examination["server"]["flavour"], flavour, "{examination:#}");
    assert_eq!(examination["features"].as_array().map(Vec::len), Some(7), "{examination:#}");
}

const DATABASE: [&str; 5] = ["tcp", "login", "database", "server", "privileges"];

#[tokio::test]
async fn c6_a_connection_is_tested_before_and_after_it_is_saved() {
    let (one, two) = (Sshd::start().await, Sshd::start().await);
    let stack = Stack::running().await;
    let own = ["dns", "address_policy", "tcp", "host_key", "ssh_login"];
    let hop = |number: u8, stages: &[&str]| -> Vec<String> {
        stages.iter().map(|stage| format!("{number} {stage}")).collect()
    };
    // What lies behind a hop is resolved and judged there.
    for (hops, way) in [
        (vec![], vec!["dns".to_owned(), "address_policy".to_owned()]),
        (vec![one.hop()], hop(1, &own)),
        (vec![one.hop(), two.hop()], [hop(1, &own), hop(2, &own[2..])].concat()),
    ] {
        let body = body(&stack.source, &hops);
        let expected: Vec<&str> = way.iter().map(String::as_str).chain(DATABASE).collect();
        passes(&drafted(&stack, &body).await, "MariaDB", &expected);
        let id = register(&stack, &body).await;
        let path = format!("/v1/connections/{id}");
        let before = stack.client.get(&path).await.expect(200).body;
        assert_eq!((&before["state"], &before["checked_at"]), (&json!("untested"), &Value::Null));
        let found = tested(&stack.client, &format!("{path}/test"), &json!({})).await;
        passes(&found, "MariaDB", &expected);
        let after = stack.client.get(&path).await.expect(200).body;
        assert_eq!((&after["state"], &after["examination"]), (&json!("verified"), &found), "{after:#}");
        assert!(after["checked_at"].is_string(), "{after:#}");
    }
    let none: i64 = stack.control.value("SELECT count(*) FROM secrets WHERE owner_kind = 'job'").await;
    assert_eq!(none, 0, "the secrets of drafts stay");
    // A test of a connection is in nobody's way who deletes it, and is no run of anything.
    let listed = stack.client.get("/v1/jobs?kind=connection_test").await.expect(200).body;
    assert_eq!(listed["items"].as_array().map(Vec::len), Some(6));
}

#[tokio::test]
async fn c6_each_stage_that_fails_is_named_with_its_remedy() {
    let sshd = Sshd::start().await;
    let stack = Stack::running().await;
    let good = body(&stack.source, &[]);
    let with = |field: &str, value: Value| {
        let mut body = good.clone();
        body[field] = value;
        body
    };
    let hop_with = |field: &str, value: Value| {
        let mut hop = sshd.hop();
        hop[field] = value;
        body(&stack.source, &[hop])
    };
    let free = json!(place::free_port());
    let mut by_password = sshd.hop();
    by_password.as_object_mut().unwrap().remove("private_key");
    by_password["password"] = json!("wrong");
    let mut wrong_key = sshd.hop();
    wrong_key["private_key"] = json!(sshd.other_key("ed25519"));
    let two = json!({"host": "127.0.0.1", "port": place::free_port(), "username": "u", "password": "p"});
    let mut behind = body(&stack.source, &[sshd.hop()]);
    behind["port"] = free.clone();
    for (body, stage, code) in [
        (with("host", json!("no-such-host.invalid")), "dns", "host_not_found"),
        (with("port", free.clone()), "tcp", "connection_refused"),
        (with("password", json!("wrong")), "login", "login_refused"),
        // Whether it is there is not told to an account without a right to it.
        (with("database", json!("no_such_database")), "database", "privilege_missing"),
        (hop_with("host", json!("no-such-host.invalid")), "1 dns", "host_not_found"),
        (hop_with("port", free.clone()), "1 tcp", "connection_refused"),
        (body(&stack.source, &[wrong_key]), "1 ssh_login", "ssh_login_refused"),
        (body(&stack.source, &[by_password]), "1 ssh_login", "ssh_login_refused"),
        (body(&stack.source, &[sshd.hop(), two]), "2 tcp", "unreachable_from_hop"),
        (behind, "tcp", "unreachable_from_hop"),
    ] {
        let found = drafted(&stack, &body).await;
        fails(&found, stage, code);
    }
    // The API takes no such address; a name may lead there all the same.
    for (body, stage, change) in [
        (good.clone(), "address_policy", "host = '169.254.169.254'"),
        (
            body(&stack.source, &[sshd.hop()]),
            "1 address_policy",
            "hops = jsonb_set(hops, '{0,host}', '\"169.254.169.254\"')",
        ),
    ] {
        let id = register(&stack, &body).await;
        stack.control.run(&format!("UPDATE connections SET {change} WHERE id = '{id}'")).await;
        let found = tested(&stack.client, &format!("/v1/connections/{id}/test"), &json!({})).await;
        fails(&found, stage, "address_not_allowed");
    }
    // A saved one is unreachable then, and its job has not failed.
    let mut wrong = with("password", json!("wrong"));
    wrong["name"] = json!(place::fresh_name());
    let id = register(&stack, &wrong).await;
    let found = tested(&stack.client, &format!("/v1/connections/{id}/test"), &json!({})).await;
    fails(&found, "login", "login_refused");
    let view = stack.client.get(&format!("/v1/connections/{id}")).await.expect(200).body;
    assert_eq!((&view["state"], &view["examination"]), (&json!("unreachable"), &found));
}

#[tokio::test]
async fn c6_a_postgresql_server_is_tested_too() {
    let sshd = Sshd::start().await;
    let stack = Stack::running().await;
    // Any database does: here it is the fleet's own, by a way that the fleet does not know as its
    // own, since no connection may lead to that.
    let url = Url::parse(&stack.control.system_url).unwrap();
    let proxy = Proxy::before(url.port().unwrap());
    for (hops, way) in [
        (vec![], vec!["dns", "address_policy"]),
        (vec![sshd.hop()], vec!["1 dns", "1 address_policy", "1 tcp", "1 host_key", "1 ssh_login"]),
    ] {
        let mut body = body(&stack.source, &hops);
        (body["engine"], body["port"]) = (json!("postgresql"), json!(proxy.port));
        (body["database"], body["username"]) = (json!(stack.control.name), json!(url.username()));
        body["password"] = json!(url.password());
        let expected: Vec<&str> = way.into_iter().chain(DATABASE).collect();
        passes(&drafted(&stack, &body).await, "PostgreSQL", &expected);
    }
}
