//! The fleet as a whole: steps without customers' data go through all of it.

use std::collections::BTreeSet;

use longshore_tests::client::Client;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

/// Longer than any test: a step that rests so long is never waited for.
const EVER: u32 = 3_600;

async fn probe(client: &Client, steps: u32, rest: f64) -> String {
    client.post("/v1/probes", &json!({"steps": steps, "seconds": rest})).await.expect(202).id()
}

async fn count(stack: &Stack, job: &str, states: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND state IN ({states})");
    stack.control.value(&sql).await
}

#[tokio::test]
async fn a_probe_goes_through_the_whole_fleet_each_step_once() {
    let stack = Stack::running().await;
    for steps in [1, 200] {
        let job = probe(&stack.client, steps, 0.0).await;
        let job = stack.client.completed(&job, seconds(60)).await;
        assert_eq!((job.kind.as_str(), job.tables.len()), ("probe", 0));
        // A plan that lays out others is a step of its own.
        let expected = if steps == 1 { 1 } else { i64::from(steps) + 1 };
        let sql = format!(
            "SELECT count(*) FROM steps WHERE job_id = '{}' AND state = 'done' AND token = 1",
            job.id
        );
        assert_eq!(stack.control.value::<i64>(&sql).await, expected);
    }
    let sql = "SELECT DISTINCT worker_name FROM steps WHERE kind = 'probe'";
    let workers: BTreeSet<String> = stack.control.column(sql).await.into_iter().collect();
    assert_eq!(workers.len(), 2, "{workers:?}");
}

#[tokio::test]
async fn a_probe_out_of_bounds_is_refused_by_field() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    for (body, field) in [
        (json!({"steps": 0}), "steps"),
        (json!({"steps": 100_001}), "steps"),
        (json!({"seconds": -0.5}), "seconds"),
        (json!({"seconds": 1e300}), "seconds"),
        (json!({"holders": 101}), "holders"),
        (json!({"rest": 1}), "rest"),
    ] {
        let answer = stack.client.post("/v1/probes", &body).await.expect(422);
        assert_eq!(answer.body["errors"][0]["field"], field, "{}", answer.text);
    }
}

/// W4: ten thousand steps that never end hold every bulk permit, and somebody else's job
/// is done all the same.
#[tokio::test]
async fn w4_one_organisations_backlog_keeps_nobody_waiting() {
    let stack = Stack::running().await;
    let heavy = probe(&stack.client, 10_000, EVER.into()).await;
    let permits = 4;
    until("every bulk permit is taken", seconds(30), async || {
        (count(&stack, &heavy, "'running'").await == permits).then_some(())
    })
    .await;
    assert_eq!(count(&stack, &heavy, "'announced', 'running'").await, permits * 3 / 2, "the window");
    let theirs = stack.control.organisation("other", "platform_admin").await;
    let theirs = stack.client.with_token(Some(&theirs));
    for _ in 0..20 {
        let job = probe(&theirs, 1, 0.0).await;
        theirs.completed(&job, seconds(20)).await;
    }
    assert_eq!(count(&stack, &heavy, "'done'").await, 1, "its plan and nothing else");
    stack.client.post(&format!("/v1/jobs/{heavy}/cancel"), &json!({})).await.expect(202);
    let job = stack.client.ended(&heavy, seconds(10)).await;
    assert_eq!(job.state, "cancelled");
}

/// RabbitMQ ends a consumer that acknowledges too late, after 30 minutes; here after two
/// seconds. A step that lasts for many times that is not interrupted: 40 minutes, scaled.
#[tokio::test]
async fn a_step_longer_than_rabbitmqs_patience_is_not_interrupted() {
    let own = Held::start_with(
        "rabbitmq",
        &["rabbitmq=consumer_timeout=2000", "rabbitmq=channel_tick_interval=500"],
    );
    let mut stack = Stack::prepared_with_broker(&own).await;
    stack.start_all().await;
    let long = probe(&stack.client, 4, 12.0).await;
    until("all permits are taken", seconds(20), async || {
        (count(&stack, &long, "'running'").await == 4).then_some(())
    })
    .await;
    stack.client.completed(&long, seconds(40)).await;
    let sql = format!("SELECT max(attempt) FROM steps WHERE job_id = '{long}'");
    assert_eq!(stack.control.value::<i32>(&sql).await, 1);
    let told = std::fs::read_to_string(&own.servers["rabbitmq"].log).unwrap();
    assert!(!told.contains("timed out"), "RabbitMQ lost its patience:\n{told}");
}
