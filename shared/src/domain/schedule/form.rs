//! The forms of a schedule, read, and what each makes of the clock: wall-clock times by the
//! one walk, or hours that pass.

use chrono::{NaiveDateTime, NaiveTime, Timelike as _};
use chrono_tz::Tz;

use super::elapsed::Elapsed;
use super::fields::Fields;
use super::walk::WallClock;
use super::{Pace, ScheduleError};
use crate::domain::words;

words! {
    /// A day of the week.
    Weekday {
        /// Monday.
        Mon = "mon",
        /// Tuesday.
        Tue = "tue",
        /// Wednesday.
        Wed = "wed",
        /// Thursday.
        Thu = "thu",
        /// Friday.
        Fri = "fri",
        /// Saturday.
        Sat = "sat",
        /// Sunday.
        Sun = "sun",
    }
}

/// A day of a month.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum MonthDay {
    /// This date; a month that lacks it is left out.
    Date(u32),
    /// The last one, whatever its date.
    Last,
}

/// What was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// An expression, with single spaces.
    Cron { text: String, fields: Fields },
    /// So many hours after the last run, counted from `from` on the zone's clock.
    Hours { hours: u32, from: NaiveDateTime },
    /// Each day.
    Day { at: NaiveTime },
    /// These days of each week.
    Week { on: Vec<Weekday>, at: NaiveTime },
    /// These days of each month.
    Month { on: Vec<MonthDay>, at: NaiveTime },
}

impl Form {
    pub(super) fn cron(text: &str) -> Result<Self, ScheduleError> {
        let fields = Fields::parse(text)?;
        // A schedule that never runs is refused here, whatever its time zone.
        WallClock::new(&fields)?;
        Ok(Self::Cron { text: text.split_ascii_whitespace().collect::<Vec<_>>().join(" "), fields })
    }

    pub(super) fn pace(&self, zone: Tz) -> Result<Pace, ScheduleError> {
        let at_days = |at: &NaiveTime| Fields::daily(at.hour(), at.minute());
        Ok(Pace::Wall(match self {
            Self::Hours { hours, from } => return Ok(Pace::Hours(Elapsed::new(zone, *from, *hours))),
            Self::Cron { fields, .. } => WallClock::new(fields)?,
            Self::Day { at } => WallClock::new(&at_days(at))?,
            Self::Week { on, at } => {
                // The words stand in their order from Monday, which is 1.
                let numbers = on.iter().map(|day| (*day as u32 + 1) % 7);
                WallClock::new(&at_days(at).on_weekdays(numbers))?
            }
            Self::Month { on, at } => {
                let dates = on.iter().filter_map(|day| match day {
                    MonthDay::Date(date) => Some(*date),
                    MonthDay::Last => None,
                });
                WallClock::monthly(&at_days(at), dates.collect(), on.contains(&MonthDay::Last))?
            }
        }))
    }
}
