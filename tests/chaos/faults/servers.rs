//! Customers' servers restart, crash and hang, and end our sessions.

use std::time::Duration;

use mysql_async::prelude::Queryable as _;
use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::any;
use crate::ask::pause;
use crate::chronicle::Struck;
use crate::world::{World, signal_server};

/// A rest after an outage, still under the lock: a step has five attempts in about forty
/// seconds, and a customer's server that is away most of the time is no fault of ours.
const REST: Duration = Duration::from_secs(15);

/// Stopped or crashed, and back soon.
pub(super) async fn restart(world: &World<'_>, rng: &mut StdRng) -> bool {
    let at = rng.random_range(0..2);
    let Ok(_held) = world.customers[at].try_lock() else { return false };
    let name = world.servers.mariadb[at].name.clone();
    let how = *any(&["stop", "kill"], rng);
    {
        let _act = world.chronicle.act(Struck::Customers, &format!("mariadb {how}"), &name);
        world.servers.order(how, &name).await;
        pause(rng, 0.0, 4.0).await;
        world.servers.order("start", &name).await;
    }
    tokio::time::sleep(REST).await;
    true
}

/// It hangs, with all connections open.
pub(super) async fn freeze(world: &World<'_>, rng: &mut StdRng) -> bool {
    let at = rng.random_range(0..2);
    let Ok(_held) = world.customers[at].try_lock() else { return false };
    let name = &world.servers.mariadb[at].name;
    let _act = world.chronicle.act(Struck::Customers, "mariadb SIGSTOP", name);
    signal_server(world, name, Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_secs_f64(rng.random_range(0.5..8.0))).await;
    signal_server(world, name, Signal::SIGCONT);
    true
}

/// The customer's administrator ends all our sessions.
pub(super) async fn sessions_killed(world: &World<'_>, rng: &mut StdRng) -> bool {
    let at = rng.random_range(0..2);
    let Ok(_held) = world.customers[at].try_lock() else { return false };
    let schema = if at == 0 { &world.stack.source } else { &world.stack.target };
    let _act = world.chronicle.act(Struck::Customers, "KILL CONNECTION", &schema.server.name);
    let sql = "SELECT id FROM information_schema.processlist WHERE user LIKE 'u\\_%'";
    let ids: Vec<u64> = schema.rows(sql).await;
    let mut session = schema.session().await;
    for id in ids {
        // It may have ended by itself.
        let _ = session.query_drop(format!("KILL CONNECTION {id}")).await;
    }
    true
}
