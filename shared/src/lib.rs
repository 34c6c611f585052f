//! What more than one of Longshore's binaries needs: the nouns (`domain`), and one
//! room for each outside thing (`store` is PostgreSQL, `bus` is RabbitMQ, `vault` is
//! secrets), `workflow`, the only place that moves a job or a step, and `process`, what the programs
//! begin and end with.
//!
//! Arrows: {`workflow`, `process`} -> {`store`, `bus`} -> `domain`; `vault` -> `domain`; `config`,
//! `clock`, `failpoint`, `shutdown` and `telemetry` are leaves. `store` and `bus` do not know each other. A test
//! in `tests/` holds this.

pub mod bus;
pub mod clock;
pub mod config;
pub mod domain;
pub mod failpoint;
pub mod objects;
pub mod package;
pub mod process;
pub mod shutdown;
pub mod store;
pub mod telemetry;
pub mod vault;
pub mod workflow;
