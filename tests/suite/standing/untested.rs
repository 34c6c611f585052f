//! Tasks take connections that were seen to work, or say that they need not have been.

use longshore_tests::client::connection_body;
use longshore_tests::place::fresh_name;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

/// Registers a connection with some fields replaced.
async fn register(stack: &Stack, changes: &Value) -> String {
    let mut body = connection_body(&stack.source);
    body["name"] = json!(fresh_name());
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

/// Tests a connection; answers its state then.
async fn tested(stack: &Stack, id: &str) -> String {
    let job = stack.client.post(&format!("/v1/connections/{id}/test"), &json!({})).await.expect(202).id();
    stack.client.completed(&job, seconds(60)).await;
    let shown = stack.client.get(&format!("/v1/connections/{id}")).await.expect(200).body;
    shown["state"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn n23_a_task_takes_verified_connections_unless_it_says_otherwise() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let body = |source: &str, target: &str, more: Value| {
        let mut body = json!({
            "name": fresh_name(), "source_id": source, "target_id": target, "mode": "full", "policy": "source_first",
        });
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    let source = register(&stack, &json!({})).await;
    let target = stack.client.connection(&stack.target).await;
    let dead = register(&stack, &json!({"port": 1, "database": "elsewhere"})).await;
    let refused = async |source: &str, target: &str, field: &str, code: &str| {
        let answer = stack.client.post("/v1/sync-tasks", &body(source, target, json!({}))).await;
        let answer = answer.expect_problem(409, code);
        assert_eq!(answer.body["field"], field, "{}", answer.text);
        assert!(answer.body["hint"].as_str().unwrap().contains("allow_untested"), "{}", answer.text);
    };
    refused(&source, &target, "source_id", "connection_not_verified").await;
    assert_eq!(tested(&stack, &source).await, "verified");
    refused(&source, &target, "target_id", "connection_not_verified").await;
    assert_eq!(tested(&stack, &target).await, "verified");
    assert_eq!(tested(&stack, &dead).await, "unreachable");
    refused(&dead, &target, "source_id", "connection_unreachable").await;
    refused(&source, &dead, "target_id", "connection_unreachable").await;
    let task = stack.client.post("/v1/sync-tasks", &body(&source, &target, json!({}))).await.expect(201).id();
    for (untested, status) in [(json!(true), 201), (json!(false), 409), (json!("yes"), 422)] {
        let wanted = body(&dead, &target, json!({"allow_untested": untested}));
        stack.client.post("/v1/sync-tasks", &wanted).await.expect(status);
    }
    // A connection that leads elsewhere since is one that nobody has tested; the task that has it runs.
    let path = format!("/v1/connections/{source}");
    let password = stack.source.password.clone();
    let moved = json!({"host": "localhost", "password": password});
    stack.client.patch(&path, &moved, None).await.expect(200);
    refused(&source, &target, "source_id", "connection_not_verified").await;
    stack.run_completed(&task).await;
}
