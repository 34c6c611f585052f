//! Where a worker may connect to at all (C10): by address, at every connect, at the first hop.

use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::connection_tests::{fails, tested};
use super::register;

/// A job that reads `source` is refused by the policy before anything is connected to.
async fn refused(stack: &Stack, source: &Value, why: &str) {
    let mut source = source.clone();
    source["name"] = json!(place::fresh_name());
    let mut target = connection_body(&stack.target);
    // By its name, which the API lets pass everywhere.
    (target["name"], target["host"]) = (json!(place::fresh_name()), json!("localhost"));
    let (source, target) = (register(stack, &source).await, register(stack, &target).await);
    let task = stack.client.task(&source, &target, &json!({})).await;
    let failure = stack.run(&task).await.failure.expect("the way is out of bounds");
    assert_eq!(failure.code, "address_not_allowed", "{failure:?}");
    assert!(failure.message.contains(why), "{why}: {failure:?}");
}

fn changed(schema: &Schema, changes: &Value) -> Value {
    let mut body = connection_body(schema);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// The API refuses what is spelt as an address; by a name, or past the API, the worker does.
async fn refused_by_both(stack: &Stack, body: &Value, field: &str, why: &str) {
    let mut body = body.clone();
    body["name"] = json!(place::fresh_name());
    for path in ["/v1/connections", "/v1/connections/test"] {
        let told = stack.client.post(path, &body).await.expect_problem(422, "address_not_allowed");
        assert_eq!(told.body["field"], field, "{}", told.text);
        assert!(told.body["detail"].as_str().unwrap().contains(why), "{}", told.text);
    }
    let spelt = if field == "host" { &body["host"] } else { &body["hops"][0]["host"] };
    let spelt = spelt.as_str().unwrap().to_owned();
    match field {
        "host" => body["host"] = json!("localhost"),
        _ => body["hops"][0]["host"] = json!("localhost"),
    }
    refused(stack, &body, why).await;
    let change = match field {
        "host" => format!("host = '{spelt}'"),
        _ => format!("hops = jsonb_set(hops, '{{0,host}}', '\"{spelt}\"')"),
    };
    body["name"] = json!(place::fresh_name());
    let id = register(stack, &body).await;
    stack.control.run(&format!("UPDATE connections SET {change} WHERE id = '{id}'")).await;
    let found = tested(&stack.client, &format!("/v1/connections/{id}/test"), &json!({})).await;
    let stage = if field == "host" { "address_policy" } else { "1 address_policy" };
    fails(&found, stage, "address_not_allowed");
}

#[tokio::test]
async fn i02_t12_longshores_own_services_are_never_a_customers() {
    let stack = Stack::running().await;
    let port = |url: &str| url::Url::parse(url).unwrap().port().unwrap();
    let own = "one of Longshore's own services";
    let named = stack.broker.management();
    let management = named.rsplit_once(':').unwrap().1.parse().unwrap();
    for port in [port(&stack.control.system_url), port(&stack.broker.amqp_url), management] {
        for host in ["127.0.0.1", "127.1", "127.0.0.2", "::1"] {
            let body = changed(&stack.source, &json!({"host": host, "port": port}));
            refused_by_both(&stack, &body, "host", own).await;
        }
        let hop = json!({"host": "127.0.0.1", "port": port, "username": "x", "password": "x"});
        let tunnel = json!({"connection_type": "ssh", "hops": [hop]});
        refused_by_both(&stack, &changed(&stack.source, &tunnel), "hops.0.host", own).await;
    }
}

#[tokio::test]
async fn c10_t13_an_operators_bounds_hold_for_the_first_hop_too() {
    let sshd = Sshd::start().await;
    let behind = |stack: &Stack| {
        // What a hop calls its own machine is nobody else's business.
        let there = json!({"connection_type": "ssh", "hops": [sshd.hop()], "host": "127.0.0.1"});
        changed(&stack.source, &there)
    };
    for (setting, value, why) in [
        ("ADDRESSES_DENIED", "127.0.0.0/8 ::1/128", "in a range that is denied here"),
        ("ADDRESSES_ALLOWED", "10.0.0.0/8,fd00::/8", "in no range that is allowed here"),
        ("LOOPBACK_ALLOWED", "false", "the worker's own machine"),
    ] {
        let stack = Stack::running_with(&[(setting, value)]).await;
        refused_by_both(&stack, &connection_body(&stack.source), "host", why).await;
        refused_by_both(&stack, &behind(&stack), "hops.0.host", why).await;
        assert_eq!(sshd.sessions(), 0, "{setting}");
    }
}

#[tokio::test]
async fn i02_an_edit_may_not_lead_where_nobody_may() {
    let stack = Stack::running_with(&[("ADDRESSES_DENIED", "10.66.0.0/16")]).await;
    let sshd = Sshd::start().await;
    let body =
        changed(&stack.source, &json!({"connection_type": "ssh", "hops": [sshd.hop()], "host": "10.66.0.1"}));
    let id = register(&stack, &body).await;
    let path = format!("/v1/connections/{id}");
    let mut hop = sshd.hop();
    hop["host"] = json!("10.66.0.2");
    for (change, field) in [
        (json!({"connection_type": "direct", "password": "x"}), "host"),
        (json!({"hops": [hop], "password": "x"}), "hops.0.host"),
    ] {
        let told = stack.client.patch(&path, &change, None).await.expect_problem(422, "address_not_allowed");
        assert_eq!(told.body["field"], field, "{}", told.text);
    }
    // Forbidden since: it may be renamed, and led to where it may lead.
    let old = format!(
        "UPDATE connections SET hops = jsonb_set(hops, '{{0,host}}', '\"10.66.0.3\"') WHERE id = '{id}'"
    );
    stack.control.run(&old).await;
    stack.client.patch(&path, &json!({"name": place::fresh_name()}), None).await.expect(200);
    stack.client.patch(&path, &json!({"hops": [sshd.hop()], "password": "x"}), None).await.expect(200);
}
