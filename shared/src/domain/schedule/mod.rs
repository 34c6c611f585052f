//! When a task runs by itself: a five-field cron expression in a named time zone.
//!
//! Invariants: a [`Schedule`] that exists has been checked, also when it comes out of a
//! stored row; what is shown as the next runs and what fires are the same code. The
//! rules of the clock: a wall-clock time that daylight saving leaves out runs at the
//! first instant after the gap, one that it repeats runs once, at its first occurrence;
//! a schedule whose hour field is every hour runs as hours pass instead (nothing extra
//! after a gap, both halves of a repeated hour). Deliberately not here: the present
//! time, and what a missed run means.

mod error;
mod fields;
mod walk;
mod zone;

#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use error::ScheduleError;
use walk::WallClock;

/// A five-field cron expression in a named time zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Text", into = "Text")]
pub struct Schedule {
    cron: String,
    zone: Tz,
    wall_clock: WallClock,
}

/// A schedule as it is stored and sent.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Text {
    cron: String,
    time_zone: String,
}

impl TryFrom<Text> for Schedule {
    type Error = ScheduleError;

    fn try_from(text: Text) -> Result<Self, ScheduleError> {
        Self::parse(&text.cron, &text.time_zone)
    }
}

impl From<Schedule> for Text {
    fn from(schedule: Schedule) -> Self {
        Self { time_zone: schedule.time_zone().to_owned(), cron: schedule.cron }
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.cron == other.cron && self.zone == other.zone
    }
}

impl Eq for Schedule {}

impl Schedule {
    /// Reads an expression (minute, hour, day of month, month, day of week; 0 or 7 is
    /// Sunday; names, lists, ranges and steps) and the IANA name of a time zone.
    ///
    /// Refused, with the field's position: everything else that crons know (a sixth
    /// field, macros, `TZ=`, `L`, `W`, `#`, `?`), and what would never run.
    pub fn parse(cron: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        let fields = fields::Fields::parse(cron)?;
        let zone = zone::parse(time_zone)?;
        let wall_clock = WallClock::new(&fields)?;
        Ok(Self { cron: cron.split_ascii_whitespace().collect::<Vec<_>>().join(" "), zone, wall_clock })
    }

    /// The expression, with single spaces.
    pub fn cron(&self) -> &str {
        &self.cron
    }

    /// The time zone's canonical IANA name.
    pub fn time_zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The first run strictly after `after`; `None` when there is none before 2101.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        self.wall_clock.next_after(self.zone, after)
    }

    /// The next `n` runs strictly after `after`, in order.
    pub fn next_runs(&self, after: DateTime<Utc>, n: usize) -> Vec<DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |run| self.next_after(*run)).take(n).collect()
    }

    /// The last run in `(after, until]`: of the runs that a stopped scheduler missed only
    /// the latest matters.
    pub fn last_until(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |run| self.next_after(*run))
            .take_while(|run| *run <= until)
            .last()
    }
}
