//! Connections that do not store their password (C1): it comes with each run and each test, and
//! goes with the job.

use longshore_tests::agree::agree;
use longshore_tests::client::{Answer, connection_body};
use longshore_tests::invariants;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::connection_tests::{body, tested};
use super::edits::Rogue;
use super::register;

/// The body of a connection that asks for its password.
fn asking(schema: &Schema) -> Value {
    let mut body = connection_body(schema);
    body.as_object_mut().unwrap().remove("password");
    body["ask_password"] = json!(true);
    body
}

async fn secrets(stack: &Stack) -> i64 {
    stack.control.value("SELECT count(*) FROM secrets WHERE owner_kind = 'job'").await
}

async fn ask(stack: &Stack, task: &str, given: &Value) -> Answer {
    stack.client.post(&format!("/v1/sync-tasks/{task}/runs"), given).await
}

fn both(stack: &Stack) -> Value {
    json!({"source_password": stack.source.password, "target_password": stack.target.password})
}

#[tokio::test]
async fn c1_a_password_that_is_asked_for_comes_with_each_run_and_goes_with_it() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let source = register(&stack, &asking(&stack.source)).await;
    let target = register(&stack, &asking(&stack.target)).await;
    let stored: i64 =
        stack.control.value("SELECT count(*) FROM secrets WHERE owner_kind = 'connection'").await;
    assert_eq!(stored, 0);
    let shown = stack.client.get(&format!("/v1/connections/{source}")).await.expect(200).body;
    assert_eq!((&shown["ask_password"], &shown["protected"]), (&json!(true), &json!(false)));
    let task = stack.client.task(&source, &target, &json!({})).await;

    let refused = ask(&stack, &task, &json!({})).await.expect_problem(422, "invalid_fields");
    let fields: Vec<_> = refused.body["errors"].as_array().unwrap().iter().collect();
    let told: Vec<_> = fields.iter().map(|error| (&error["field"], &error["code"])).collect();
    let needed = json!("secret_needed");
    assert_eq!(told, [(&json!("source_password"), &needed), (&json!("target_password"), &needed)]);
    let one = json!({"source_password": "x"});
    let refused = ask(&stack, &task, &one).await.expect_problem(422, "secret_needed");
    assert_eq!(refused.body["field"], "target_password");
    let mut named = both(&stack);
    named["confirm_target"] = json!(stack.target.name);
    ask(&stack, &task, &named).await.expect_problem(422, "not_asked");
    assert_eq!(
        (secrets(&stack).await, stack.control.value::<i64>("SELECT count(*) FROM jobs").await),
        (0, 0)
    );

    // Cancelled before any worker came.
    let job = ask(&stack, &task, &both(&stack)).await.expect(202).id();
    assert_eq!(secrets(&stack).await, 2);
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    assert_eq!(stack.client.ended(&job, seconds(20)).await.state, "cancelled");
    assert_eq!(secrets(&stack).await, 0);

    stack.start_worker();
    stack.ready().await;
    let wrong = json!({"source_password": stack.source.password, "target_password": "wrong"});
    let job = ask(&stack, &task, &wrong).await.expect(202).id();
    let failed = stack.client.ended(&job, seconds(30)).await;
    assert_eq!((failed.state.as_str(), failed.why().code.as_str()), ("failed", "login_refused"));
    assert_eq!(secrets(&stack).await, 0);

    let job = ask(&stack, &task, &both(&stack)).await.expect(202).id();
    stack.client.completed(&job, seconds(60)).await;
    agree(&stack.source, &stack.target).await;
    assert_eq!(secrets(&stack).await, 0);
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn c1_what_nobody_is_there_to_be_asked_for_does_not_run_by_itself() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let source = register(&stack, &asking(&stack.source)).await;
    let target = stack.client.connection(&stack.target).await;
    let schedule = json!({"cron": "0 3 * * *", "time_zone": "UTC"});
    let mut wanted = json!({"name": "nightly", "source_id": source, "target_id": target, "mode": "full",
        "policy": "source_first", "schedule": schedule, "allow_untested": true});
    let refused = stack.client.post("/v1/sync-tasks", &wanted).await;
    assert_eq!(refused.expect_problem(422, "password_not_stored").body["field"], "schedule");
    wanted.as_object_mut().unwrap().remove("schedule");
    let task = stack.client.post("/v1/sync-tasks", &wanted).await.expect(201).id();
    let path = format!("/v1/sync-tasks/{task}");
    let change = json!({"schedule": schedule});
    stack.client.patch(&path, &change, None).await.expect_problem(422, "password_not_stored");
    // What stores its password is not given one.
    let given = json!({"source_password": "x", "target_password": "x"});
    let refused = ask(&stack, &task, &given).await.expect_problem(422, "not_asked");
    assert_eq!(refused.body["field"], "target_password");

    // Stored again it is free to; and then nobody takes the password away.
    let connection = format!("/v1/connections/{source}");
    let edit = async |change: Value| stack.client.patch(&connection, &change, None).await;
    let refused = edit(json!({"ask_password": false})).await.expect_problem(422, "secret_needed");
    assert_eq!(refused.body["field"], "password");
    edit(json!({"password": "x"})).await.expect_problem(422, "not_asked");
    edit(json!({"ask_password": false, "password": stack.source.password})).await.expect(200);
    stack.client.patch(&path, &change, None).await.expect(200);
    edit(json!({"ask_password": true})).await.expect_problem(409, "task_unfit");
    stack.client.patch(&path, &json!({"schedule": null}), None).await.expect(200);
    edit(json!({"ask_password": true})).await.expect(200);
    let left: Vec<String> =
        stack.control.column("SELECT connection_id::text FROM secrets WHERE owner_kind = 'connection'").await;
    assert_eq!(left, [target]);
    let mut twice = asking(&stack.source);
    (twice["name"], twice["password"]) = (json!("another"), json!("x"));
    stack.client.post("/v1/connections", &twice).await.expect_problem(422, "not_asked");
}

