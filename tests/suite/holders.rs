//! Jobs whose steps some workers only can do, tried with probes that hold a token: who does
//! the steps, and what happens when holders die, are told to stop, or lose their queue.

use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

/// Longer than any test.
const EVER: u32 = 3_600;

async fn held_probe(stack: &Stack, steps: u32, rest: f64, holders: u32) -> String {
    let body = json!({"steps": steps, "seconds": rest, "holders": holders});
    stack.client.post("/v1/probes", &body).await.expect(202).id()
}

/// Steps for holders of the job in this state.
async fn affine(stack: &Stack, job: &str, state: &str) -> i64 {
    let sql =
        format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND queue = 'job' AND state = '{state}'");
    stack.control.value(&sql).await
}

async fn done_at_least(stack: &Stack, job: &str, steps: i64) {
    until(&format!("{steps} steps are done"), seconds(40), async || {
        (affine(stack, job, "done").await >= steps).then_some(())
    })
    .await;
}

/// Every step was done once, under the last point that was fixed, and under no other.
async fn one_point(stack: &Stack, job: &str, steps: i64, generation: i32) {
    assert_eq!(affine(stack, job, "done").await, steps);
    let sql = format!(
        "SELECT count(*) FROM steps s JOIN job_holds d ON d.job_id = s.job_id
         WHERE s.job_id = '{job}' AND s.queue = 'job' AND s.generation = d.generation
           AND s.outcome ->> 'point' = d.point #>> '{{}}' AND d.generation = {generation}"
    );
    assert_eq!(stack.control.value::<i64>(&sql).await, steps, "all under generation {generation}");
}

/// Nobody holds anything any more and the queue is gone.
async fn let_go(stack: &Stack, job: &str) {
    let sql = format!(
        "SELECT count(*) FROM job_holders WHERE job_id = '{job}' AND state IN ('preparing', 'enlisted', 'held')"
    );
    let queue = format!("longshore.job.v1.{job}");
    until("the holders have let go", seconds(10), async || {
        let gone = stack.broker.queue(&queue).await.is_none();
        (gone && stack.control.value::<i64>(&sql).await == 0).then_some(())
    })
    .await;
}

async fn holders(stack: &Stack, job: &str) -> Vec<String> {
    let sql =
        format!("SELECT worker_name FROM job_holders WHERE job_id = '{job}' AND state = 'held' ORDER BY 1");
    stack.control.column(&sql).await
}

async fn said(stack: &Stack, job: &str, words: &str) {
    let log = stack.client.log(job).await;
    assert!(log.iter().any(|line| line.message.contains(words)), "{words}: {log:#?}");
}

#[tokio::test]
async fn only_holders_do_a_held_jobs_steps() {
    let stack = Stack::running().await;
    let job = held_probe(&stack, 30, 0.05, 1).await;
    let other = stack.client.post("/v1/probes", &json!({"steps": 30})).await.expect(202).id();
    stack.client.completed(&job, seconds(60)).await;
    stack.client.completed(&other, seconds(60)).await;
    one_point(&stack, &job, 30, 1).await;
    let once = format!("SELECT max(token) FROM steps WHERE job_id = '{job}'");
    assert_eq!(stack.control.value::<i64>(&once).await, 1);
    let strangers = format!(
        "SELECT count(*) FROM steps s WHERE s.job_id = '{job}' AND s.queue = 'job' AND NOT EXISTS (
             SELECT FROM job_holders h WHERE h.job_id = s.job_id AND h.worker_id = s.worker_id)"
    );
    assert_eq!(stack.control.value::<i64>(&strangers).await, 0);
    let names =
        format!("SELECT count(DISTINCT worker_name) FROM steps WHERE job_id = '{job}' AND queue = 'job'");
    assert_eq!(stack.control.value::<i64>(&names).await, 1, "one holder was wanted");
    let_go(&stack, &job).await;
}

#[tokio::test]
async fn one_of_two_holders_dies_and_the_other_does_the_rest() {
    let mut stack = Stack::running().await;
    let job = held_probe(&stack, 60, 0.3, 2).await;
    done_at_least(&stack, &job, 6).await;
    assert_eq!(holders(&stack, &job).await, ["worker-1", "worker-2"]);
    stack.workers[0].kill();
    stack.workers[0].start_again();
    stack.client.completed(&job, seconds(90)).await;
    one_point(&stack, &job, 60, 1).await;
    said(&stack, &job, "worker worker-1 is gone; generation 1 is held by worker-2").await;
    let_go(&stack, &job).await;
}

#[tokio::test]
async fn when_all_holders_die_the_job_starts_again_and_mixes_nothing() {
    let mut stack = Stack::running().await;
    let job = held_probe(&stack, 40, 0.2, 2).await;
    done_at_least(&stack, &job, 6).await;
    for worker in &mut stack.workers {
        worker.kill();
    }
    for worker in &mut stack.workers {
        worker.start_again();
    }
    stack.client.completed(&job, seconds(90)).await;
    one_point(&stack, &job, 40, 2).await;
    said(&stack, &job, "starts again from its enlisting, for the 1. time").await;
    let_go(&stack, &job).await;
}

/// Held steps that rest for ever take nothing from others, and a cancel ends them soon.
#[tokio::test]
async fn a_held_job_keeps_nobody_waiting_and_is_let_go_when_cancelled() {
    let stack = Stack::running().await;
    let job = held_probe(&stack, 100, EVER.into(), 2).await;
    until("all slots of both holders are taken", seconds(40), async || {
        (affine(&stack, &job, "running").await == 4).then_some(())
    })
    .await;
    let other = stack.client.post("/v1/probes", &json!({"steps": 30})).await.expect(202).id();
    stack.client.completed(&other, seconds(60)).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    assert_eq!(stack.client.ended(&job, seconds(10)).await.state, "cancelled");
    let_go(&stack, &job).await;
}

#[tokio::test]
async fn a_wiped_broker_loses_no_held_step() {
    let own = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with_broker(&own).await;
    stack.start_all().await;
    let job = held_probe(&stack, 60, 0.2, 2).await;
    done_at_least(&stack, &job, 6).await;
    own.order("wipe", "rabbitmq").await;
    own.order("start", "rabbitmq").await;
    stack.client.completed(&job, seconds(90)).await;
    one_point(&stack, &job, 60, 1).await;
    let_go(&stack, &job).await;
}

/// A worker holds for four jobs at most; one more waits, however long, and burns no attempt.
#[tokio::test]
async fn a_job_that_finds_nobody_free_waits() {
    let stack = Stack::with_workers(1, &[]).await;
    let mut held = Vec::new();
    for _ in 0..4 {
        let job = held_probe(&stack, 1, EVER.into(), 1).await;
        until("it is held", seconds(40), async || (affine(&stack, &job, "running").await == 1).then_some(()))
            .await;
        held.push(job);
    }
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let waits = format!(
        "SELECT count(*) FROM steps WHERE job_id = '{job}' AND kind = 'snapshot' AND token > 1 AND attempt <= 1
         AND failure ->> 'code' = 'no_holders'"
    );
    until("it has asked in vain", seconds(90), async || {
        (stack.control.value::<i64>(&waits).await == 1).then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{}/cancel", held[0]), &json!({})).await.expect(202);
    stack.client.completed(&job, seconds(60)).await;
}
