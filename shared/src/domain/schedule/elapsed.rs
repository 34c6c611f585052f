//! Every so many hours, as time passes: the clock's changes move nothing. Five hours after
//! a run is five hours later also where that crosses midnight, unlike in a cron expression's
//! `*/5`, which starts anew with each day.

use chrono::{DateTime, Datelike as _, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::walk::first_instant;

/// The instants at a fixed distance from a beginning; none lies before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Elapsed {
    beginning: DateTime<Utc>,
    hours: i64,
}

impl Elapsed {
    /// From the instant at which the zone's clock first showed `from`, or was past it.
    pub(super) fn new(zone: Tz, from: NaiveDateTime, hours: u32) -> Self {
        Self { beginning: first_instant(zone, from), hours: i64::from(hours) }
    }

    /// The first instant strictly after `after`.
    pub(super) fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        if after < self.beginning {
            return Some(self.beginning);
        }
        let passed = (after - self.beginning).num_hours() / self.hours;
        let next = self.beginning.checked_add_signed(TimeDelta::hours((passed + 1) * self.hours))?;
        (next.year() <= 2100).then_some(next)
    }
}
