//! The order of a soak: make, break under load, mend, wait, judge.

use std::time::Duration;

use crate::chronicle::Chronicle;
use crate::customers;
use crate::options::Options;
use crate::world::World;
use crate::{faults, load, settle, verdict};

/// How often the processes are looked at.
const WATCH: Duration = Duration::from_secs(1);

/// All of it. What is wrong stands in the chronicle.
pub(crate) async fn run(chronicle: &Chronicle, options: Options) {
    let mut world = World::make(chronicle, options).await;
    let pairs = customers::pairs(&world).await;
    chronicle.say("the load begins");
    futures::join!(load::run(&world, &pairs, options.seed), faults::run(&world, options.seed), watch(&world),);
    chronicle.say("no more faults; everything is mended, nothing more is asked for");
    let settled = Box::pin(settle::all_final(&world, &pairs)).await;
    if settled {
        Box::pin(settle::last_runs(&world, &pairs)).await;
        Box::pin(verdict::judge(&world, &pairs)).await;
    }
    let more = verdict::numbers(&world).await;
    if !chronicle.wrongs().is_empty() {
        world.keep_logs();
    }
    chronicle.summary(&more);
}

/// A process that ends by itself is wrong; as its supervisor would, it is started again.
async fn watch(world: &World<'_>) {
    while !world.is_over() {
        tokio::time::sleep(WATCH).await;
        for node in &world.nodes {
            let Ok(mut process) = node.process.try_lock() else { continue };
            if let Some(status) = process.ended() {
                world.chronicle.wrong(&format!("{} ended by itself: {status}", node.name));
                process.start_again();
            }
        }
    }
}
