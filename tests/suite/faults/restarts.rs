//! RabbitMQ that restarts again and again under load (F4).

use longshore_tests::invariants;
use longshore_tests::proxy::{End, Flow};
use longshore_tests::servers::Held;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::seconds;
use serde_json::json;

use super::{SLOW, all_is_well, attempts, in_hand, seed};

#[tokio::test]
async fn f04_connections_to_rabbitmq_reset_twenty_times_under_load_lose_nothing() {
    let mut stack = Stack::prepared().await;
    stack.set(SLOW);
    let proxy = stack.proxy(Upstream::Broker);
    stack.start_all().await;
    seed(&stack.source, 1_500).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let probe = json!({"steps": 200, "seconds": 0.05});
    let probe = stack.client.post("/v1/probes", &probe).await.expect(202).id();
    in_hand(&stack, &job, "copy").await;
    for round in 0..20_u64 {
        match round % 3 {
            0 => proxy.end_all(End::Reset),
            1 => proxy.end_all(End::Close),
            _ => proxy.set(Flow::CutOnce(round * 37, End::Reset)),
        }
        if round % 5 == 4 {
            proxy.refuse(true).await;
            proxy.refuse(false).await;
        }
        tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    }
    proxy.set(Flow::Pass);
    all_is_well(&stack, &job).await;
    stack.client.completed(&probe, seconds(60)).await;
    assert_eq!(attempts(&stack, &job).await.0, 1, "the broker's troubles burn no attempt");
    let connections = proxy.counts().connections;
    assert!(connections < 1_000, "{connections} connections: somebody spins");
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f04_rabbitmq_restarts_in_the_middle_again_and_again() {
    let held = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with_broker(&held).await;
    stack.set(SLOW);
    stack.start_all().await;
    seed(&stack.source, 2_500).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    for action in ["stop", "kill", "stop"] {
        held.order(action, "rabbitmq").await;
        held.order("start", "rabbitmq").await;
    }
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await.0, 1, "the broker's troubles burn no attempt");
    invariants::hold(&stack).await;
}
