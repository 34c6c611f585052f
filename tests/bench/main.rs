//! Longshore's speed: ours and the floor (or a peer) in turn, in one run, on one machine.
//!
//! `make bench`, or a part: `make bench ONLY=engine`, `ONLY=engine/steps`. Every line ends with the ratio, its bound and
//! `ok` or `MISS`. Not here: tests; a time that is missed fails nothing.

#![expect(clippy::unwrap_used, reason = "a measurement that cannot be made ends the run")]

mod access;
mod engine;
mod floor;
mod report;
mod sync;

use longshore_tests::servers::Servers;

/// What can be measured, by the name that `ONLY` takes.
const PARTS: &[&str] = &[
    "access",
    "engine",
    "engine/submissions",
    "engine/latency",
    "engine/steps",
    "engine/fairness",
    "sync",
    "sync/copy",
    "sync/repeat",
    "sync/shapes",
    "sync/scaling",
    "sync/growth",
    "sync/many",
    "sync/keys",
];

#[tokio::main]
async fn main() {
    let only = std::env::args().nth(1).filter(|only| !only.is_empty());
    if let Some(other) = only.as_deref().filter(|only| !PARTS.contains(only)) {
        report::note(&format!("ONLY={other} is not known; there is: {}", PARTS.join(", ")));
        std::process::exit(2);
    }
    // Started once, and first: nothing of it is measured.
    let servers = Servers::of_the_run();
    let wanted = |part: &str| only.as_deref().is_none_or(|only| only.split('/').next() == Some(part));
    if wanted("engine") {
        engine::run(servers, only.as_deref().and_then(|only| only.strip_prefix("engine/"))).await;
    }
    if wanted("access") {
        access::run().await;
    }
    if wanted("sync") {
        sync::run(only.as_deref().and_then(|only| only.strip_prefix("sync/"))).await;
    }
}
