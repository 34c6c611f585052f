//! The walk over wall-clock times, and from there to instants.
//!
//! The `cron` crate walks times without a zone only: its own reading of the fields
//! differs from Vixie cron's (1 is Sunday, both day fields must match), and its reading
//! of daylight saving skips what the clock leaves out and runs twice what it repeats.

use std::str::FromStr;

use chrono::{DateTime, Duration, LocalResult, NaiveDate, NaiveDateTime, TimeZone, Utc};
use chrono_tz::Tz;

use super::ScheduleError;
use super::fields::{Fields, Numbers};

/// The years that the `cron` crate walks.
const YEARS: std::ops::RangeInclusive<i32> = 1970..=2100;
const WEEKDAYS: [&str; 7] = ["SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT"];

/// The wall-clock times of a schedule.
#[derive(Clone, Debug)]
pub(super) struct WallClock {
    /// The times are the union of these: one, or two where both day fields are
    /// restricted, since then a day of either sort will do.
    patterns: Vec<cron::Schedule>,
    /// It runs in every hour, so it follows the hours that pass, not the clock's face.
    every_hour: bool,
}

impl WallClock {
    pub(super) fn new(fields: &Fields) -> Result<Self, ScheduleError> {
        let Fields { days, weekdays, .. } = fields;
        let (all_days, all_weekdays) = ("*".to_owned(), "*".to_owned());
        let (days_text, weekdays_text) = (numbers(*days, 1..=31), names(*weekdays));
        let either = !days.starred && !weekdays.starred;
        let patterns = if either {
            vec![pattern(fields, &days_text, &all_weekdays)?, pattern(fields, &all_days, &weekdays_text)?]
        } else {
            vec![pattern(fields, &days_text, &weekdays_text)?]
        };
        let every_hour = (0..24).all(|hour| fields.hours.contains(hour));
        Self { patterns, every_hour }.that_runs()
    }

    /// The times of `daily` on these dates of each month, and on each month's last day.
    pub(super) fn monthly(daily: &Fields, dates: Vec<u32>, last: bool) -> Result<Self, ScheduleError> {
        let mut patterns = Vec::new();
        if !dates.is_empty() {
            let fields = daily.on_dates(dates);
            patterns.push(pattern(&fields, &numbers(fields.days, 1..=31), "*")?);
        }
        if last {
            // The 29th of February is the last day of each February that has one.
            patterns.push(last_day(daily, 31, "1,3,5,7,8,10,12", "*")?);
            patterns.push(last_day(daily, 30, "4,6,9,11", "*")?);
            patterns.push(last_day(daily, 29, "2", "*")?);
            patterns.push(last_day(daily, 28, "2", &common_years())?);
        }
        Self { patterns, every_hour: false }.that_runs()
    }

    fn that_runs(self) -> Result<Self, ScheduleError> {
        if self.next_time(DateTime::UNIX_EPOCH.naive_utc()).is_none() {
            return Err(ScheduleError::cron(
                Some(3),
                "no month has such a day, so it would never run".to_owned(),
                "choose a day of month that one of the months has",
            ));
        }
        Ok(self)
    }

    /// The first instant strictly after `after`.
    ///
    /// Wall-clock times are taken in their order. The first instants of their
    /// occurrences are in that order too; the second ones, of a repeated hour, are not,
    /// so the earliest of them is kept until a first one settles the matter.
    pub(super) fn next_after(&self, zone: Tz, after: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let mut time = search_start(zone, after);
        let mut repeated: Option<DateTime<Utc>> = None;
        loop {
            time = match self.next_time(time) {
                Some(next) => next,
                None => return repeated,
            };
            let second = match zone.from_local_datetime(&time) {
                LocalResult::Single(_) => None,
                LocalResult::Ambiguous(_, second) => Some(second.to_utc()),
                LocalResult::None if self.every_hour => continue,
                LocalResult::None => None,
            };
            let first = first_instant(zone, time);
            if first > after {
                return Some(repeated.map_or(first, |second| second.min(first)));
            }
            if let Some(second) = second.filter(|second| self.every_hour && *second > after) {
                repeated = Some(repeated.map_or(second, |earlier| earlier.min(second)));
            }
        }
    }

