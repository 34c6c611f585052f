//! The scheduler: emits what is due, announces what was lost, reaps what lapsed.
//!
//! Any number of schedulers may run. Duties that share their work by row locks (outbox,
//! lapsed leases) run on each; duties of which one at a time is enough run on the one that
//! leads ([`leader`]). Every duty looks at the database and does what is missing there; it
//! is told nothing, so the good day and the recovery are one path of code; while there is nothing to
//! be found it rests ([`pulse`]). Invariants: an
//! outage of PostgreSQL or RabbitMQ never ends the process; whatever is done twice has the
//! effect of once. Not here: when a schedule is due (`domain::schedule`, the same code that
//! the API shows), and the transitions of jobs and steps (`workflow`).

mod announce;
mod dead;
mod duty;
mod grant;
mod holders;
mod leader;
mod measure;
mod outlast;
mod pulse;
mod reaper;
mod recheck;
mod refill;
mod retention;
mod sweep;
mod tick;
mod unqueue;

use std::net::SocketAddr;
use std::sync::Arc;

use longshore_shared::bus::{Bus, BusError};
use longshore_shared::config::SchedulerConfig;
use longshore_shared::store::outbox::Owed;
use longshore_shared::store::{Database, StoreError, await_schema};
use longshore_shared::telemetry::{self, Check, TelemetryError};
use longshore_shared::workflow::publish;
use longshore_shared::{clock, failpoint};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use duty::{Outages, keep};
use leader::Leadership;
use pulse::Pulse;

/// Why the scheduler could not begin, or ended without being told to.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The control plane's address is none.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// RabbitMQ's address is none.
    #[error(transparent)]
    Bus(#[from] BusError),
    /// Metrics or health cannot be served.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The port for health and metrics cannot be had.
    #[error("cannot listen on {address} for health and metrics")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the machine said.
        source: std::io::Error,
    },
    /// A duty stopped by a fault of its own.
    #[error("a duty of the scheduler panicked")]
    Panicked,
}

/// What every duty works with.
struct DutyContext {
    database: Database,
    bus: Bus,
    config: SchedulerConfig,
    leadership: Leadership,
    outages: Outages,
    pulse: Pulse,
}

impl DutyContext {
    /// Publishes what committed transactions owe. What fails here is left to the sweep: no
    /// duty waits for RabbitMQ, or does its work again because of it.
    async fn publish(&self, owed: Vec<Owed>) {
        let messages = owed.len();
        if let Err(error) = publish::settled(&self.database, &self.bus, owed).await {
            self.outages.note(&error);
            tracing::debug!(%error, messages, "what was committed is announced later");
        }
    }
}

/// Runs until `shutdown`; then finishes the transactions in hand, within the grace, and
/// gives the leadership back.
pub async fn run(config: SchedulerConfig, shutdown: CancellationToken) -> Result<(), RunError> {
    failpoint::arm();
    telemetry::start_metrics()?;
    let (collector, name) = (config.traces.endpoint.as_deref(), &config.scheduler.name);
    telemetry::start_spans(collector, "longshore-scheduler", name)?;
    let address = config.ops.listen;
    let listener = TcpListener::bind(address).await.map_err(|source| RunError::Listen { address, source })?;
    let database =
        Database::new(config.database.url.reveal(), config.database.connections, "longshore-scheduler")?;
    database.show_as("main");
    let bus = Bus::connect(config.broker.url.reveal(), "longshore-scheduler")?;
    let mut ops = JoinSet::new();
    let ops_end = CancellationToken::new();
    ops.spawn(telemetry::serve_ops(listener, checks(&database, &bus), ops_end.clone()));
    tokio::select! {
        () = await_schema(&database) => {}
        () = shutdown.cancelled() => return Ok(()),
    }
    let holder = format!("{} {}", config.scheduler.name, clock::fresh_id());
    let context = Arc::new(DutyContext {
        leadership: Leadership::new(holder),
        outages: Outages::default(),
        pulse: Pulse::default(),
        database,
        bus,
        config,
    });
    tracing::info!(scheduler.name = %context.config.scheduler.name, "the scheduler runs");
    let outcome = work(&context, &shutdown).await;
    context.leadership.release(&context.database).await;
    context.bus.close().await;
    ops_end.cancel();
    context.database.close().await;
    telemetry::stop_spans().await;
    outcome
}

fn checks(database: &Database, bus: &Bus) -> Vec<Check> {
    let (database, bus) = (database.clone(), bus.clone());
    vec![
        Check::new("database", move || {
            let database = database.clone();
            async move { database.ping().await.map_err(|_| "no answer".to_owned()) }
        }),
        Check::new("broker", move || {
            let ready = bus.ready().map_err(|_| "not connected".to_owned());
            async move { ready }
        }),
    ]
}

/// Does all duties until the shutdown, and gives those in hand their grace.
async fn work(context: &Arc<DutyContext>, shutdown: &CancellationToken) -> Result<(), RunError> {
    let mut duties = JoinSet::new();
    let stop = shutdown.child_token();
    duties.spawn(keep(leader::Lead, Arc::clone(context), stop.clone()));
    duties.spawn(keep(pulse::Feel, Arc::clone(context), stop.clone()));
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
    duties.spawn(keep(measure::Measure, Arc::clone(context), stop.clone()));
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
