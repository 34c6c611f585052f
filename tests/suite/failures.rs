//! What cannot work fails soon, once, and with a message that a person can act on.

use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

/// A source that is wrong in one field.
async fn wrong_source(stack: &Stack, field: &str, value: Value) -> String {
    let mut body = connection_body(&stack.source);
    body["name"] = json!(format!("wrong {field}"));
    body[field] = value;
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

/// Runs a task that must fail within 15 seconds, at the first attempt.
async fn check(stack: &Stack, source: &str, target: &str, options: &Value, expected: (&str, &str, &[&str])) {
    let (class, code, words) = expected;
    let task = stack.client.task(source, target, options).await;
    let job = stack.client.submit(&task).await;
    let job = stack.client.ended(&job, seconds(15)).await;
    let failure = job.failure.as_ref().unwrap_or_else(|| panic!("{code}: {job:#?}"));
    assert_eq!((job.state.as_str(), failure.class.as_str(), failure.code.as_str()), ("failed", class, code));
    assert!(!failure.hint.is_empty(), "{failure:?}");
    for word in words {
        assert!(failure.message.contains(word), "{word} in {failure:?}");
    }
    let attempts: i32 = stack
        .control
        .value(&format!("SELECT max(attempt) FROM steps WHERE job_id = '{}' AND kind = 'plan'", job.id))
        .await;
    assert_eq!(attempts, 1, "{code} is not tried again");
}

#[tokio::test]
async fn what_a_person_got_wrong_is_said() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, a INT); INSERT INTO t VALUES (1, 1)").await;
    let good = stack.client.connection(&stack.target).await;
    let none = json!({});

    let source = wrong_source(&stack, "password", json!("not this one")).await;
    let expected = ("connection_failure", "login_refused", &["wrong password", "1045"][..]);
    check(&stack, &source, &good, &none, expected).await;

    let source = wrong_source(&stack, "database", json!(format!("{}_gone", stack.source.name))).await;
    check(&stack, &source, &good, &none, ("permission_error", "privilege_missing", &["_gone"])).await;

    let mut admin = connection_body(&stack.source);
    admin["name"] = json!("unknown database");
    admin["username"] = json!(stack.source.server.admin_username);
    admin["password"] = json!(stack.source.server.admin_password);
    admin["database"] = json!("no_such_database");
    let source = stack.client.post("/v1/connections", &admin).await.expect(201).id();
    let expected = ("connection_failure", "unknown_database", &["no_such_database"][..]);
    check(&stack, &source, &good, &none, expected).await;

    let source = wrong_source(&stack, "name", json!("right")).await;
    let again = wrong_source(&stack, "host", json!("localhost")).await;
    check(&stack, &source, &again, &none, ("schema_mismatch", "same_database", &[])).await;

    let missing = json!({"mode": "selective", "tables": ["t", "missing"]});
    check(&stack, &source, &good, &missing, ("schema_mismatch", "unknown_table", &["missing"])).await;

    stack.target.run("CREATE TABLE t (id INT PRIMARY KEY, a BIGINT); INSERT INTO t VALUES (1, 1)").await;
    let expected = ("schema_mismatch", "structure_differs", &["t", "a", "bigint", "int"][..]);
    check(&stack, &source, &good, &none, expected).await;
    let untouched: i64 = stack.target.value("SELECT COUNT(*) FROM t").await;
    assert_eq!(untouched, 1);
}

#[tokio::test]
async fn a_server_that_is_away_is_asked_again() {
    let stack = Stack::running().await;
    let good = stack.client.connection(&stack.target).await;
    let source = wrong_source(&stack, "port", json!(place::free_port())).await;
    let task = stack.client.task(&source, &good, &json!({})).await;
    let job = stack.client.submit(&task).await;
    longshore_tests::wait::until("a second attempt", seconds(20), async || {
        let sql = format!("SELECT max(attempt) FROM steps WHERE job_id = '{job}'");
        (stack.control.value::<i32>(&sql).await >= 2).then_some(())
    })
    .await;
    assert_eq!(stack.client.job(&job).await.state, "running");
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let job = stack.client.ended(&job, seconds(15)).await;
    assert_eq!(job.state, "cancelled");
}
