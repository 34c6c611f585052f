//! RabbitMQ goes away, comes back, comes back empty, lacks a queue, has another one of that
//! name, confirms nothing, and is short of memory (F1, F3 to F8).

use std::time::Instant;

use longshore_tests::broker::{BULK, FIRST};
use longshore_tests::fleet::Process;
use longshore_tests::proxy::{Direction, End, Flow};
use longshore_tests::servers::Held;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{SLOW, all_is_well, in_hand, seed};

/// A stack with a broker of its own, to be mistreated.
async fn stack_with_own_broker() -> (Held, Stack) {
    let held = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with_broker(&held).await;
    stack.set(SLOW);
    (held, stack)
}

#[tokio::test]
async fn f03_a_run_submitted_while_rabbitmq_is_away_runs_when_it_is_back() {
    let (held, mut stack) = stack_with_own_broker().await;
    stack.start_all().await;
    seed(&stack.source, 200).await;
    let task = stack.task(&json!({})).await;
    held.order("stop", "rabbitmq").await;
    let job = stack.client.submit(&task).await;
    assert_eq!(stack.client.job(&job).await.state, "pending");
    // The API that owes the message dies: somebody else will send it.
    stack.apis[0].kill();
    stack.apis[0].start_again();
    held.order("start", "rabbitmq").await;
    stack.apis[0].ready().await;
    all_is_well(&stack, &job).await;
}

#[tokio::test]
async fn f04_rabbitmq_wiped_while_steps_wait_loses_nothing() {
    let (held, mut stack) = stack_with_own_broker().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    seed(&stack.source, 500).await;
    let task = stack.task(&json!({})).await;
    // The plan waits: nobody works yet.
    let job = stack.client.submit(&task).await;
    let published =
        format!("SELECT count(*) FROM outbox WHERE job_id = '{job}' AND published_at IS NOT NULL");
    until("the message is out", seconds(10), async || {
        (stack.control.value::<i64>(&published).await == 1).then_some(())
    })
    .await;
    held.order("wipe", "rabbitmq").await;
    held.order("start", "rabbitmq").await;
    stack.start_worker();
    stack.ready().await;
    all_is_well(&stack, &job).await;

    // And in the middle of the work.
    stack.target.run("SET foreign_key_checks = 0; DROP TABLE orders, order_items, page_views").await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    held.order("wipe", "rabbitmq").await;
    held.order("start", "rabbitmq").await;
    all_is_well(&stack, &job).await;
}

/// A node that is killed just after it made a quorum queue can come back with one that takes
/// nothing.
#[tokio::test]
async fn f04_a_jobs_queue_that_takes_nothing_any_more_is_made_anew() {
    let (held, mut stack) = stack_with_own_broker().await;
    stack.start_all().await;
    seed(&stack.source, 500).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    held.order("kill", "rabbitmq").await;
    held.lame_job_queues();
    held.order("start", "rabbitmq").await;
    // A slot that RabbitMQ forgets with the old queue begins anew after twenty seconds.
    stack.client.completed(&job, seconds(150)).await;
    all_is_well(&stack, &job).await;
    let job = stack.client.submit(&task).await;
    all_is_well(&stack, &job).await;
}

#[tokio::test]
async fn f05_a_deleted_queue_is_made_anew() {
    let stack = Stack::running().await;
    seed(&stack.source, 100).await;
    let task = stack.task(&json!({})).await;
    for queue in [FIRST, BULK] {
        stack.broker.delete_queue(queue).await;
        let job = stack.client.submit(&task).await;
        all_is_well(&stack, &job).await;
    }
}

async fn probe(stack: &Stack) -> String {
    stack.client.post("/v1/probes", &json!({})).await.expect(202).id()
}

async fn claims(stack: &Stack, job: &str) -> i64 {
    stack.control.value(&format!("SELECT max(token) FROM steps WHERE job_id = '{job}'")).await
}

/// Messages of the job that RabbitMQ has not confirmed.
async fn owed(stack: &Stack, job: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM outbox WHERE job_id = '{job}' AND published_at IS NULL");
    stack.control.value(&sql).await
}

/// The sum of a metric's samples whose line holds `label`.
async fn metric(process: &Process, name: &str, label: &str) -> f64 {
    let text = process.metrics().await;
    let lines = text.lines().filter(|line| line.starts_with(name) && line.contains(label));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
}

/// Nobody consumes, so nobody but the publisher notices that the queue is gone.
#[tokio::test]
async fn f05_what_reaches_no_queue_is_told_and_sent_again() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    // The API is ready before RabbitMQ is, and nobody here publishes what it cannot: a first
    // confirm says that the queues are made.
    let connected = async || stack.apis[0].log().contains("connected bus.link=\"publish\"").then_some(());
    until("RabbitMQ is connected", seconds(20), connected).await;
    let mut job = String::new();
    for deleted in [false, true] {
        if deleted {
            stack.broker.delete_queue(FIRST).await;
        }
        job = probe(&stack).await;
        let confirmed = async || (owed(&stack, &job).await == 0).then_some(());
        until("the message is in a queue", seconds(10), confirmed).await;
    }
    assert!(metric(&stack.apis[0], "longshore_messages_returned_total", "").await >= 1.0);
    assert!(stack.apis[0].log().contains("no queue of RabbitMQ takes messages for first"));
    stack.start_worker();
    stack.ready().await;
    stack.client.completed(&job, seconds(20)).await;
    assert_eq!(claims(&stack, &job).await, 1);
}

