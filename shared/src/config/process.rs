//! What every process that stays needs, whatever it does.

use std::time::Duration;

use super::variables::{GRACE_SECONDS, seconds};
use super::{Broker, Database, Environment, Log, Objects, Ops, Problems, Traces, gather};

/// What every process that stays needs, whatever it does.
#[derive(Clone, Debug)]
pub struct Process {
    /// PostgreSQL: the API as the role that policies apply to, the others as the system role.
    pub database: Database,
    /// RabbitMQ.
    pub broker: Broker,
    /// The bucket of packages and backups.
    pub objects: Objects,
    /// Health and metrics.
    pub ops: Ops,
    /// Where spans go.
    pub traces: Traces,
    /// Logs.
    pub log: Log,
    /// How long a soft stop may take before what still runs is cut off.
    pub grace: Duration,
}

impl Process {
    /// Reads the sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            database: Database::from_env(from),
            broker: Broker::from_env(from),
            objects: Objects::from_env(from),
            ops: Ops::from_env(from),
            traces: Traces::from_env(from),
            log: Log::from_env(from),
            grace: from.read_one(&GRACE_SECONDS, seconds(0..=3_600)),
        })
    }
}
