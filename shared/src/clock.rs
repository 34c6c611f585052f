//! Time and identity: the only place that asks the machine for either.
//!
//! Deadlines of leases are measured on the monotonic clock ([`std::time::Instant`]);
//! wall-clock time is for people and schedules only, since a machine's clock may jump.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The wall-clock time of this machine, in UTC.
#[expect(clippy::disallowed_methods, reason = "the owner room opens its own gate")]
pub fn now() -> DateTime<Utc> {
    Utc::now()
}

/// A fresh, time-ordered identifier (UUID version 7).
#[expect(clippy::disallowed_methods, reason = "the owner room opens its own gate")]
pub fn fresh_id() -> Uuid {
    Uuid::now_v7()
}
