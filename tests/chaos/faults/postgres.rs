//! Longshore's own PostgreSQL goes away, crashes, hangs, and ends its sessions.

use std::time::Duration;

use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::any;
use crate::ask::pause;
use crate::chronicle::Struck;
use crate::world::{World, signal_server};

const NAME: &str = "postgres";
const PATIENCE: Duration = Duration::from_secs(5);

/// Stopped or crashed, and back after a while.
pub(super) async fn restart(world: &World<'_>, rng: &mut StdRng) -> bool {
    let Ok(_held) = world.postgres.try_lock() else { return false };
    let how = *any(&["stop", "kill"], rng);
    let _act = world.chronicle.act(Struck::Postgres, &format!("postgres {how}"), "");
    world.servers.order(how, NAME).await;
    pause(rng, 0.0, 12.0).await;
    world.servers.order("start", NAME).await;
    true
}

/// It hangs, with all connections open.
pub(super) async fn freeze(world: &World<'_>, rng: &mut StdRng) -> bool {
    let Ok(_held) = world.postgres.try_lock() else { return false };
    let _act = world.chronicle.act(Struck::Postgres, "postgres SIGSTOP", "");
    signal_server(world, NAME, Signal::SIGSTOP);
    tokio::time::sleep(Duration::from_secs_f64(rng.random_range(0.5..9.0))).await;
    signal_server(world, NAME, Signal::SIGCONT);
    true
}

/// An administrator ends all sessions of Longshore's roles.
pub(super) async fn backends_terminated(world: &World<'_>) -> bool {
    let Ok(_held) = world.postgres.try_lock() else { return false };
    let _act = world.chronicle.act(Struck::Postgres, "backends terminated", "");
    let sql = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE usename LIKE 'longshore%'";
    let _ = tokio::time::timeout(PATIENCE, sqlx::query(sql).execute(&world.stack.control.admin)).await;
    true
}
