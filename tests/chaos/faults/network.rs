//! The ways between processes and servers: refused, cut, half open, slow.

use std::time::Duration;

use longshore_tests::proxy::{Direction, End, Flow, Proxy};
use rand::Rng as _;
use rand::rngs::StdRng;

use super::any;
use crate::ask::pause;
use crate::chronicle::{Act, Struck};
use crate::world::{LEASE, Node, World};

/// A process's way to PostgreSQL or to RabbitMQ.
fn way<'w>(node: &'w Node, rng: &mut StdRng) -> (&'static str, &'w Proxy) {
    match rng.random_bool(0.5) {
        true => ("postgres", &node.to_postgres),
        false => ("rabbitmq", &node.to_broker),
    }
}

/// Connections end and new ones are refused.
pub(super) async fn refused(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = any(&world.nodes, rng);
    let Ok(_held) = node.ways.try_lock() else { return false };
    let (server, proxy) = way(node, rng);
    let _act = act(world, "way refused", &node.name, server);
    proxy.refuse(true).await;
    proxy.end_all(End::Close);
    pause(rng, 0.5, 2.0 * LEASE.as_secs_f64()).await;
    proxy.refuse(false).await;
    true
}

/// Connections end in the middle of what they say, once or for a while.
pub(super) async fn cut(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = any(&world.nodes, rng);
    let Ok(_held) = node.ways.try_lock() else { return false };
    let (server, proxy) = way(node, rng);
    let (direction, end) = (direction(rng), end(rng));
    let _act = act(world, "way cut", &node.name, server);
    let bytes = rng.random_range(1..6_000);
    if rng.random_bool(0.5) {
        proxy.set_one(direction, Flow::CutOnce(bytes, end));
    } else {
        proxy.set_one(direction, Flow::CutEach(bytes, end));
    }
    pause(rng, 0.5, 6.0).await;
    proxy.set(Flow::Pass);
    true
}

/// Packets get lost, in one direction or in both.
pub(super) async fn half_open(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = any(&world.nodes, rng);
    let Ok(_held) = node.ways.try_lock() else { return false };
    let (server, proxy) = way(node, rng);
    let _act = act(world, "way half open", &node.name, server);
    match rng.random_bool(0.5) {
        true => proxy.set(Flow::HalfOpen),
        false => proxy.set_one(direction(rng), Flow::HalfOpen),
    }
    pause(rng, 1.0, 3.0 * LEASE.as_secs_f64()).await;
    // The cable is in again, or a firewall has forgotten the connections.
    let forgotten = rng.random_bool(0.5);
    proxy.set(Flow::Pass);
    if forgotten {
        proxy.end_all(End::Reset);
    }
    true
}

/// Everything comes late.
pub(super) async fn slow(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = any(&world.nodes, rng);
    let Ok(_held) = node.ways.try_lock() else { return false };
    let (server, proxy) = way(node, rng);
    let _act = act(world, "way slow", &node.name, server);
    proxy.set(Flow::Slow(Duration::from_millis(rng.random_range(20..250))));
    pause(rng, 2.0, 9.0).await;
    proxy.set(Flow::Pass);
    true
}

/// All workers' connections to a customer's server end in the middle of what they say.
pub(super) async fn customer_cut(world: &World<'_>, rng: &mut StdRng) -> bool {
    let at = rng.random_range(0..2);
    let Ok(_held) = world.customers[at].try_lock() else { return false };
    let _act = act(world, "customer's way cut", "all workers", &world.servers.mariadb[at].name);
    let cut = Flow::CutOnce(rng.random_range(1..60_000), end(rng));
    world.to_customers[at].set_one(direction(rng), cut);
    pause(rng, 0.5, 3.0).await;
    world.to_customers[at].set(Flow::Pass);
    true
}

/// A customer's server is far away, or on the other side of a firewall that loses packets.
pub(super) async fn customer_spoilt(world: &World<'_>, rng: &mut StdRng) -> bool {
    let at = rng.random_range(0..2);
    let Ok(_held) = world.customers[at].try_lock() else { return false };
    let _act = act(world, "customer's way spoilt", "all workers", &world.servers.mariadb[at].name);
    let flow = match rng.random_range(0..3) {
        0 => Flow::HalfOpen,
        1 => Flow::Slow(Duration::from_millis(rng.random_range(5..60))),
        _ => Flow::Throttle(rng.random_range(20_000..400_000)),
    };
    world.to_customers[at].set(flow);
    pause(rng, 1.0, 8.0).await;
    world.to_customers[at].set(Flow::Pass);
    true
}

fn act<'c>(world: &World<'c>, kind: &str, from: &str, to: &str) -> Act<'c> {
    let struck = if from == "all workers" { Struck::Customers } else { Struck::Network };
    world.chronicle.act(struck, kind, &format!("{from} to {to}"))
}

fn direction(rng: &mut StdRng) -> Direction {
    *any(&[Direction::ToServer, Direction::ToClient], rng)
}

fn end(rng: &mut StdRng) -> End {
    *any(&[End::Close, End::Reset], rng)
}
