//! The control plane's PostgreSQL: one file a table, `query!` only.
//!
//! Invariants: no query runs on a bare pool: every call takes the connection of an
//! [`OrgTx`] (row-level security sees one organisation), of a [`SystemTx`] (workers,
//! scheduler, sign-in) or, for one statement, of a [`SystemConn`]. Job and step rows are written by `workflow` only. Rows become
//! domain values here and nowhere else. Deliberately not here: customers' databases,
//! decisions, and messages.

mod begin;
pub mod connections;
mod database;
pub mod dead_letters;
mod error;
pub mod job_log;
pub mod job_tables;
pub mod jobs;
pub mod leaderships;
mod migrate;
pub mod organisations;
pub mod outbox;
pub mod schedule_events;
pub mod stages;
pub mod step_reports;
pub mod steps;
pub mod sync_tasks;
pub mod tokens;
pub mod workers;

pub use database::{Database, OrgTx, SystemConn, SystemTx, now};
pub use error::StoreError;
pub use migrate::{SCHEMA_VERSION, await_schema, migrate};

/// The connection that a transaction runs on.
pub type Conn = sqlx::PgConnection;
