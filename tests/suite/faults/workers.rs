//! Workers that die, freeze, and come back (F13, F14).

use longshore_shared::failpoint::Failpoint;
use longshore_tests::fleet::Surroundings;
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::sys::signal::Signal;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::{SLOW, all_is_well, attempts, in_hand, knows_it_is_late, mid_statement, seed, seed_keyless};

#[tokio::test]
async fn f13_a_worker_killed_in_the_middle_is_replaced() {
    let mut stack = Stack::prepared().await;
    stack.set(SLOW);
    // Long enough in hand to be killed there.
    stack.surround(Surroundings::default().failpoints([(Failpoint::CopyBeforeCommit, "return(rest 300)")]));
    stack.start_all().await;
    seed(&stack.source, 1_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    stack.workers[place].kill();
    assert!(!stack.client.job(&job).await.is_final(), "it was killed in the middle");
    all_is_well(&stack, &job).await;
    let log = stack.client.log(&job).await;
    assert!(log.iter().any(|line| line.message.contains("lapsed")), "{log:#?}");
}

#[tokio::test]
async fn f13_a_worker_killed_before_its_commit_leaves_no_row_of_a_keyless_table() {
    let mut stack = Stack::running().await;
    seed_keyless(&stack.source, 150_000).await;
    let task = stack.task(&json!({})).await;
    for round in 0..2 {
        stack.target.run("DROP TABLE IF EXISTS log_lines").await;
        let job = stack.client.submit(&task).await;
        let place = in_hand(&stack, &job, "copy").await;
        mid_statement(&stack.target).await;
        stack.workers[place].kill();
        stack.workers[place].start_again();
        assert!(!stack.client.job(&job).await.is_final(), "it was killed in the middle");
        all_is_well(&stack, &job).await;
        assert!(attempts(&stack, &job).await.0 >= 2, "round {round}: a second attempt was needed");
    }
}

#[tokio::test]
async fn f13_workers_may_die_again_and_again_at_any_moment() {
    let mut stack = Stack::prepared().await;
    stack.set(SLOW);
    stack.set(&[("LEASE_SECONDS", "2")]);
    stack.start_all().await;
    seed(&stack.source, 2_500).await;
    let task = stack.task(&json!({})).await;
    let mut rng = StdRng::seed_from_u64(13);
    let job = stack.client.submit(&task).await;
    let mut kills = 0;
    while kills < 8 && !stack.client.job(&job).await.is_final() {
        let moment = rng.random_range(50..700);
        tokio::time::sleep(std::time::Duration::from_millis(moment)).await;
        let place = kills % 2;
        stack.workers[place].kill();
        stack.workers[place].start_again();
        kills += 1;
    }
    eprintln!("{kills} kills");
    assert!(kills >= 2, "the sync was too short to be disturbed");
    all_is_well(&stack, &job).await;
}

#[tokio::test]
async fn f14_a_worker_that_slept_past_its_lease_writes_nothing_more() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2")]);
    stack.start_all().await;
    seed_keyless(&stack.source, 150_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    stack.workers[place].signal(Signal::SIGSTOP);
    all_is_well(&stack, &job).await;
    assert!(attempts(&stack, &job).await.1 >= 2, "another worker took over");

    stack.workers[place].signal(Signal::SIGCONT);
    let said = "the sleeper notices that it lost its step";
    until(said, seconds(10), async || {
        (knows_it_is_late(&stack.workers[place]) || stack.workers[place].ended().is_some()).then_some(())
    })
    .await;
    all_is_well(&stack, &job).await;
    // It is of use again.
    stack.workers[1 - place].kill();
    stack.target.run("DROP TABLE log_lines").await;
    let again = stack.client.submit(&task).await;
    all_is_well(&stack, &again).await;
}

#[tokio::test]
async fn f13_the_scheduler_may_die_with_a_worker() {
    let mut stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 2_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    stack.schedulers[0].kill();
    stack.workers[place].kill();
    stack.schedulers[0].start_again();
    all_is_well(&stack, &job).await;
}

#[tokio::test]
async fn f14_a_worker_frozen_right_before_its_commit_changes_nothing_afterwards() {
    for place in [Failpoint::CopyBeforeCommit, Failpoint::SettleBeforeCommit] {
        let mut stack = Stack::prepared().await;
        stack.set(&[("LEASE_SECONDS", "2")]);
        stack.start_api();
        stack.start_scheduler();
        // The plan settles once before the chunk does.
        let word = if place == Failpoint::CopyBeforeCommit {
            "1*return(rest 8000)"
        } else {
            "1*off->1*return(rest 8000)"
        };
        stack.surround(Surroundings::default().failpoints([(place, word)]));
        stack.start_worker();
        stack.ready().await;
        seed_keyless(&stack.source, 2_000).await;
        let task = stack.task(&json!({})).await;
        let job = stack.client.submit(&task).await;
        until("the commit is near", seconds(20), async || {
            stack.workers[0].log().contains(place.as_str()).then_some(())
        })
        .await;
        stack.workers[0].signal(Signal::SIGSTOP);
        stack.surround(Surroundings::default());
        stack.start_worker();
        all_is_well(&stack, &job).await;
        let ended = stack.client.job(&job).await.ended_at;

        stack.workers[0].signal(Signal::SIGCONT);
        until("the sleeper knows that it is late", seconds(20), async || {
            knows_it_is_late(&stack.workers[0]).then_some(())
        })
        .await;
        all_is_well(&stack, &job).await;
        assert_eq!(stack.client.job(&job).await.ended_at, ended, "{place:?}: nothing changes any more");
        invariants::hold(&stack).await;
    }
}
