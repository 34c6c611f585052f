//! When a task runs by itself: a five-field cron expression, or every so many hours, days
//! of the week or of the month, in a named time zone.
//!
//! Invariants: a [`Schedule`] that exists has been checked, also when it comes out of a
//! stored row; what is shown as the next runs and what fires are the same code, whatever
//! the form. The rules of the clock: a wall-clock time that daylight saving leaves out
//! runs at the first instant after the gap, one that it repeats runs once, at its first
//! occurrence; a cron expression whose hour field is every hour runs as hours pass instead
//! (nothing extra after a gap, both halves of a repeated hour), and so does `every: hours`,
//! counted from its beginning. Deliberately not here: the present time, and what a missed
//! run means.

mod draft;
mod elapsed;
mod error;
mod fields;
mod form;
mod frequency;
mod timing;
mod walk;
mod zone;

/// The zone of this IANA name, in any case.
pub(super) fn time_zone(name: &str) -> Result<Tz, ScheduleError> {
    zone::parse(name)
}

#[cfg(test)]
mod tests;

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

pub use draft::{Draft, Every, On};
use elapsed::Elapsed;
pub use error::{ScheduleError, ScheduleErrors};
use form::Form;
pub use form::Weekday;
pub use timing::{Overlap, Timing};
use walk::WallClock;

use super::words;

words! {
    /// What came of a due time.
    DueResult {
        /// A run began.
        Fired = "fired",
        /// A run waits for the one before it.
        Queued = "queued",
        /// Another run was in its way, or a later due time took its place.
        Skipped = "skipped",
        /// Nobody looked until it was too long ago.
        Missed = "missed",
        /// The stored task does not read.
        Unreadable = "unreadable",
    }
}

/// A checked schedule in a named time zone.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(try_from = "Draft", into = "Draft")]
pub struct Schedule {
    form: Form,
    zone: Tz,
    pace: Pace,
}

/// What its runs follow.
#[derive(Clone, Debug)]
enum Pace {
    /// The clock's face.
    Wall(WallClock),
    /// The time that passes.
    Hours(Elapsed),
}

impl TryFrom<Draft> for Schedule {
    type Error = ScheduleErrors;

    fn try_from(draft: Draft) -> Result<Self, ScheduleErrors> {
        let (form, zone) = draft.read()?;
        Self::new(form, zone).map_err(|error| ScheduleErrors(vec![error]))
    }
}

impl From<Schedule> for Draft {
    fn from(schedule: Schedule) -> Self {
        schedule.draft()
    }
}

impl PartialEq for Schedule {
    fn eq(&self, other: &Self) -> bool {
        self.form == other.form && self.zone == other.zone
    }
}

impl Eq for Schedule {}

impl Schedule {
    /// Reads an expression (minute, hour, day of month, month, day of week; 0 or 7 is
    /// Sunday; names, lists, ranges and steps) and the IANA name of a time zone.
    ///
    /// Refused, with the field's position: everything else that crons know (a sixth
    /// field, macros, `TZ=`, `L`, `W`, `#`, `?`), and what would never run. The other
    /// forms come as a [`Draft`].
    pub fn parse(cron: &str, time_zone: &str) -> Result<Self, ScheduleError> {
        let form = Form::cron(cron)?;
        Self::new(form, zone::parse(time_zone)?)
    }

    fn new(form: Form, zone: Tz) -> Result<Self, ScheduleError> {
        let pace = form.pace(zone)?;
        Ok(Self { form, zone, pace })
    }

    /// As it is stored and shown: canonical, and read again it is the same schedule.
    pub fn draft(&self) -> Draft {
        Draft { time_zone: Some(self.time_zone().to_owned()), ..self.form.draft() }
    }

    /// The time zone's canonical IANA name.
    pub fn time_zone(&self) -> &'static str {
        self.zone.name()
    }

    /// The first run strictly after `after`; `None` when there is none before 2101.
    pub fn next_after(&self, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.pace {
            Pace::Wall(clock) => clock.next_after(self.zone, after),
            Pace::Hours(elapsed) => elapsed.next_after(after),
        }
    }

    /// The next `n` runs strictly after `after`, in order.
    pub fn next_runs(&self, after: DateTime<Utc>, n: usize) -> Vec<DateTime<Utc>> {
        self.runs(after).take(n).collect()
    }

    /// The last run in `(after, until]`: of the runs that a stopped scheduler missed only
    /// the latest matters. Looks back from `until` in growing spans, so that a schedule of
    /// every minute is not walked over days.
    pub fn last_until(&self, after: DateTime<Utc>, until: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut span = TimeDelta::hours(1);
        loop {
            let from = after.max(until - span);
            let last = self.runs(from).take_while(|run| *run <= until).last();
            if last.is_some() || from == after {
                return last;
            }
            span = span * 4;
        }
    }

    /// How many runs lie in `[from, until)`; at most `most` are counted.
    pub fn count(&self, from: DateTime<Utc>, until: DateTime<Utc>, most: usize) -> usize {
        let from = from - TimeDelta::microseconds(1);
        self.runs(from).take_while(|run| *run < until).take(most).count()
    }

    fn runs(&self, after: DateTime<Utc>) -> impl Iterator<Item = DateTime<Utc>> {
        std::iter::successors(self.next_after(after), |run| self.next_after(*run))
    }
}
