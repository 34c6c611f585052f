//! The soak: Longshore under load while everything around it breaks, for minutes; then
//! everything is mended, and nothing may be lost, doubled, stuck or left behind.
//!
//! `make chaos`, `make chaos MINUTES=10 SEED=7`; `make test` runs a short one. The seed
//! fixes which faults are made in which order and with which numbers, not what the machine
//! makes of them in between; the chronicle tells that. Several soaks may run at once: each
//! has servers of its own on free ports, which end with it however it ends.
//! Not here: a fault's own test. Each numbered fault has one in `tests/suite`.

#![expect(clippy::unwrap_used, reason = "what the soak needs for itself ends it when it is missing")]

mod ask;
mod book;
mod chronicle;
mod customers;
mod faults;
mod load;
mod options;
mod settle;
mod soak;
mod verdict;
mod world;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::process::ExitCode;

use futures::FutureExt as _;

use crate::chronicle::Chronicle;
use crate::options::Options;

/// On one thread: a process of Longshore dies with the thread that started it.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let chronicle = Chronicle::begin();
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(why) => {
            chronicle.say(&why);
            return ExitCode::from(2);
        }
    };
    let (seed, seconds) = (options.seed, options.time.as_secs_f64());
    chronicle.say(&format!("chaos for {seconds:.0} s, seed {seed}"));
    // Whoever catches a panic tells what it said; this tells where.
    std::panic::set_hook(Box::new(|panic| {
        if let Some(place) = panic.location() {
            eprintln!("           at {place}");
        }
    }));
    let soak = Box::pin(soak::run(&chronicle, options));
    if let Err(panic) = AssertUnwindSafe(soak).catch_unwind().await {
        chronicle.wrong(&format!("the soak itself ended: {}", said(panic.as_ref())));
    }
    if chronicle.verdict(seed) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words").to_owned()
}
