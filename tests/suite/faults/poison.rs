//! Steps that end whoever takes them (F12): they are given up with the reason, and other
//! jobs flow meanwhile.

use longshore_shared::failpoint::Failpoint::PlanBeforeCreate;
use longshore_tests::client::Job;
use longshore_tests::fleet::Surroundings;
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::seed;

/// A job of others, which is not held up.
async fn another_flows(stack: &Stack) {
    let other = stack.client.post("/v1/probes", &json!({"steps": 2})).await.expect(202).id();
    stack.client.completed(&other, seconds(40)).await;
}

#[tokio::test]
async fn f12_a_step_that_panics_each_time_fails_its_job_alone() {
    let mut stack = Stack::prepared().await;
    stack.surround(Surroundings::default().failpoints([(PlanBeforeCreate, "panic")]));
    stack.start_all().await;
    seed(&stack.source, 50).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    another_flows(&stack).await;
    let failed: Job = stack.client.ended(&job, seconds(60)).await;
    let why = failed.failure.as_ref().map(|failure| failure.code.as_str());
    assert_eq!((failed.state.as_str(), why), ("failed", Some("step_panicked")), "{failed:#?}");
    another_flows(&stack).await;
    assert!(stack.workers.iter_mut().all(|worker| worker.ended().is_none()), "a panic ends no worker");
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f12_a_step_too_large_for_any_worker_fails_its_job_alone() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2"), ("WORKER_PERMITS", "1")]);
    stack.start_api();
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    stack.source.run("CREATE TABLE large (id INT PRIMARY KEY, content LONGTEXT)").await;
    let task = stack.task(&json!({})).await;
    // It has done everything once that needs memory for good.
    let job = stack.client.submit(&task).await;
    stack.client.completed(&job, seconds(60)).await;
    another_flows(&stack).await;
    let bound = stack.workers[0].memory("VmData") + (8 << 20);
    stack.source.run("INSERT INTO large VALUES (1, REPEAT('x', 15 << 20))").await;
    stack.workers[0].kill();
    stack.workers[0].start_again_in(Surroundings::default().memory(bound));
    stack.ready().await;

    let job = stack.client.submit(&task).await;
    let mut deaths = 0;
    until("the job is given up", seconds(120), async || {
        if stack.workers[0].ended().is_some() {
            deaths += 1;
            stack.workers[0].start_again();
        }
        stack.client.job(&job).await.is_final().then_some(())
    })
    .await;
    let failed = stack.client.job(&job).await;
    let why = failed.failure.as_ref().map(|failure| failure.code.as_str());
    assert_eq!((failed.state.as_str(), why), ("failed", Some("worker_died")), "{failed:#?}");
    assert_eq!(deaths, 5, "given up after as many claims");
    another_flows(&stack).await;
    invariants::hold(&stack).await;
}
