//! Messages that come twice, a hundred times, for nobody, or as rubbish (F9, F11, F48).

use longshore_shared::bus::{Bus, StepMessage};
use longshore_shared::clock;
use longshore_shared::domain::id::{JobId, OrgId, StepId};
use longshore_shared::domain::step::Queue;
use longshore_tests::broker::{BULK, DEAD, FIRST};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::{SLOW, all_is_well, attempts, in_hand, seed};

/// The wire form is the bus's own; a test that wrote it by hand would test itself.
async fn bus(stack: &Stack) -> Bus {
    let bus = Bus::connect(&stack.broker.amqp_url, "tests").unwrap();
    bus.wait_ready().await.unwrap();
    bus
}

#[tokio::test]
async fn a_message_that_comes_a_hundred_times_has_one_effect() {
    let stack = Stack::running_with(SLOW).await;
    let bus = bus(&stack).await;
    seed(&stack.source, 800).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    publish_again(&stack, &bus, &job).await;
    all_is_well(&stack, &job).await;
    // The late ones: every step has ended.
    publish_again(&stack, &bus, &job).await;
    for queue in [Queue::First, Queue::Bulk] {
        until(&format!("{queue} is empty"), seconds(20), async || {
            (bus.depth(queue).await.ok()? == 0).then_some(())
        })
        .await;
    }
    assert_eq!(attempts(&stack, &job).await, (1, 1), "each step was claimed once");
    assert_eq!(stack.client.job(&job).await.state, "completed");
    longshore_tests::agree::agree(&stack.source, &stack.target).await;
}

/// Everything that was ever announced of the job, a hundred times.
async fn publish_again(stack: &Stack, bus: &Bus, job: &str) {
    let sql = format!("SELECT body FROM outbox WHERE job_id = '{job}' ORDER BY id LIMIT 8");
    let bodies: Vec<Value> = stack.control.column(&sql).await;
    for body in bodies {
        let message: StepMessage = serde_json::from_value(body).unwrap();
        let queue = if message.kind == "plan" { Queue::First } else { Queue::Bulk };
        let copies = (0..100).map(|_| (queue, message.clone())).collect();
        assert!(bus.publish_all(copies).await.iter().all(Result::is_ok));
    }
}

#[tokio::test]
async fn rubbish_is_put_aside_and_the_rest_goes_on() {
    let stack = Stack::running().await;
    let bus = bus(&stack).await;
    seed(&stack.source, 100).await;
    let huge = "x".repeat(2_000_000);
    let strange = [
        "",
        "{",
        "null",
        "[]",
        "{}",
        "\u{0}\u{7f}",
        r#"{"v":99}"#,
        r#"{"v":1,"org":"no uuid"}"#,
        huge.as_str(),
    ];
    for queue in [FIRST, BULK] {
        for body in strange {
            stack.broker.put(queue, body).await;
        }
    }
    // Well formed, of nothing that exists: forgotten, not put aside.
    let (org, nobody) = (OrgId(clock::fresh_id()), JobId(clock::fresh_id()));
    let message = StepMessage::new(org, nobody, StepId(clock::fresh_id()), "copy", None);
    bus.publish(&message, Queue::Bulk).await.unwrap();

    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    all_is_well(&stack, &job).await;
    let expected = strange.len() * 2;
    until("all rubbish is put aside", seconds(10), async || {
        (stack.broker.peek(DEAD).await.len() == expected).then_some(())
    })
    .await;
    let again = stack.client.submit(&task).await;
    all_is_well(&stack, &again).await;
}
