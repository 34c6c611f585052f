//! Processes die, are asked to stop, freeze, and are replaced while the work goes on.

use std::time::Duration;

use nix::sys::signal::Signal;
use rand::Rng as _;
use rand::rngs::StdRng;

use super::any;
use crate::ask::pause;
use crate::chronicle::Struck;
use crate::world::{GRACE, LEASE, Node, World};

/// A loaded machine's slack beyond the grace time of a soft stop.
const SLACK: Duration = Duration::from_secs(20);
/// How long a victim may take until it has something to lose.
const PATIENCE: Duration = Duration::from_secs(4);

fn victim<'w>(world: &'w World<'_>, rng: &mut StdRng) -> &'w Node {
    // Workers have the most to lose.
    let role = *any(&["worker", "worker", "worker", "scheduler", "api"], rng);
    any::<&Node>(&world.nodes_of(role), rng)
}

/// Mostly waits until a worker holds a step that moves rows, so that it is struck in the
/// middle of something; a worker that gets none is struck idle.
async fn in_hand(world: &World<'_>, node: &Node, rng: &mut StdRng) {
    if !node.name.starts_with("worker") || rng.random_bool(0.3) {
        return;
    }
    let sql = format!(
        "SELECT count(*) FROM steps WHERE state = 'running' AND worker_name = '{}'
             AND kind NOT IN ('probe', 'probe_plan') AND started_at < now() - interval '25 ms'",
        node.name
    );
    let held = async {
        while !matches!(world.count(&sql).await, Some(1..)) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    let _ = tokio::time::timeout(PATIENCE, held).await;
}

/// `kill -9`, and a new start after a while.
pub(super) async fn kill(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = victim(world, rng);
    let Ok(mut process) = node.process.try_lock() else { return false };
    if process.ended().is_some() {
        return false;
    }
    in_hand(world, node, rng).await;
    if process.ended().is_some() {
        return false;
    }
    let _act = world.chronicle.act(Struck::Process, "kill -9", &node.name);
    process.kill();
    pause(rng, 0.0, 5.0).await;
    process.start_again();
    true
}

/// SIGTERM: it ends within the grace time and says that all was well.
pub(super) async fn terminate(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = victim(world, rng);
    let Ok(mut process) = node.process.try_lock() else { return false };
    if process.ended().is_some() {
        return false;
    }
    let act = world.chronicle.act(Struck::Process, "SIGTERM", &node.name);
    softly(world, node, &mut process, &act).await;
    pause(rng, 0.0, 3.0).await;
    process.start_again();
    true
}

/// Longer than its leases, or not: it wakes up and must not spoil anything.
pub(super) async fn freeze(world: &World<'_>, rng: &mut StdRng) -> bool {
    let node = victim(world, rng);
    let Ok(mut process) = node.process.try_lock() else { return false };
    if process.ended().is_some() {
        return false;
    }
    in_hand(world, node, rng).await;
    let _act = world.chronicle.act(Struck::Process, "SIGSTOP", &node.name);
    process.signal(Signal::SIGSTOP);
    let most = LEASE.as_secs_f64() * 3.0;
    tokio::time::sleep(Duration::from_secs_f64(rng.random_range(0.5..most))).await;
    process.signal(Signal::SIGCONT);
    true
}

/// All workers, one after the other, as an upgrade does it.
pub(super) async fn rolling_restart(world: &World<'_>) -> bool {
    let nodes = world.nodes_of("worker");
    let mut held = Vec::new();
    for node in nodes {
        let Ok(process) = node.process.try_lock() else { return false };
        held.push((node, process));
    }
    let act = world.chronicle.act(Struck::Process, "rolling restart", "all workers");
    for (node, mut process) in held {
        if process.ended().is_none() {
            softly(world, node, &mut process, &act).await;
        }
        process.start_again();
    }
    true
}

async fn softly(
    world: &World<'_>,
    node: &Node,
    process: &mut longshore_tests::fleet::Process,
    act: &crate::chronicle::Act<'_>,
) {
    let began = world.chronicle.now();
    process.signal(Signal::SIGTERM);
    while world.chronicle.now() - began < GRACE + SLACK {
        if let Some(status) = process.ended() {
            if !status.success() {
                world.chronicle.wrong(&format!("{} was asked to stop and ended with {status}", node.name));
            }
            act.then(&format!("{} ended", node.name));
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    world.chronicle.wrong(&format!("{} was asked to stop and did not, for {:?}", node.name, GRACE + SLACK));
    process.kill();
}