    /// The first wall-clock time strictly after `time`.
    fn next_time(&self, time: NaiveDateTime) -> Option<NaiveDateTime> {
        let time = time.and_utc();
        self.patterns.iter().filter_map(|p| p.after(&time).next()).min().map(|next| next.naive_utc())
    }
}

/// Where on the wall clock to begin: at `after`; or, in an hour that will be repeated, so
/// much before that the repetition is walked whole.
fn search_start(zone: Tz, after: DateTime<Utc>) -> NaiveDateTime {
    let local = after.with_timezone(&zone).naive_local();
    match zone.from_local_datetime(&local) {
        LocalResult::Ambiguous(first, second) => {
            local - (second.to_utc() - first.to_utc()) - Duration::seconds(1)
        }
        LocalResult::Single(_) | LocalResult::None => local,
    }
}

/// The instant at which the zone's clock first shows `time`, or is past it where it leaves
/// `time` out.
pub(super) fn first_instant(zone: Tz, time: NaiveDateTime) -> DateTime<Utc> {
    match zone.from_local_datetime(&time) {
        LocalResult::Single(first) | LocalResult::Ambiguous(first, _) => first.to_utc(),
        LocalResult::None => end_of_gap(zone, time),
    }
}

/// The first instant whose wall-clock time lies behind `missing`, which the clock leaves out.
fn end_of_gap(zone: Tz, missing: NaiveDateTime) -> DateTime<Utc> {
    let behind = |instant: DateTime<Utc>| instant.with_timezone(&zone).naive_local() > missing;
    // Offsets lie between -12 and +14 hours.
    let (mut before, mut after) =
        (missing.and_utc() - Duration::hours(15), missing.and_utc() + Duration::hours(13));
    while after - before > Duration::seconds(1) {
        let middle = before + Duration::seconds((after - before).num_seconds() / 2);
        if behind(middle) { after = middle } else { before = middle }
    }
    after
}

fn pattern(fields: &Fields, days: &str, weekdays: &str) -> Result<cron::Schedule, ScheduleError> {
    let (minutes, hours) = (numbers(fields.minutes, 0..=59), numbers(fields.hours, 0..=23));
    let months = numbers(fields.months, 1..=12);
    parsed(&format!("0 {minutes} {hours} {days} {months} {weekdays}"))
}

/// One sort of last day: its date, its months, and of which years.
fn last_day(fields: &Fields, date: u32, months: &str, years: &str) -> Result<cron::Schedule, ScheduleError> {
    let (minutes, hours) = (numbers(fields.minutes, 0..=59), numbers(fields.hours, 0..=23));
    parsed(&format!("0 {minutes} {hours} {date} {months} * {years}"))
}

fn common_years() -> String {
    let common = YEARS.filter(|year| NaiveDate::from_ymd_opt(*year, 2, 29).is_none());
    common.map(|year| year.to_string()).collect::<Vec<_>>().join(",")
}

fn parsed(text: &str) -> Result<cron::Schedule, ScheduleError> {
    cron::Schedule::from_str(text)
        .map_err(|error| ScheduleError::cron(None, error.to_string(), "write a simpler expression"))
}

fn numbers(set: Numbers, range: std::ops::RangeInclusive<u32>) -> String {
    if range.clone().all(|n| set.contains(n)) {
        return "*".to_owned();
    }
    range.filter(|n| set.contains(*n)).map(|n| n.to_string()).collect::<Vec<_>>().join(",")
}

fn names(set: Numbers) -> String {
    let all: Vec<&str> =
        (0..).zip(WEEKDAYS).filter(|(n, _)| set.contains(*n)).map(|(_, name)| name).collect();
    if all.len() == WEEKDAYS.len() { "*".to_owned() } else { all.join(",") }
}
