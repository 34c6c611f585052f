//! Edits of connections: what they change, and that no stored secret goes elsewhere (T11).

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::invariants;
use longshore_tests::place;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

/// Somebody else's server: counts who comes, and lets nobody in.
pub(super) struct Rogue {
    pub(super) port: u16,
    visits: Arc<AtomicUsize>,
    _tasks: JoinSet<()>,
}

impl Rogue {
    pub(super) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, visits) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
        let count = Arc::clone(&visits);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            while listener.accept().await.is_ok() {
                count.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { port, visits, _tasks: tasks }
    }

    pub(super) fn visits(&self) -> usize {
        self.visits.load(Ordering::SeqCst)
    }
}

/// The ids of a fresh task and of its two connections.
async fn task(stack: &Stack) -> (String, String, String) {
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    (stack.client.task(&source, &target, &json!({})).await, source, target)
}

async fn edit(stack: &Stack, id: &str, change: &Value) -> longshore_tests::client::Answer {
    stack.client.patch(&format!("/v1/connections/{id}"), change, None).await
}

#[tokio::test]
async fn t11_a_stored_password_never_follows_a_changed_host() {
    let stack = Stack::running().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let (task, source, _) = task(&stack).await;
    let rogue = Rogue::start().await;
    for change in [
        json!({"port": rogue.port}),
        json!({"host": "localhost", "port": rogue.port}),
        json!({"username": "somebody"}),
        json!({"tls": {"mode": "prefer"}}),
        json!({"connection_type": "ssh", "hops": [{"host": "127.0.0.1", "port": rogue.port, "username": "x", "password": "x"}]}),
    ] {
        let refused = edit(&stack, &source, &change).await.expect_problem(422, "secret_needed");
        assert_eq!(refused.body["field"], "password", "{}", refused.text);
    }
    let shown = stack.client.get(&format!("/v1/connections/{source}")).await.expect(200);
    assert_eq!((&shown.body["version"], &shown.body["port"]), (&json!(1), &json!(stack.source.server.port)));
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    assert_eq!(rogue.visits(), 0);

    // With a password of its own the other place is reached, by that password only.
    let change = json!({"port": rogue.port, "password": "another", "timeout_seconds": 2});
    edit(&stack, &source, &change).await.expect(200);
    let sealed: Vec<i64> =
        stack.control.column("SELECT version::bigint FROM secrets WHERE version > 1").await;
    assert_eq!(sealed, [2], "the old password is gone");
    let job = stack.client.submit(&task).await;
    until("the other place is asked", seconds(30), async || (rogue.visits() > 0).then_some(())).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    stack.client.ended(&job, seconds(20)).await;
}

#[tokio::test]
async fn t11_a_job_that_began_with_one_server_is_not_carried_on_with_another() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let (task, source, target) = task(&stack).await;
    let job = stack.client.submit(&task).await;
    let rogue = Rogue::start().await;
    let change = json!({"port": rogue.port, "password": stack.target.password});
    edit(&stack, &target, &change).await.expect(200);
    stack.start_worker();
    stack.ready().await;
    let failed = stack.client.ended(&job, seconds(30)).await;
    let failure = failed.failure.expect("the connection leads elsewhere");
    assert_eq!(
        (failed.state.as_str(), failure.code.as_str()),
        ("failed", "connection_changed"),
        "{failure:?}"
    );
    assert_eq!(rogue.visits(), 0);
    // Nor with another database of the same server.
    let back = json!({"port": stack.target.server.port, "password": stack.target.password});
    edit(&stack, &target, &back).await.expect(200);
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    let answer = edit(&stack, &source, &json!({"database": "no_such_database"})).await.expect(200);
    assert_eq!(answer.body["state"], "untested");
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn an_edit_that_leads_to_the_same_place_disturbs_no_running_job() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "250")]).await;
    longshore_tests::seeds::shop(&stack.source, 3_000).await;
    let (task, source, target) = task(&stack).await;
    let job = stack.client.submit(&task).await;
    until("it runs", seconds(30), async || (stack.client.job(&job).await.state != "pending").then_some(()))
        .await;
    for (id, schema) in [(&source, &stack.source), (&target, &stack.target)] {
        let renamed = json!({"name": place::fresh_name(), "timeout_seconds": 20, "max_sessions": 50});
        edit(&stack, id, &renamed).await.expect(200);
        edit(&stack, id, &json!({"password": schema.password, "max_sessions": null})).await.expect(200);
        edit(&stack, id, &json!({})).await.expect(200);
    }
    stack.client.completed(&job, seconds(60)).await;
    // What was sealed for an older version of the row opens still.
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn i37_an_edit_of_what_was_changed_since_is_refused_and_each_field_is_checked() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let (_, source, target) = task(&stack).await;
    let path = format!("/v1/connections/{source}");
    let seen = stack.client.request(Method::GET, &path).send().await.unwrap();
    assert_eq!(seen.headers()["etag"], "\"1\"");
    stack.client.patch(&path, &json!({"name": "one"}), Some("\"1\"")).await.expect(200);
    stack.client.patch(&path, &json!({"name": "two"}), Some("\"1\"")).await.expect_problem(412, "stale_edit");
    let check = async |change: Value, status: u16, code: &str| {
        stack.client.patch(&path, &change, None).await.expect_problem(status, code)
    };
    check(json!({"name": stack.target.name.to_uppercase()}), 409, "name_taken").await;
    check(json!({"name": " "}), 422, "required").await;
    check(json!({"host": "http://h"}), 422, "invalid_host").await;
    check(json!({"host": "169.254.169.254", "password": "x"}), 422, "address_not_allowed").await;
    check(json!({"port": 0}), 422, "invalid_value").await;
    check(json!({"max_sessions": 0, "timeout_seconds": 0}), 422, "invalid_fields").await;
    check(json!({"state": "verified"}), 422, "unknown_field").await;
    check(json!({"tls": {"mode": "always"}}), 422, "invalid_value").await;
    // What its tasks could not be made with.
    check(json!({"engine": "postgresql", "password": "x"}), 409, "task_unfit").await;
    let written = format!("/v1/connections/{target}");
    let system = stack.client.patch(&written, &json!({"database": "mysql"}), None).await;
    system.expect_problem(409, "task_unfit");
    let same = connection_body(&stack.source);
    let same = json!({"port": same["port"], "database": same["database"], "password": "x"});
    stack.client.patch(&written, &same, None).await.expect_problem(409, "task_unfit");
    let shown = stack.client.get(&path).await.expect(200);
    assert_eq!((&shown.body["name"], &shown.body["version"]), (&json!("one"), &json!(2)), "{}", shown.text);
}
