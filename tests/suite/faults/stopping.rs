//! Soft stops and cancels (F26, F28): nothing is burnt, nothing is left behind.

use longshore_tests::client::Job;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{SLOW, all_is_well, attempts, in_hand, mid_statement, seed, seed_keyless};

#[tokio::test]
async fn f26_a_worker_asked_to_stop_ends_its_step_and_exits_0() {
    let mut stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 2_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    let status = stack.workers[place].terminate(seconds(25)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "no step was begun twice");
}

#[tokio::test]
async fn f26_a_step_too_long_for_the_grace_is_handed_back_unburnt() {
    let mut stack = Stack::running_with(&[("GRACE_SECONDS", "1")]).await;
    seed_keyless(&stack.source, 250_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    let status = stack.workers[place].terminate(seconds(5)).await;
    assert_eq!(status.code(), Some(0), "{status}");
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await, (1, 2), "handed back, and no attempt is burnt");
}

#[tokio::test]
async fn f26_every_process_stops_softly_when_idle() {
    let mut stack = Stack::running().await;
    for process in stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers) {
        let status = process.terminate(seconds(5)).await;
        assert_eq!(status.code(), Some(0), "{}: {status}", process.name);
    }
}

#[tokio::test]
async fn a_cancelled_job_stops_soon_and_leaves_no_session() {
    let stack = Stack::running().await;
    seed_keyless(&stack.source, 250_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, seconds(10)).await;
    assert_eq!((ended.state.as_str(), ended.failure.is_none()), ("cancelled", true), "{ended:#?}");
    for schema in [&stack.source, &stack.target] {
        no_session(schema).await;
    }
    check_cancelled_table(&stack, &ended).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect_problem(409, "job_ended");

    // A job that follows on half-done work completes.
    let again = stack.client.submit(&task).await;
    all_is_well(&stack, &again).await;
}

/// What the job says of the table is what is there.
async fn check_cancelled_table(stack: &Stack, job: &Job) {
    let there = stack.target.tables().await;
    let rows = match there.is_empty() {
        true => 0,
        false => stack.target.value::<i64>("SELECT COUNT(*) FROM log_lines").await,
    };
    let state = job.table("log_lines").state.as_str();
    assert_eq!(rows, 0, "one transaction, taken back: {state}");
    assert!(matches!(state, "pending" | "partial" | "failed"), "{state}");
}

async fn no_session(schema: &Schema) {
    let sql =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'", schema.username);
    until(&format!("{} has no session left", schema.username), seconds(10), async || {
        (schema.value::<i64>(&sql).await == 0).then_some(())
    })
    .await;
}