#[tokio::test]
async fn c6_a_connection_that_asks_is_tested_with_what_is_given() {
    let stack = Stack::running_with(&[("RECHECK_SECONDS", "1")]).await;
    let id = register(&stack, &asking(&stack.source)).await;
    let good = register(&stack, &body(&stack.target, &[])).await;
    let path = format!("/v1/connections/{id}/test");
    let other = format!("/v1/connections/{good}/test");
    stack.client.post(&path, &json!({})).await.expect_problem(422, "secret_needed");
    stack.client.post(&other, &json!({"password": "x"})).await.expect_problem(422, "not_asked");
    let draft = asking(&stack.source);
    stack.client.post("/v1/connections/test", &draft).await.expect_problem(422, "secret_needed");
    // The background passes over what it could only ask for.
    let state = async |id: &str| {
        let view = stack.client.get(&format!("/v1/connections/{id}")).await.expect(200).body;
        view["state"].as_str().unwrap().to_owned()
    };
    until("the other one is tested", seconds(40), async || (state(&good).await == "verified").then_some(()))
        .await;
    assert_eq!(state(&id).await, "untested");
    for (password, passed) in [("wrong", false), (stack.source.password.as_str(), true)] {
        let found = tested(&stack.client, &path, &json!({"password": password})).await;
        assert_eq!(found["passed"], passed, "{found:#}");
    }
    assert_eq!(state(&id).await, "verified");
    let mut draft = draft;
    draft["password"] = json!(stack.source.password);
    let found = tested(&stack.client, "/v1/connections/test", &draft).await;
    assert_eq!(found["passed"], true, "{found:#}");
    let tests = format!("SELECT count(*) FROM jobs WHERE source_id = '{id}'");
    assert_eq!(stack.control.value::<i64>(&tests).await, 2);
    assert_eq!(secrets(&stack).await, 0);
}

#[tokio::test]
async fn t11_a_password_that_was_given_does_not_follow_a_changed_host() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let source = register(&stack, &asking(&stack.source)).await;
    let target = register(&stack, &asking(&stack.target)).await;
    let queues = json!({"overlap": "queue"});
    let task = stack.client.task(&source, &target, &queues).await;
    let active = ask(&stack, &task, &both(&stack)).await.expect(202).id();
    let queued = ask(&stack, &task, &both(&stack)).await.expect(202).id();
    let path = format!("/v1/connections/{source}/test");
    let test = stack.client.post(&path, &json!({"password": "x"})).await.expect(202).id();
    let rogue = Rogue::start().await;
    // No stored secret stands in the way of this edit.
    let change = json!({"port": rogue.port, "timeout_seconds": 2});
    stack.client.patch(&format!("/v1/connections/{source}"), &change, None).await.expect(200);
    stack.start_worker();
    stack.ready().await;
    for job in [&test, &active, &queued] {
        let ended = stack.client.ended(job, seconds(40)).await;
        assert_eq!((ended.state.as_str(), ended.why().code.as_str()), ("failed", "connection_changed"));
    }
    assert_eq!((rogue.visits(), secrets(&stack).await), (0, 0));
    // Asked anew, it goes where the connection leads by now.
    let job = ask(&stack, &task, &both(&stack)).await.expect(202).id();
    until("the other place is asked", seconds(30), async || (rogue.visits() > 0).then_some(())).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    stack.client.ended(&job, seconds(20)).await;
    invariants::hold_in_the_control_plane(&stack).await;
}
