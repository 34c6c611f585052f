//! Where a worker may connect to at all (C10): by address, at every connect, at the first hop.

use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::register;

/// A job that reads `source` is refused by the policy before anything is connected to.
async fn refused(stack: &Stack, source: &Value, why: &str) {
    let mut source = source.clone();
    source["name"] = json!(place::fresh_name());
    let mut target = connection_body(&stack.target);
    target["name"] = json!(place::fresh_name());
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

#[tokio::test]
async fn i02_t12_longshores_own_services_are_never_a_customers() {
    let stack = Stack::running().await;
    let port = |url: &str| url::Url::parse(url).unwrap().port().unwrap();
    let own = "one of Longshore's own services";
    for port in [port(&stack.control.system_url), port(&stack.broker.amqp_url)] {
        for host in ["127.0.0.1", "localhost", "127.1", "127.0.0.2", "::1"] {
            refused(&stack, &changed(&stack.source, &json!({"host": host, "port": port})), own).await;
        }
        let hop = json!({"host": "localhost", "port": port, "username": "x", "password": "x"});
        let tunnel = json!({"connection_type": "ssh", "hops": [hop]});
        refused(&stack, &changed(&stack.source, &tunnel), own).await;
    }
}

#[tokio::test]
async fn c10_t13_an_operators_bounds_hold_for_the_first_hop_too() {
    let sshd = Sshd::start().await;
    let stack = Stack::running_with(&[("ADDRESSES_DENIED", "127.0.0.0/8 ::1/128")]).await;
    let denied = "in a range that is denied here";
    refused(&stack, &connection_body(&stack.source), denied).await;
    let tunnel = json!({"connection_type": "ssh", "hops": [sshd.hop()]});
    refused(&stack, &changed(&stack.source, &tunnel), denied).await;
    assert_eq!(sshd.sessions(), 0);

    let stack = Stack::running_with(&[("ADDRESSES_ALLOWED", "10.0.0.0/8,fd00::/8")]).await;
    refused(&stack, &connection_body(&stack.source), "in no range that is allowed here").await;
    let stack = Stack::running_with(&[("LOOPBACK_ALLOWED", "false")]).await;
    refused(&stack, &changed(&stack.source, &tunnel), "the worker's own machine").await;
    assert_eq!(sshd.sessions(), 0);
}
