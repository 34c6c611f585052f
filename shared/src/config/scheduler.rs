//! The scheduler.

use std::time::Duration;

use super::variables::{
    HISTORY_DAYS, JOB_SECONDS, LEASE_SECONDS, REANNOUNCE_SECONDS, RECHECK_SECONDS, SCHEDULER_NAME,
    STORE_GRACE_SECONDS, SWEEP_SECONDS, days, name, seconds,
};
use super::{Environment, Problems, gather};

/// The scheduler.
#[derive(Clone, Debug)]
pub struct Scheduler {
    /// What people see as its name.
    pub name: String,
    /// The age at which an unconfirmed outbox row is published again.
    pub sweep: Duration,
    /// The age at which an announced, unclaimed step is announced again.
    pub reannounce: Duration,
    /// How long an ended job's steps and log lines are kept.
    pub history: Duration,
    /// How long a job may last; zero: without a bound.
    pub longest_job: Duration,
    /// How old what nobody knows of in the store must be to be removed.
    pub store_grace: Duration,
    /// How long a connection is left alone before it is tested again; zero: it never is.
    pub recheck: Duration,
    /// How long a claimed step stays a worker's without renewal.
    pub lease: Duration,
}

impl Scheduler {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            name: from.read_one(&SCHEDULER_NAME, name),
            sweep: from.read_one(&SWEEP_SECONDS, seconds(1..=3_600)),
            reannounce: from.read_one(&REANNOUNCE_SECONDS, seconds(1..=86_400)),
            history: from.read_one(&HISTORY_DAYS, days(1..=36_500)),
            longest_job: from.read_one(&JOB_SECONDS, seconds(0..=31_536_000)),
            store_grace: from.read_one(&STORE_GRACE_SECONDS, seconds(0..=31_536_000)),
            recheck: from.read_one(&RECHECK_SECONDS, seconds(0..=31_536_000)),
            lease: from.read_one(&LEASE_SECONDS, seconds(1..=3_600)),
        })
    }
}
