//! Deaths in the middle of the work: the job completes by itself, every row once.

use longshore_tests::agree::agree;
use longshore_tests::broker::{BULK, Broker, DEAD};
use longshore_tests::seeds::shop;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::sys::signal::Signal;
use serde_json::json;

const CUSTOMERS: u32 = 2_000;

/// Waits until some step of this kind is in a worker's hands; answers the worker's name.
async fn held_by(stack: &Stack, kind: &str) -> String {
    let sql = format!("SELECT min(worker_name) FROM steps WHERE state = 'running' AND kind = '{kind}'");
    until(&format!("a {kind} step is running"), seconds(20), async || {
        stack.control.value::<Option<String>>(&sql).await
    })
    .await
}

fn number(worker: &str) -> usize {
    worker.trim_start_matches("worker-").parse::<usize>().unwrap() - 1
}

/// A worker is killed while it waits for a row that we hold, with the transaction of its
/// load open; then for a table without a key.
#[tokio::test]
async fn f13_a_killed_workers_step_is_taken_over() {
    for locked in ["orders", longshore_tests::seeds::KEYLESS] {
        let mut stack = Stack::running_with(&[("CHUNK_ROWS", "200"), ("WORKER_PERMITS", "1")]).await;
        shop(&stack.source, CUSTOMERS).await;
        let task = stack.task(&json!({})).await;
        let mut lock = stack.source.session().await;
        use mysql_async::prelude::Queryable as _;
        // The plan may look at everything; the rows come later.
        let job = {
            let job = stack.client.submit(&task).await;
            held_by(&stack, "copy").await;
            lock.query_drop(format!("LOCK TABLES `{locked}` WRITE")).await.unwrap();
            job
        };
        let victim = held_by(&stack, "copy").await;
        stack.workers[number(&victim)].kill();
        lock.query_drop("UNLOCK TABLES").await.unwrap();
        let job = stack.client.completed(&job, seconds(90)).await;
        agree(&stack.source, &stack.target).await;
        let survivor = if number(&victim) == 0 { "worker-2" } else { "worker-1" };
        assert!(job.workers().contains(&survivor), "{:?}", job.workers());
    }
}

#[tokio::test]
async fn f26_a_soft_stop_burns_no_attempt() {
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "300"), ("GRACE_SECONDS", "2")]).await;
    shop(&stack.source, CUSTOMERS).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let stopped = number(&held_by(&stack, "copy").await);
    let exit = stack.workers[stopped].terminate(seconds(10)).await;
    assert!(exit.success(), "{exit:?}");
    stack.client.completed(&job, seconds(60)).await;
    agree(&stack.source, &stack.target).await;
    let burnt: i64 = stack.control.value("SELECT count(*) FROM steps WHERE attempt > 1").await;
    assert_eq!(burnt, 0, "no attempt was burnt");
}

#[tokio::test]
async fn f3_rabbitmq_may_be_away_or_lose_everything() {
    let own = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with(Some(Broker::whole(&own))).await;
    stack.set(&[("CHUNK_ROWS", "300")]);
    stack.start_all().await;
    shop(&stack.source, CUSTOMERS).await;
    let task = stack.task(&json!({})).await;

    own.order("stop", "rabbitmq").await;
    let job = stack.client.submit(&task).await;
    assert_eq!(stack.client.job(&job).await.state, "pending");
    own.order("start", "rabbitmq").await;
    stack.client.completed(&job, seconds(90)).await;
    agree(&stack.source, &stack.target).await;

    let job = stack.client.submit(&task).await;
    held_by(&stack, "plan").await;
    own.order("wipe", "rabbitmq").await;
    own.order("start", "rabbitmq").await;
    stack.client.completed(&job, seconds(90)).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn f9_f11_doubles_and_garbage_do_no_harm() {
    let stack = Stack::running().await;
    shop(&stack.source, 200).await;
    for garbage in ["", "{", "[1]", "{\"v\":99}", "\u{1f6a2}"] {
        stack.broker.put(BULK, garbage).await;
    }
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    // A hundred copies of what was said of every step.
    let bodies: Vec<String> = stack.control.column("SELECT body::text FROM outbox").await;
    for body in bodies.iter().cycle().take(100) {
        stack.broker.put(BULK, body).await;
    }
    until("the garbage is put aside", seconds(20), async || {
        (stack.broker.peek(DEAD).await.len() >= 5).then_some(())
    })
    .await;
    until("the doubles are gone", seconds(20), async || {
        stack.broker.peek(BULK).await.is_empty().then_some(())
    })
    .await;
    let most: i32 = stack.control.value("SELECT max(attempt) FROM steps").await;
    assert_eq!(most, 1);
    assert_eq!(stack.client.job(&job.id).await.state, "completed");
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn f14_a_frozen_worker_writes_nothing_when_it_wakes() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "300")]).await;
    shop(&stack.source, CUSTOMERS).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let frozen = number(&held_by(&stack, "copy").await);
    stack.workers[frozen].signal(Signal::SIGSTOP);
    stack.client.completed(&job, seconds(90)).await;
    stack.workers[frozen].signal(Signal::SIGCONT);
    // It finds out at its next renewal; a second sync shows that it still works.
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}