/// The message arrives and its confirm does not: the API answers all the same, the sweep
/// sends it again, and the second one finds the step taken.
#[tokio::test]
async fn f06_a_confirm_that_never_comes_costs_a_second_message_and_no_second_run() {
    let mut stack = Stack::prepared().await;
    stack.start_worker();
    stack.ready().await;
    let proxy = stack.proxy(Upstream::Broker);
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    // So that channels are open: no answer is needed on the way to the queue.
    let before = probe(&stack).await;
    stack.client.completed(&before, seconds(20)).await;

    proxy.set_one(Direction::ToClient, Flow::Swallow);
    let asked = Instant::now();
    let job = probe(&stack).await;
    assert!(asked.elapsed() < seconds(10), "the answer waits for no confirm: {:?}", asked.elapsed());
    stack.client.completed(&job, seconds(20)).await;
    assert_eq!(owed(&stack, &job).await, 1, "nobody confirmed it");
    proxy.set(Flow::Pass);
    proxy.end_all(End::Reset);
    until("it is sent again and confirmed", seconds(60), async || {
        (owed(&stack, &job).await == 0).then_some(())
    })
    .await;
    until("the second message is taken", seconds(20), async || {
        let taken = metric(&stack.workers[0], "longshore_messages_received_total", "queue=\"first\"").await;
        (taken >= 3.0).then_some(())
    })
    .await;
    assert_eq!((claims(&stack, &job).await, stack.client.job(&job).await.state.as_str()), (1, "completed"));
    let after = probe(&stack).await;
    stack.client.completed(&after, seconds(30)).await;
}

#[tokio::test]
async fn f07_a_broker_short_of_memory_slows_nobody_who_submits() {
    let own = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with_broker(&own).await;
    stack.start_all().await;
    own.rabbitmqctl(&["set_vm_memory_high_watermark", "0.001"]).await;
    until("RabbitMQ refuses the API's messages", seconds(60), async || {
        let asked = Instant::now();
        probe(&stack).await;
        assert!(asked.elapsed() < seconds(10), "the API answers at once: {:?}", asked.elapsed());
        (metric(&stack.apis[0], "longshore_bus_blocked", "").await > 0.0).then_some(())
    })
    .await;
    let mut jobs = Vec::new();
    for _ in 0..5 {
        let asked = Instant::now();
        jobs.push(probe(&stack).await);
        assert!(asked.elapsed() < seconds(10), "the API answers at once: {:?}", asked.elapsed());
    }
    for job in &jobs {
        assert_eq!((owed(&stack, job).await, stack.client.job(job).await.state.as_str()), (1, "pending"));
    }
    until("the backlog is shown", seconds(30), async || {
        (metric(&stack.schedulers[0], "longshore_outbox_backlog", "").await >= 5.0).then_some(())
    })
    .await;
    own.rabbitmqctl(&["set_vm_memory_high_watermark", "0.9"]).await;
    for job in &jobs {
        stack.client.completed(job, seconds(60)).await;
        assert_eq!(claims(&stack, job).await, 1);
    }
    until("RabbitMQ takes messages again", seconds(20), async || {
        (metric(&stack.apis[0], "longshore_bus_blocked", "").await == 0.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn f08_a_queue_of_another_kind_is_named_with_its_remedy_and_waited_for() {
    let mut stack = Stack::prepared().await;
    stack.broker.make_classic_queue(BULK).await;
    stack.start_api();
    stack.start_scheduler();
    stack.start_worker();
    until("the queue is named with its remedy", seconds(30), async || {
        let log = stack.workers[0].log();
        let told = log.contains("longshore.bulk.v1 exists in RabbitMQ and is not as Longshore needs it");
        (told && log.contains("rabbitmqctl delete_queue longshore.bulk.v1")).then_some(())
    })
    .await;
    until("the API serves", seconds(30), async || {
        let answer = stack.client.request(reqwest::Method::GET, "/healthz").send().await.ok()?;
        answer.status().is_success().then_some(())
    })
    .await;
    let job = probe(&stack).await;
    longshore_tests::wait::holds_for("nobody ends, nobody spins", seconds(4), async || {
        let mut all = stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers);
        all.all(|process| process.ended().is_none())
    })
    .await;
    let told = stack.workers[0].log().matches("is not as Longshore needs it").count();
    assert!(told <= 4, "told {told} times");
    // The API serves without RabbitMQ; a worker is of no use without it, and says so.
    assert!(metric(&stack.workers[0], "longshore_bus_connected", "").await < 1.0);
    stack.broker.delete_queue(BULK).await;
    stack.ready().await;
    stack.client.completed(&job, seconds(30)).await;
}
