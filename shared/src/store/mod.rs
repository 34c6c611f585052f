//! The control plane's PostgreSQL: one file a table, `query!` only.
//!
//! Invariants: no query runs on a bare pool: every call takes the connection of an
//! [`OrgTx`] (row-level security sees one organisation), of a [`SystemTx`] (workers,
//! scheduler, sign-in) or, for one statement, of a [`SystemConn`]. Job and step rows are written by `workflow` only. Rows become
//! domain values here and nowhere else. Deliberately not here: customers' databases,
//! decisions, and messages.

pub mod backups;
pub mod connection_tests;
pub mod connections;
mod database;
pub mod dead_letters;
mod error;
pub mod history;
pub mod idempotency_keys;
pub mod job_holders;
pub mod job_log;
pub mod job_tables;
pub mod jobs;
pub mod leaderships;
pub mod limits;
pub mod measures;
mod migrate;
pub mod organisations;
pub mod outbox;
pub mod overdue;
pub mod packages;
pub mod pulse;
pub mod schedule_events;
pub mod schedules;
pub mod secrets;
mod session;
pub mod stages;
pub mod step_reports;
pub mod steps;
pub mod sync_tasks;
pub mod target_confirmations;
pub mod target_locks;
pub mod tokens;
pub mod webhook_deliveries;
pub mod webhooks;
pub mod workers;

use std::time::Duration;

pub use database::{Database, OrgTx, SystemConn, SystemTx, now};
pub use error::{RowError, StoreError};
pub use migrate::{SCHEMA_VERSION, await_schema, migrate};
pub use session::Ending;

/// What a call to the store answers within `limit`; after that it counts as an outage. A
/// PostgreSQL that accepts and never answers is no different from one that is away.
pub async fn within<T, E: From<StoreError>>(
    limit: Duration,
    call: impl Future<Output = Result<T, E>>,
) -> Result<T, E> {
    match tokio::time::timeout(limit, call).await {
        Ok(answer) => answer,
        Err(_) => {
            StoreError::NoAnswer.count();
            Err(StoreError::NoAnswer.into())
        }
    }
}

/// The connection that a transaction runs on.
pub type Conn = sqlx::PgConnection;
