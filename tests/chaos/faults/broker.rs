//! RabbitMQ restarts, crashes, loses everything, takes no messages, and loses single things.

use std::time::Duration;

use longshore_tests::broker::{BULK, FIRST, INTERACTIVE};
use rand::rngs::StdRng;

use super::any;
use crate::ask::pause;
use crate::chronicle::Struck;
use crate::world::World;

const NAME: &str = "rabbitmq";
/// How long its management plugin may take on a loaded machine.
const PATIENCE: Duration = Duration::from_secs(10);

/// Stopped or crashed, and back after a while.
pub(super) async fn restart(world: &World<'_>, rng: &mut StdRng) -> bool {
    let Ok(_held) = world.broker.try_lock() else { return false };
    let how = *any(&["stop", "kill"], rng);
    let _act = world.chronicle.act(Struck::Broker, &format!("rabbitmq {how}"), "");
    world.servers.order(how, NAME).await;
    pause(rng, 0.0, 6.0).await;
    world.servers.order("start", NAME).await;
    true
}

/// It comes back and remembers nothing.
pub(super) async fn wipe(world: &World<'_>) -> bool {
    let Ok(_held) = world.broker.try_lock() else { return false };
    let _act = world.chronicle.act(Struck::Broker, "rabbitmq wiped", "");
    world.servers.order("wipe", NAME).await;
    world.servers.order("start", NAME).await;
    true
}

/// It is short of memory and stops reading from whoever publishes.
pub(super) async fn alarm(world: &World<'_>, rng: &mut StdRng) -> bool {
    let Ok(_held) = world.broker.try_lock() else { return false };
    let act = world.chronicle.act(Struck::Broker, "rabbitmq memory alarm", "");
    world.servers.order("alarm", NAME).await;
    act.then("the alarm is on");
    pause(rng, 2.0, 8.0).await;
    world.servers.order("calm", NAME).await;
    true
}

/// A queue is gone, with all it held.
pub(super) async fn queue_deleted(world: &World<'_>, rng: &mut StdRng) -> bool {
    let Ok(_held) = world.broker.try_lock() else { return false };
    let queue = *any(&[FIRST, BULK, INTERACTIVE], rng);
    let _act = world.chronicle.act(Struck::Broker, "queue deleted", queue);
    // It may be gone already, or its leader on the move.
    let _ = tokio::time::timeout(PATIENCE, world.stack.broker.try_delete_queue(queue)).await;
    true
}

/// An operator closes all connections.
pub(super) async fn connections_closed(world: &World<'_>, _rng: &mut StdRng) -> bool {
    let Ok(_held) = world.broker.try_lock() else { return false };
    let _act = world.chronicle.act(Struck::Broker, "connections closed", "");
    let _ = tokio::time::timeout(PATIENCE, world.stack.broker.close_connections()).await;
    true
}
