//! What the programs have in common: how settings and errors are told to the person who started
//! one, and what a process that stays begins and ends with.
//!
//! Invariants: a wrong setting is one line on standard error and exit code 2, as a wrong argument
//! is; health is served before anything is waited for, and to the last. Not here: what a program
//! does, and the signals that end it (`shutdown`).

use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;

use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::bus::{Bus, BusError};
use crate::config::{self, Addresses, Log, LogFormat, Problems};
use crate::domain::address::{Ranges, Rules};
use crate::failpoint;
use crate::objects::Store;
use crate::store::{Database, StoreError};
use crate::telemetry::{self, Check, Program, TelemetryError};

/// What a program's `--help` says last.
pub const SETTINGS_HELP: &str = "Settings are environment variables LONGSHORE_*, or lines of a file .env; docs/operations.md#settings lists them.";

/// Why a process could not begin.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The control plane's address is none.
    #[error("LONGSHORE_DATABASE_URL")]
    Database(#[source] StoreError),
    /// RabbitMQ's address is none.
    #[error("LONGSHORE_AMQP_URL")]
    Bus(#[source] BusError),
    /// Logs, metrics or spans cannot be had.
    #[error(transparent)]
    Telemetry(#[from] TelemetryError),
    /// The port for health and metrics cannot be had.
    #[error("LONGSHORE_OPS_LISTEN: cannot listen on {address}")]
    Listen {
        /// The address asked for.
        address: SocketAddr,
        /// What the machine said.
        source: std::io::Error,
    },
}

/// The settings; where they are wrong each fault is told and the process ends with exit code 2.
pub fn settings<T>(read: Result<T, Problems>) -> T {
    read.unwrap_or_else(|problems| {
        for problem in &problems.0 {
            eprintln!("error: {problem}");
        }
        std::process::exit(2)
    })
}

/// Starts the logs as the settings say.
pub fn start_logs(log: &Log) -> Result<(), TelemetryError> {
    telemetry::start_logs(&log.filter, log.format == LogFormat::Json)
}

/// The exit code of what a program did; an error is told in one line, with what caused it.
pub fn exit_code(outcome: Result<(), impl Display>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // The log may not be there yet, and the reader is a person.
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Where connections may lead; never to Longshore's own services.
pub fn address_rules(addresses: Addresses, process: &config::Process) -> Rules {
    let Addresses { loopback_allowed, allowed, denied, mut own } = addresses;
    own.extend([process.database.endpoint(), process.broker.endpoint()]);
    own.extend(process.objects.address());
    Rules { loopback_allowed, ranges: Ranges { allowed, denied }, own }
}

/// Readiness that turns on PostgreSQL.
pub fn database_check(database: &Database) -> Check {
    let database = database.clone();
    Check::new("database", move || {
        let database = database.clone();
        async move { database.ping().await.map_err(|_| "does not answer".to_owned()) }
    })
}

/// Readiness that turns on RabbitMQ.
pub fn broker_check(bus: &Bus) -> Check {
    let bus = bus.clone();
    Check::new("broker", move || {
        let ready = bus.ready().map_err(|_| "not connected".to_owned());
        async move { ready }
    })
}

/// Tells whether the bucket is there; what needs none goes on without it.
fn objects_check(store: &Store) -> Check {
    let store = store.clone();
    let check = Check::new("objects", move || {
        let store = store.clone();
        async move { store.check().await.map_err(|error| error.to_string()) }
    });
    check.told_only()
}

/// What a process that stays has from its begin to its end.
pub struct Process {
    /// The control plane, as the process's own role.
    pub database: Database,
    /// RabbitMQ.
    pub bus: Bus,
    /// The bucket of packages and backups, if the settings name one.
    pub objects: Option<Store>,
    health: TaskTracker,
    end_of_health: CancellationToken,
}

impl Process {
    /// Begins: metrics, spans, the clients of both services (which may be away), health.
    ///
    /// `instance` tells processes of one program apart in spans and for RabbitMQ; `pool` is the name of its
    /// connections in metrics; `checks` says what its readiness turns on.
    pub async fn begin(
        program: Program,
        instance: &str,
        pool: &'static str,
        config: &config::Process,
        checks: impl FnOnce(&Database, &Bus) -> Vec<Check>,
    ) -> Result<Self, ProcessError> {
        failpoint::arm();
        telemetry::start_metrics(program)?;
        telemetry::start_spans(config.traces.endpoint.as_deref(), program.as_str(), instance)?;
        let (url, connections) = (config.database.url.reveal(), config.database.connections);
        let database = Database::new(url, connections, program.as_str()).map_err(ProcessError::Database)?;
        database.show_as(pool);
        let name = format!("{program} {instance}");
        let bus = Bus::connect(config.broker.url.reveal(), &name).map_err(ProcessError::Bus)?;
        let address = config.ops.listen;
        let listener =
            TcpListener::bind(address).await.map_err(|source| ProcessError::Listen { address, source })?;
        let (health, end_of_health) = (TaskTracker::new(), CancellationToken::new());
        let objects = Store::open(&config.objects).await;
        let mut checks = checks(&database, &bus);
        checks.extend(objects.as_ref().map(objects_check));
        let served = telemetry::serve_ops(listener, checks, end_of_health.clone());
        health.spawn(async {
            if let Err(error) = served.await {
                tracing::error!(%error, "health and metrics ended");
            }
        });
        health.close();
        Ok(Self { database, bus, objects, health, end_of_health })
    }

    /// Ends: what is owed to both services is sent, and health is served until then.
    pub async fn end(self) {
        self.bus.close().await;
        self.end_of_health.cancel();
        self.health.wait().await;
        self.database.close().await;
        telemetry::stop_spans().await;
    }
}
