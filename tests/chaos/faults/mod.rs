//! The faults: several at a time, each on something that no other fault holds, each undone
//! by whoever made it.
//!
//! A fault answers `false` when what it wants to strike is in other hands; then another one
//! is drawn.

mod broker;
mod messages;
mod network;
mod postgres;
mod processes;
mod servers;

use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use crate::ask::pause;
use crate::world::World;

/// Faults at once, at most.
const LANES: u64 = 3;

/// A kind of fault.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Kill,
    Terminate,
    Freeze,
    RollingRestart,
    BrokerRestart,
    BrokerWipe,
    BrokerAlarm,
    QueueDeleted,
    ConnectionsClosed,
    PostgresRestart,
    PostgresFreeze,
    BackendsTerminated,
    CustomerRestart,
    CustomerFreeze,
    SessionsKilled,
    Doubled,
    Replayed,
    WayRefused,
    WayCut,
    WayHalfOpen,
    WaySlow,
    CustomerWayCut,
    CustomerWaySpoilt,
}

/// Each with its weight. What takes longest to mend comes most seldom.
const FAULTS: &[(Fault, u32)] = &[
    (Fault::Kill, 14),
    (Fault::Terminate, 8),
    (Fault::Freeze, 8),
    (Fault::RollingRestart, 3),
    (Fault::BrokerRestart, 3),
    (Fault::BrokerWipe, 2),
    (Fault::BrokerAlarm, 2),
    (Fault::QueueDeleted, 3),
    (Fault::ConnectionsClosed, 4),
    (Fault::PostgresRestart, 5),
    (Fault::PostgresFreeze, 4),
    (Fault::BackendsTerminated, 5),
    (Fault::CustomerRestart, 2),
    (Fault::CustomerFreeze, 3),
    (Fault::SessionsKilled, 4),
    (Fault::Doubled, 5),
    (Fault::Replayed, 4),
    (Fault::WayRefused, 3),
    (Fault::WayCut, 5),
    (Fault::WayHalfOpen, 5),
    (Fault::WaySlow, 3),
    (Fault::CustomerWayCut, 3),
    (Fault::CustomerWaySpoilt, 3),
];

/// Makes faults until the time is over, and returns when all are undone.
pub(crate) async fn run(world: &World<'_>, seed: u64) {
    let lanes = (0..LANES).map(|lane| {
        let rng = StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(500 + lane));
        one_after_the_other(world, rng)
    });
    futures::future::join_all(lanes).await;
}

async fn one_after_the_other(world: &World<'_>, mut rng: StdRng) {
    while !world.is_over() {
        pause(&mut rng, 0.5, 7.0).await;
        // Not every draw finds its victim free.
        for _ in 0..20 {
            let fault = drawn(&mut rng);
            if world.is_over() || Box::pin(make(fault, world, &mut rng)).await {
                break;
            }
        }
    }
}

fn drawn(rng: &mut StdRng) -> Fault {
    let all: u32 = FAULTS.iter().map(|(_, weight)| weight).sum();
    let mut rest = rng.random_range(0..all);
    for (fault, weight) in FAULTS {
        if rest < *weight {
            return *fault;
        }
        rest -= weight;
    }
    Fault::Kill
}

async fn make(fault: Fault, world: &World<'_>, rng: &mut StdRng) -> bool {
    match fault {
        Fault::Kill => processes::kill(world, rng).await,
        Fault::Terminate => processes::terminate(world, rng).await,
        Fault::Freeze => processes::freeze(world, rng).await,
        Fault::RollingRestart => processes::rolling_restart(world).await,
        Fault::BrokerRestart => broker::restart(world, rng).await,
        Fault::BrokerWipe => broker::wipe(world).await,
        Fault::BrokerAlarm => broker::alarm(world, rng).await,
        Fault::QueueDeleted => broker::queue_deleted(world, rng).await,
        Fault::ConnectionsClosed => broker::connections_closed(world, rng).await,
        Fault::PostgresRestart => postgres::restart(world, rng).await,
        Fault::PostgresFreeze => postgres::freeze(world, rng).await,
        Fault::BackendsTerminated => postgres::backends_terminated(world).await,
        Fault::CustomerRestart => servers::restart(world, rng).await,
        Fault::CustomerFreeze => servers::freeze(world, rng).await,
        Fault::SessionsKilled => servers::sessions_killed(world, rng).await,
        Fault::Doubled => messages::doubled(world, rng).await,
        Fault::Replayed => messages::replayed(world, rng).await,
        Fault::WayRefused => network::refused(world, rng).await,
        Fault::WayCut => network::cut(world, rng).await,
        Fault::WayHalfOpen => network::half_open(world, rng).await,
        Fault::WaySlow => network::slow(world, rng).await,
        Fault::CustomerWayCut => network::customer_cut(world, rng).await,
        Fault::CustomerWaySpoilt => network::customer_spoilt(world, rng).await,
    }
}

/// One of several, all alike.
fn any<'t, T>(all: &'t [T], rng: &mut StdRng) -> &'t T {
    &all[rng.random_range(0..all.len())]
}
