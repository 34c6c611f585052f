//! Messages come twice, many times, and long after their time.

use std::time::Duration;

use longshore_shared::bus::{Bus, StepMessage};
use longshore_shared::domain::step::Queue;
use rand::Rng as _;
use rand::rngs::StdRng;
use serde_json::Value;
use sqlx::AssertSqlSafe;

use crate::chronicle::Struck;
use crate::world::World;

const PATIENCE: Duration = Duration::from_secs(8);

/// What was just announced comes again, several times.
pub(super) async fn doubled(world: &World<'_>, rng: &mut StdRng) -> bool {
    let copies = rng.random_range(1..8);
    again(world, "messages doubled", "id DESC", copies).await
}

/// What was announced at any time comes again.
pub(super) async fn replayed(world: &World<'_>, rng: &mut StdRng) -> bool {
    let copies = rng.random_range(1..3);
    again(world, "old messages replayed", "random()", copies).await
}

async fn again(world: &World<'_>, kind: &str, order: &str, copies: usize) -> bool {
    // To publish for an ended job's own queue would make that again, which no late message can.
    let sql = format!(
        "SELECT body || jsonb_build_object('queue', queue) FROM outbox o WHERE queue <> 'job' OR EXISTS (
             SELECT FROM jobs j WHERE j.org_id = o.org_id AND j.id = o.job_id AND j.ended_at IS NULL)
         ORDER BY {order} LIMIT 12"
    );
    let sql = AssertSqlSafe(sql);
    let bodies = sqlx::query_scalar::<_, Value>(sql).fetch_all(&world.stack.control.admin);
    let Ok(Ok(bodies)) = tokio::time::timeout(PATIENCE, bodies).await else { return false };
    if bodies.is_empty() {
        return false;
    }
    let _act = world.chronicle.act(Struck::Messages, kind, &format!("{} x {copies}", bodies.len()));
    let one = |body: &Value| -> (Queue, StepMessage) {
        let queue = body["queue"].as_str().unwrap().parse().unwrap();
        (queue, serde_json::from_value(body.clone()).unwrap())
    };
    let all = bodies.iter().flat_map(|body| std::iter::repeat_n(body, copies)).map(one).collect();
    // RabbitMQ may be away: then they do not come again.
    let _ = tokio::time::timeout(PATIENCE, publish(world, all)).await;
    true
}

/// The wire form is the bus's own, so its own hand writes it.
async fn publish(world: &World<'_>, all: Vec<(Queue, StepMessage)>) {
    let bus = Bus::connect(&world.servers.broker().amqp, "chaos").unwrap();
    if bus.wait_ready().await.is_ok() {
        bus.publish_all(all).await;
    }
    bus.close().await;
}
