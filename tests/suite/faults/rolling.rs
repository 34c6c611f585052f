//! Workers that are replaced one after the other under load, and stops that hurry (F26, F27).

use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::sys::signal::Signal;
use serde_json::json;

use super::{SLOW, all_is_well, attempts, in_hand, mid_statement, seed, seed_keyless};

#[tokio::test]
async fn f26_a_rolling_restart_of_all_workers_under_load_burns_no_attempt() {
    let mut stack = Stack::prepared().await;
    stack.set(SLOW);
    stack.set(&[("GRACE_SECONDS", "20")]);
    stack.start_all().await;
    stack.start_worker();
    stack.ready().await;
    seed(&stack.source, 2_500).await;
    let task = stack.task(&json!({})).await;
    let sync = stack.client.submit(&task).await;
    let probe = json!({"steps": 150, "seconds": 0.1});
    let probe = stack.client.post("/v1/probes", &probe).await.expect(202).id();
    in_hand(&stack, &sync, "copy").await;
    for round in 0..2 {
        for place in 0..stack.workers.len() {
            let status = stack.workers[place].terminate(seconds(25)).await;
            assert_eq!(status.code(), Some(0), "round {round}: {status}");
            stack.workers[place].start_again();
            stack.workers[place].ready().await;
        }
    }
    all_is_well(&stack, &sync).await;
    stack.client.completed(&probe, seconds(90)).await;
    for job in [&sync, &probe] {
        assert_eq!(attempts(&stack, job).await.0, 1, "no attempt is burnt");
    }
    let failures = "SELECT count(*) FROM steps WHERE failure IS NOT NULL";
    assert_eq!(stack.control.value::<i64>(failures).await, 0);
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f27_a_second_signal_ends_a_worker_at_once_and_its_work_is_taken_back() {
    let mut stack = Stack::running().await;
    seed_keyless(&stack.source, 250_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    stack.workers[place].signal(Signal::SIGTERM);
    until("it has heard the first", seconds(5), async || {
        stack.workers[place].log().contains("asked to stop").then_some(())
    })
    .await;
    stack.workers[place].signal(Signal::SIGTERM);
    let status = stack.workers[place].end(seconds(3)).await;
    assert_eq!(status.code(), Some(130), "{status}");
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await, (2, 2), "its lease lapsed, and another worker did the step");
    invariants::hold(&stack).await;
}
