//! Longshore's suites, one module each. Run one test by hand:
//! `cargo nextest run -p longshore-tests workflow`; see the harness for what it needs.

#![expect(clippy::unwrap_used, reason = "a test")]

mod access;
mod api;
mod backups;
mod chaos;
mod conformance;
mod failures;
mod faults;
mod fleet;
mod harness;
mod history;
mod holders;
mod limits;
mod metrics;
mod objects;
mod programs;
mod rules;
mod schedules;
mod security;
mod standing;
mod sync;
mod traces;
mod values;
mod webhooks;
mod workflow;
