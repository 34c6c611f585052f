//! Protected connections (C9): nothing is written to one unless a person named it and knew its
//! password.

use longshore_tests::agree::agree;
use longshore_tests::client::{Answer, Job, connection_body};
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::register;
use crate::schedules::make_due;

/// The ids of a source and of a protected target.
async fn sides(stack: &Stack) -> (String, String) {
    let source = stack.client.connection(&stack.source).await;
    let mut body = connection_body(&stack.target);
    body["protected"] = json!(true);
    (source, register(stack, &body).await)
}

/// What confirms, with these fields instead.
fn confirmed(stack: &Stack, changes: &Value) -> Value {
    let mut given = json!({"confirm_target": stack.target.name, "target_password": stack.target.password});
    for (field, value) in changes.as_object().unwrap() {
        given[field] = value.clone();
    }
    given
}

async fn ask(stack: &Stack, task: &str, given: &Value) -> Answer {
    stack.client.post(&format!("/v1/sync-tasks/{task}/runs"), given).await
}

async fn ran(stack: &Stack, task: &str, given: &Value) -> Job {
    let job = ask(stack, task, given).await.expect(202).id();
    stack.client.ended(&job, seconds(60)).await
}

#[track_caller]
fn failed(job: &Job, code: &str) {
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", code), "{job:#?}");
}

#[tokio::test]
async fn c9_t31_a_run_into_a_protected_target_names_it_and_knows_its_password() {
    let stack = Stack::running().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let (source, target) = sides(&stack).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    for (changes, code, field) in [
        (json!({"confirm_target": null, "target_password": null}), "invalid_fields", "confirm_target"),
        (json!({"confirm_target": null}), "confirmation_needed", "confirm_target"),
        (json!({"confirm_target": stack.source.name}), "confirmation_wrong", "confirm_target"),
        (json!({"target_password": null}), "secret_needed", "target_password"),
        (json!({"source_password": "x"}), "not_asked", "source_password"),
    ] {
        let refused = ask(&stack, &task, &confirmed(&stack, &changes)).await.expect_problem(422, code);
        assert_eq!(refused.body["field"], field, "{}", refused.text);
    }
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs").await, 0);
    for wrong in ["", "wrong", &format!("{} ", stack.target.password), &stack.source.password] {
        failed(
            &ran(&stack, &task, &confirmed(&stack, &json!({"target_password": wrong}))).await,
            "confirmation_failed",
        );
    }
    assert_eq!(stack.target.tables().await, [""; 0], "something was written");
    let job = ran(&stack, &task, &confirmed(&stack, &json!({}))).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    agree(&stack.source, &stack.target).await;
    // It is read as any other; what it confirms is a write.
    let back = stack.client.task(&target, &source, &json!({})).await;
    assert_eq!(ran(&stack, &back, &json!({})).await.state, "completed");
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn c9_a_protection_is_taken_away_by_who_knows_the_password() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let (source, target) = sides(&stack).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let path = format!("/v1/connections/{target}");
    let edit = async |change: &Value| stack.client.patch(&path, change, None).await;
    let (name, password) = (&stack.target.name, &stack.target.password);
    for (change, code) in [
        (json!({"protected": false}), "invalid_fields"),
        (json!({"protected": false, "password": password}), "confirmation_needed"),
        (
            json!({"protected": false, "confirm": stack.source.name, "password": password}),
            "confirmation_wrong",
        ),
        (json!({"protected": false, "confirm": name}), "secret_needed"),
        (json!({"confirm": name}), "not_asked"),
    ] {
        edit(&change).await.expect_problem(422, code);
    }
    let shown = stack.client.get(&path).await.expect(200).body;
    assert_eq!((&shown["protected"], &shown["version"]), (&json!(true), &json!(1)));
    // Whoever guesses wrong has stored what lets nobody in.
    edit(&json!({"protected": false, "confirm": name, "password": "wrong"})).await.expect(200);
    failed(&ran(&stack, &task, &json!({})).await, "login_refused");
    assert_eq!(stack.target.tables().await, [""; 0]);
    edit(&json!({"protected": true})).await.expect(200);
    edit(&json!({"protected": false, "confirm": name, "password": password})).await.expect(200);
    let job = ran(&stack, &task, &json!({})).await;
    assert_eq!(job.state, "completed", "{job:#?}");
}

/// Lets the task's schedule fire; answers how its run ended.
async fn fires(stack: &Stack, place: i64) -> Job {
    make_due(stack, place).await;
    let fired = "SELECT id::text FROM jobs WHERE requested_by_kind = 'schedule' ORDER BY id";
    let job = until("the schedule fires", seconds(40), async || {
        let ids: Vec<String> = stack.control.column(fired).await;
        i64::try_from(ids.len()).is_ok_and(|count| count == place).then(|| ids.last().cloned()).flatten()
    })
    .await;
    stack.client.ended(&job, seconds(60)).await
}

#[tokio::test]
async fn c9_t31_a_schedule_into_a_protected_target_is_confirmed_when_it_is_saved() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let (source, target) = sides(&stack).await;
    let with = |given: &Value| {
        let mut body = json!({"name": "nightly", "source_id": source, "target_id": target, "mode": "full",
            "policy": "source_first", "schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"},
            "allow_untested": true});
        for (field, value) in given.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    for (given, code) in [
        (json!({}), "invalid_fields"),
        (confirmed(&stack, &json!({"confirm_target": "x"})), "confirmation_wrong"),
        (confirmed(&stack, &json!({"target_password": null})), "secret_needed"),
        (confirmed(&stack, &json!({"schedule": null})), "invalid_fields"),
        (confirmed(&stack, &json!({"enabled": false, "confirm_target": null})), "not_asked"),
    ] {
        stack.client.post("/v1/sync-tasks", &with(&given)).await.expect_problem(422, code);
    }
    let wrong = confirmed(&stack, &json!({"target_password": "wrong"}));
    let task = stack.client.post("/v1/sync-tasks", &with(&wrong)).await.expect(201).id();
    let path = format!("/v1/sync-tasks/{task}");
    let shown = async || {
        let one = stack.client.get(&path).await.expect(200).body["target_confirmed"].clone();
        let all = stack.client.get("/v1/sync-tasks").await.expect(200).body;
        assert_eq!(all["items"][0]["target_confirmed"], one, "{all}");
        one
    };
    assert_eq!(shown().await, json!(true));
    failed(&fires(&stack, 1).await, "confirmation_failed");
    assert_eq!(stack.target.tables().await, [""; 0]);

    stack.client.patch(&path, &json!({"name": "other"}), None).await.expect_problem(422, "invalid_fields");
    stack.client.patch(&path, &confirmed(&stack, &json!({})), None).await.expect(200);
    let kept = "SELECT (SELECT count(*) FROM secrets WHERE owner_kind = 'schedule') * 10 + count(*)
                FROM target_confirmations";
    assert_eq!(stack.control.value::<i64>(kept).await, 11);
    assert_eq!(fires(&stack, 2).await.state, "completed");
    agree(&stack.source, &stack.target).await;
    assert_eq!(stack.control.value::<i64>(kept).await, 1, "the password is kept although it was proven");
    assert_eq!(fires(&stack, 3).await.state, "completed");

    // It leads elsewhere, if only by name.
    let change = json!({"host": "localhost", "password": stack.target.password});
    stack.client.patch(&format!("/v1/connections/{target}"), &change, None).await.expect(200);
    assert_eq!(shown().await, json!(false));
    stack.source.run("INSERT INTO t VALUES (2)").await;
    failed(&fires(&stack, 4).await, "confirmation_void");
    assert_eq!(stack.target.value::<i64>("SELECT count(*) FROM t").await, 1);
    let change = json!({"host": "127.0.0.1", "password": stack.target.password});
    stack.client.patch(&format!("/v1/connections/{target}"), &change, None).await.expect(200);
    failed(&fires(&stack, 5).await, "confirmation_void");
    stack.client.patch(&path, &confirmed(&stack, &json!({})), None).await.expect(200);
    assert_eq!(shown().await, json!(true));
    assert_eq!(fires(&stack, 6).await.state, "completed");
    // What does not fire needs nobody's word, and keeps none.
    stack.client.patch(&path, &json!({"enabled": false}), None).await.expect(200);
    assert_eq!((stack.control.value::<i64>(kept).await, shown().await), (0, Value::Null));
    stack.client.patch(&path, &json!({"enabled": true}), None).await.expect_problem(422, "invalid_fields");
}

#[tokio::test]
async fn c9_what_became_protected_meanwhile_is_not_written() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    let schedule = json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"}});
    let task = stack.client.task(&source, &target, &schedule).await;
    let asked = stack.client.submit(&task).await;
    let change = json!({"protected": true});
    stack.client.patch(&format!("/v1/connections/{target}"), &change, None).await.expect(200);
    stack.start_worker();
    stack.ready().await;
    failed(&stack.client.ended(&asked, seconds(40)).await, "confirmation_void");
    failed(&fires(&stack, 1).await, "confirmation_void");
    assert_eq!(stack.target.tables().await, [""; 0]);
    invariants::hold_in_the_control_plane(&stack).await;
}
