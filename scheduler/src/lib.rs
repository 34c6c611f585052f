//! The scheduler: emits what is due, announces what was lost, reaps what lapsed.
//!
//! Any number of schedulers may run. Duties that share their work by row locks (outbox,
//! lapsed leases) run on each; duties of which one at a time is enough run on the one that
//! leads ([`leadership`]). Every duty looks at the database and does what is missing there; it
//! is told nothing, so the good day and the recovery are one path of code; while there is nothing to
//! be found it rests ([`pulse`]). Invariants: an
//! outage of PostgreSQL or RabbitMQ never ends the process; whatever is done twice has the
//! effect of once. Not here: when a schedule is due (`domain::schedule`, the same code that
//! the API shows), and the transitions of jobs and steps (`workflow`).

mod announce;
mod context;
mod dead;
mod discard;
mod duty;
mod feel;
mod grant;
mod holders;
mod leader;
mod leadership;
mod measure;
mod outages;
mod outlast;
mod pulse;
mod reaper;
mod recheck;
mod refill;
mod retention;
mod sweep;
mod tick;
mod tidy;
mod unqueue;

use std::sync::Arc;

use longshore_shared::bus::Bus;
use longshore_shared::config::SchedulerConfig;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::process::{Process, ProcessError, broker_check, database_check};
use longshore_shared::store::{Database, await_schema};
use longshore_shared::telemetry::{Metric, Program, before_scrapes};
use longshore_shared::vault::KeyringError;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use context::DutyContext;
use duty::keep;

/// Why the scheduler could not begin, or ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// It could not begin.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// The keyring of packages cannot be read.
    #[error(transparent)]
    Keys(#[from] KeyringError),
    /// A duty stopped by a fault of its own.
    #[error("a duty of the scheduler panicked")]
    Panicked,
}

/// Runs until `shutdown`; then finishes the transactions in hand, within the grace, and
/// gives the leadership back.
pub async fn run(config: SchedulerConfig, shutdown: CancellationToken) -> Result<(), RunError> {
    let checks = |database: &Database, bus: &Bus| vec![database_check(database), broker_check(bus)];
    let (name, own) = (&config.scheduler.name, &config.process);
    let process = Process::begin(Program::Scheduler, name, "main", own, checks).await?;
    let outcome = tokio::select! {
        () = await_schema(&process.database) => work(&process, config, &shutdown).await,
        () = shutdown.cancelled() => Ok(()),
    };
    process.end().await;
    outcome
}

/// Does all duties until the shutdown, and gives those in hand their grace.
async fn work(
    process: &Process,
    config: SchedulerConfig,
    shutdown: &CancellationToken,
) -> Result<(), RunError> {
    let package_keys = Arc::new(PackageKeys::read(config.process.objects.package_keys.as_deref())?);
    let packages = (process.objects.clone(), package_keys);
    let context = Arc::new(DutyContext::new(process.database.clone(), process.bus.clone(), packages, config));
    let leadership = Arc::clone(&context.leadership);
    before_scrapes(move || {
        Metric::SchedulerLeader.set(if leadership.term().is_some() { 1.0 } else { 0.0 }, &[]);
    });
    tracing::info!(scheduler.name = %context.config.scheduler.name, "the scheduler runs");
    let outcome = keep_all(&context, shutdown).await;
    context.leadership.release(&context.database).await;
    outcome
}

async fn keep_all(context: &Arc<DutyContext>, shutdown: &CancellationToken) -> Result<(), RunError> {
    let mut duties = JoinSet::new();
    let stop = shutdown.child_token();
    duties.spawn(keep(leader::Lead, Arc::clone(context), stop.clone()));
    duties.spawn(keep(feel::Feel, Arc::clone(context), stop.clone()));
    duties.spawn(keep(tick::Tick, Arc::clone(context), stop.clone()));
    duties.spawn(keep(sweep::Sweep::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(announce::Announce::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(dead::Keep::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(holders::Recover::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(refill::Refill, Arc::clone(context), stop.clone()));
    duties.spawn(keep(unqueue::Unqueue, Arc::clone(context), stop.clone()));
    duties.spawn(keep(grant::Grant, Arc::clone(context), stop.clone()));
    duties.spawn(keep(reaper::Reap, Arc::clone(context), stop.clone()));
    duties.spawn(keep(outlast::Outlast, Arc::clone(context), stop.clone()));
    duties.spawn(keep(recheck::Recheck::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(retention::Prune::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(measure::Measure::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(discard::Discard::default(), Arc::clone(context), stop.clone()));
    duties.spawn(keep(tidy::Tidy::default(), Arc::clone(context), stop.clone()));
    // A duty ends by itself only when it is told to, or by a panic.
    let outcome = tokio::select! {
        () = stop.cancelled() => Ok(()),
        Some(ended) = duties.join_next() => ended.map_err(|_| RunError::Panicked),
    };
    stop.cancel();
    let settle = async { while duties.join_next().await.is_some() {} };
    if tokio::time::timeout(context.config.process.grace, settle).await.is_err() {
        tracing::warn!("the grace of a soft stop is over; transactions in hand are rolled back");
    }
    outcome
}
