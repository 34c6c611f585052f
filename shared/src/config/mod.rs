//! Settings: environment variables `LONGSHORE_*`, one file a section.
//!
//! Invariants: everything that is wrong is reported at once, each problem with the
//! variable's name, what stood there (never for a secret) and what is expected; a
//! variable that Longshore does not know is an error, so that a misspelt one is not
//! silently ignored; defaults stand in one table ([`variables::VARIABLES`]), from which
//! the table of `docs/operations.md` is made. A file `.env` in the current directory is read too; the
//! process's own variables win over it.
//! Not here: settings that change while a process runs (there are none), and settings
//! of an organisation (they are rows).

mod addresses;
mod allocator;
mod api;
mod broker;
mod database;
mod environment;
mod error;
mod log;
mod objects;
mod ops;
mod process;
mod scheduler;
mod secret_url;
mod traces;
pub mod variables;
mod webhooks;
mod worker;

#[cfg(test)]
mod tests;

pub use addresses::Addresses;
pub use allocator::return_large_buffers;
pub use api::Api;
pub use broker::Broker;
pub use database::{Database, OwnerDatabase, SystemDatabase};
pub use environment::Environment;
pub use error::{ConfigError, Problems};
pub use log::{Log, LogFormat};
pub use objects::{AccessKey, Objects};
pub use ops::Ops;
pub use process::Process;
pub use scheduler::Scheduler;
pub use secret_url::SecretUrl;
pub use traces::Traces;
pub use webhooks::Webhooks;
pub use worker::Worker;

/// Makes a struct from results, one a field; what failed is gathered, not the first only.
macro_rules! gather {
    ($name:ident { $($field:ident: $value:expr),+ $(,)? }) => {{
        let mut problems = $crate::config::Problems::default();
        $(let $field = problems.keep($value);)+
        match ($($field,)+) {
            ($(Some($field),)+) => Ok($name { $($field),+ }),
            _ => Err(problems),
        }
    }};
}
pub(crate) use gather;

/// What `longshore-api` needs to serve.
#[derive(Clone, Debug)]
pub struct ApiConfig {
    /// What every process needs.
    pub process: Process,
    /// PostgreSQL, as the role that may look a token up in every organisation.
    pub system_database: SystemDatabase,
    /// The API itself.
    pub api: Api,
    /// Where connections may lead.
    pub addresses: Addresses,
    /// Where webhooks may go.
    pub webhooks: Webhooks,
}

/// What `longshore-worker` needs to work.
#[derive(Clone, Debug)]
pub struct WorkerConfig {
    /// What every process needs.
    pub process: Process,
    /// The worker itself.
    pub worker: Worker,
    /// Where connections may lead.
    pub addresses: Addresses,
    /// Where webhooks may go.
    pub webhooks: Webhooks,
}

/// What `longshore-scheduler` needs to work.
#[derive(Clone, Debug)]
pub struct SchedulerConfig {
    /// What every process needs.
    pub process: Process,
    /// The scheduler itself.
    pub scheduler: Scheduler,
}

/// What the command `migrate` needs.
#[derive(Clone, Debug)]
pub struct OwnerConfig {
    /// PostgreSQL, as the owner of the schema.
    pub database: OwnerDatabase,
    /// PostgreSQL, as the role that may write the first organisation: the owner is forced
    /// under row-level security and sees no row.
    pub system_database: SystemDatabase,
    /// Logs.
    pub log: Log,
}

/// What the command `admin-token` needs.
#[derive(Clone, Debug)]
pub struct TokenConfig {
    /// PostgreSQL, as the role that may write a token of any organisation.
    pub system_database: SystemDatabase,
    /// Logs.
    pub log: Log,
}

macro_rules! load {
    ($($name:ident),+ $(,)?) => {$(
        impl $name {
            /// Reads the process's environment and `.env`; all problems come back at once.
            pub fn load() -> Result<Self, Problems> {
                Environment::read().and_then(|environment| Self::from_env(&environment))
            }
        }
    )+};
}
load!(ApiConfig, WorkerConfig, SchedulerConfig, OwnerConfig, TokenConfig);

impl ApiConfig {
    /// Reads its sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        from.only_known(gather!(Self {
            process: Process::from_env(from),
            system_database: SystemDatabase::from_env(from),
            api: Api::from_env(from),
            addresses: Addresses::from_env(from),
            webhooks: Webhooks::from_env(from),
        }))
    }
}

impl WorkerConfig {
    /// Reads its sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        from.only_known(gather!(Self {
            process: Process::from_env(from),
            worker: Worker::from_env(from),
            addresses: Addresses::from_env(from),
            webhooks: Webhooks::from_env(from),
        }))
    }
}

impl SchedulerConfig {
    /// Reads its sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        from.only_known(gather!(Self {
            process: Process::from_env(from),
            scheduler: Scheduler::from_env(from),
        }))
    }
}

impl OwnerConfig {
    /// Reads its sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        from.only_known(gather!(Self {
            database: OwnerDatabase::from_env(from),
            system_database: SystemDatabase::from_env(from),
            log: Log::from_env(from),
        }))
    }
}

impl TokenConfig {
    /// Reads its sections.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        from.only_known(gather!(Self {
            system_database: SystemDatabase::from_env(from),
            log: Log::from_env(from),
        }))
    }
}
