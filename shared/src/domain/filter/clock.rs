//! The current time, as a condition asks for it, and intervals.

use chrono::{
    DateTime, Datelike as _, Days, LocalResult, Months, NaiveDateTime, SubsecRound as _, TimeDelta, Utc,
};

use super::super::zone::Zone;
use super::interval::{Clock, Shift};
use super::known::UNITS;
use super::moment::{day, stamp};
use super::term::Term;

/// A time as a clock in a zone shows it, and the moment that it is.
pub(super) struct Shown {
    pub(super) at: DateTime<Utc>,
    wall: NaiveDateTime,
    date: bool,
}

impl Shown {
    /// The literal of what the clock shows.
    pub(super) fn wall(&self) -> Term {
        if self.date { day(self.wall.date()) } else { stamp(self.wall) }
    }
}

impl Clock {
    /// What it shows in a zone at a moment. Days and longer are the calendar's, hours and shorter
    /// pass; a time that the zone's clocks leave out is the end of the gap, one that they show
    /// twice the first.
    pub(super) fn shown(&self, zone: Zone, now: DateTime<Utc>) -> Result<Shown, String> {
        let beyond = || "it moves the current time out of the years from 1 to 9999".to_owned();
        let mut shown =
            Shown { at: cut(now, self.digits), wall: zone.wall(cut(now, self.digits)), date: self.date };
        if self.date {
            shown.wall = shown.wall.date().and_hms_opt(0, 0, 0).ok_or_else(beyond)?;
            shown.at = first(zone, shown.wall).ok_or_else(beyond)?;
        }
        for shift in &self.shifts {
            if let Some(passed) = shift.passed() {
                shown.at = shown.at.checked_add_signed(passed.ok_or_else(beyond)?).ok_or_else(beyond)?;
                shown.wall = zone.wall(shown.at);
                shown.date = false;
            } else if shift.count != 0 {
                shown.wall = shift.calendar(shown.wall).ok_or_else(beyond)?;
                shown.at = first(zone, shown.wall).ok_or_else(beyond)?;
            }
            if !(1..=9999).contains(&shown.wall.year()) || !(1..=9999).contains(&shown.at.year()) {
                return Err(beyond());
            }
        }
        Ok(shown)
    }
}

impl Shift {
    /// An interval of one of the known units.
    pub(super) fn new(count: i64, unit: &str) -> Option<Self> {
        let unit = unit.to_uppercase();
        let one = unit.strip_suffix('S').unwrap_or(&unit);
        UNITS.iter().find(|known| **known == one).map(|unit| Self { count, unit })
    }

    /// The other way.
    pub(super) fn back(self) -> Self {
        Self { count: -self.count, ..self }
    }

    /// How much time it is, of the units that pass.
    fn passed(&self) -> Option<Option<TimeDelta>> {
        Some(match self.unit {
            "MICROSECOND" => Some(TimeDelta::microseconds(self.count)),
            "SECOND" => TimeDelta::try_seconds(self.count),
            "MINUTE" => TimeDelta::try_minutes(self.count),
            "HOUR" => TimeDelta::try_hours(self.count),
            _ => return None,
        })
    }

    /// A clock's time, moved by the calendar; a day that a month lacks is its last one.
    fn calendar(&self, wall: NaiveDateTime) -> Option<NaiveDateTime> {
        let each = match self.unit {
            "WEEK" => 7,
            "QUARTER" => 3,
            "YEAR" => 12,
            _ => 1,
        };
        let count = self.count.unsigned_abs().checked_mul(each)?;
        let back = self.count < 0;
        match self.unit {
            "DAY" | "WEEK" if back => wall.checked_sub_days(Days::new(count)),
            "DAY" | "WEEK" => wall.checked_add_days(Days::new(count)),
            _ => {
                let months = Months::new(u32::try_from(count).ok()?);
                if back { wall.checked_sub_months(months) } else { wall.checked_add_months(months) }
            }
        }
    }
}

/// The first moment at which the zone's clocks show this, or the end of the gap over it.
fn first(zone: Zone, wall: NaiveDateTime) -> Option<DateTime<Utc>> {
    match zone.moments(wall) {
        LocalResult::Single(at) | LocalResult::Ambiguous(at, _) => Some(at),
        LocalResult::None => {
            // No gap is longer than a day; the offset before it holds until its end.
            let before = wall.checked_sub_signed(TimeDelta::days(1))?;
            let (LocalResult::Single(at) | LocalResult::Ambiguous(at, _)) = zone.moments(before) else {
                return None;
            };
            let from = at.trunc_subsecs(0);
            gap_end(zone, from, from.checked_add_signed(TimeDelta::days(2))?)
        }
    }
}

/// The moment between these at which the zone's clocks are put forward.
fn gap_end(zone: Zone, mut low: DateTime<Utc>, mut high: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let offset = |at: DateTime<Utc>| zone.wall(at) - at.naive_utc();
    let before = offset(low);
    while high - low > TimeDelta::seconds(1) {
        let middle = low + TimeDelta::seconds((high - low).num_seconds() / 2);
        if offset(middle) == before { low = middle } else { high = middle }
    }
    (offset(high) > before).then_some(high)
}

/// A moment with so many digits of its second.
fn cut(at: DateTime<Utc>, digits: u8) -> DateTime<Utc> {
    at.trunc_subsecs(u16::from(digits.min(6)))
}
