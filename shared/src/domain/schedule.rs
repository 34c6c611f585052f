//! When a task runs by itself.

use serde::{Deserialize, Serialize};

/// A five-field cron expression in a named time zone.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Schedule {
    /// Minute, hour, day of month, month, day of week (0 = Sunday).
    pub cron: String,
    /// IANA name.
    pub time_zone: String,
}
