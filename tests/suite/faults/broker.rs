//! RabbitMQ goes away, comes back, and comes back empty (F1, F3, F4, F5).

use longshore_tests::broker::{BULK, FIRST};
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
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
async fn a_run_submitted_while_rabbitmq_is_away_runs_when_it_is_back() {
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
async fn rabbitmq_wiped_while_steps_wait_loses_nothing() {
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

#[tokio::test]
async fn a_deleted_queue_is_made_anew() {
    let stack = Stack::running().await;
    seed(&stack.source, 100).await;
    let task = stack.task(&json!({})).await;
    for queue in [FIRST, BULK] {
        stack.broker.delete_queue(queue).await;
        let job = stack.client.submit(&task).await;
        all_is_well(&stack, &job).await;
    }
}
