//! Soft stops (F26): nothing is burnt, nothing is left behind.

use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
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
