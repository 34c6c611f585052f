//! Limits over the whole fleet, as a customer's server and a neighbour feel them.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};

use longshore_tests::agree::agree;
use longshore_tests::client::{Client, connection_body};
use longshore_tests::schema::Schema;
use longshore_tests::seeds;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::json;

/// Many chunks, and more permits than any limit here.
const WIDE: &[(&str, &str)] = &[("CHUNK_ROWS", "250"), ("WORKER_PERMITS", "4")];

async fn limited(client: &Client, schema: &Schema, most: u16) -> String {
    let mut body = connection_body(schema);
    body["max_sessions"] = json!(most);
    let answer = client.post("/v1/connections", &body).await.expect(201);
    assert_eq!(answer.body["max_sessions"], most);
    answer.id()
}

/// Sessions of an account in which a statement runs. (One that has said farewell stays in the
/// server's list for a moment, idle.)
async fn sessions(schema: &Schema) -> BTreeSet<u64> {
    let sql = format!(
        "SELECT id FROM information_schema.processlist WHERE user = '{}' AND command = 'Query'",
        schema.username
    );
    schema.rows(&sql).await.into_iter().collect()
}

/// Looks until `over`; answers the most sessions that there were at two looks in a row: a thread
/// that has answered its last statement may have to wait for the processor before it says so.
async fn most_sessions(schema: &Schema, over: &AtomicBool) -> usize {
    let (mut most, mut before) = (0, BTreeSet::new());
    while !over.load(Ordering::Relaxed) {
        let now = sessions(schema).await;
        most = most.max(now.intersection(&before).count());
        before = now;
    }
    most
}

#[tokio::test(flavor = "multi_thread")]
async fn c8_a_connections_limit_holds_over_all_workers() {
    let stack = Stack::running_with(WIDE).await;
    seeds::shop(&stack.source, 12_000).await;
    let source = limited(&stack.client, &stack.source, 3).await;
    let target = limited(&stack.client, &stack.target, 2).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let job = stack.client.submit(&task).await;
    let over = AtomicBool::new(false);
    let (read, written, ()) =
        futures::join!(most_sessions(&stack.source, &over), most_sessions(&stack.target, &over), async {
            stack.client.completed(&job, seconds(120)).await;
            over.store(true, Ordering::Relaxed);
        });
    agree(&stack.source, &stack.target).await;
    assert!((1..=2).contains(&written) && (1..=3).contains(&read), "read {read}, written {written}");
    let sql = format!("SELECT max(attempt) FROM steps WHERE job_id = '{job}'");
    assert_eq!(stack.control.value::<i32>(&sql).await, 1, "no attempt is burnt");
}

#[tokio::test]
async fn c8_one_session_is_enough_for_a_sync() {
    let stack = Stack::running_with(WIDE).await;
    seeds::shop(&stack.source, 1_000).await;
    let source = limited(&stack.client, &stack.source, 1).await;
    let target = limited(&stack.client, &stack.target, 1).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    for _ in 0..2 {
        let job = stack.client.submit(&task).await;
        stack.client.completed(&job, seconds(120)).await;
    }
    agree(&stack.source, &stack.target).await;
    let opened = "a step opens more sessions than its kind says";
    assert!(!stack.logs().contains(opened), "{}", stack.logs());
}

/// Two organisations have databases on one server: the one with the long job keeps to its
/// connections' limits, and the other's is done meanwhile.
#[tokio::test]
async fn f31_of_two_organisations_on_one_host_none_starves_the_other() {
    let stack = Stack::running_with(WIDE).await;
    seeds::shop(&stack.source, 20_000).await;
    let source = limited(&stack.client, &stack.source, 2).await;
    let target = limited(&stack.client, &stack.target, 2).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let long = stack.client.submit(&task).await;
    let copies =
        format!("SELECT count(*) FROM steps WHERE job_id = '{long}' AND kind = 'copy' AND state = 'done'");
    until("the long job moves rows", seconds(60), async || {
        (stack.control.value::<i64>(&copies).await > 2).then_some(())
    })
    .await;
    let token = stack.control.organisation("other", "platform_admin").await;
    let theirs = stack.client.with_token(Some(&token));
    let (from, to) =
        (Schema::make(&stack.source.server, "from").await, Schema::make(&stack.target.server, "to").await);
    from.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t SELECT seq FROM seq_1_to_500").await;
    let task = theirs.task(&theirs.connection(&from).await, &theirs.connection(&to).await, &json!({})).await;
    let job = theirs.submit(&task).await;
    theirs.completed(&job, seconds(60)).await;
    assert!(!stack.client.job(&long).await.is_final(), "the long job was over first: nothing is shown");
    assert!(sessions(&stack.target).await.len() <= 2);
    stack.client.completed(&long, seconds(120)).await;
}

#[tokio::test]
async fn an_organisations_limit_is_set_by_the_platforms_administrators() {
    let stack = Stack::running_with(&[("WORKER_PERMITS", "4")]).await;
    let path = "/v1/organisation/limits";
    assert!(stack.client.get(path).await.expect(200).body["max_steps"].is_null());
    let set = async |body| stack.client.send(Method::PUT, path, Some(&body)).await;
    let refused = set(json!({"max_steps": 0})).await.expect(422);
    assert_eq!(refused.body["errors"][0]["field"], "max_steps", "{}", refused.text);
    set(json!({"max_steps": 3})).await.expect(200);
    assert_eq!(stack.client.get(path).await.expect(200).body["max_steps"], 3);
    let theirs = stack.control.organisation("other", "org_admin").await;
    let theirs = stack.client.with_token(Some(&theirs));
    theirs.send(Method::PUT, path, Some(&json!({}))).await.expect(403);

    let body = json!({"steps": 60, "seconds": 0.2});
    let job = stack.client.post("/v1/probes", &body).await.expect(202).id();
    let running = "SELECT count(*) FROM steps WHERE state IN ('announced', 'running')";
    let mut most = 0;
    while !stack.client.job(&job).await.is_final() {
        most = most.max(stack.control.value::<i64>(running).await);
    }
    assert_eq!(most, 3);
    stack.client.completed(&job, seconds(10)).await;
}
