//! How close to each other a schedule's runs come, for an operator who bounds that.

use chrono::{DateTime, Offset as _, TimeDelta, TimeZone as _, Utc};
use chrono_tz::Tz;

use super::Schedule;

/// How far ahead is looked.
const AHEAD: TimeDelta = TimeDelta::days(400);
/// Runs that are walked at most from one place. More than this in [`AHEAD`] are several a
/// day, and of those one week is like the next but for the clock's changes.
const MOST: usize = 5_000;

impl Schedule {
    /// The first two runs after `now` that are less than `bound` apart, of those in a year
    /// and a month, changes of the clock included.
    pub fn closer_than(
        &self,
        bound: TimeDelta,
        now: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let around_changes = changes(self.zone, now, now + AHEAD)
            .into_iter()
            .map(|change| (change - TimeDelta::days(1), change + TimeDelta::days(2)));
        std::iter::once((now, now + AHEAD))
            .chain(around_changes)
            .find_map(|(from, until)| self.closer_in(bound, from.max(now), until))
    }

    fn closer_in(
        &self,
        bound: TimeDelta,
        from: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
        let mut last = self.next_after(from)?;
        for _ in 0..MOST {
            let next = self.next_after(last).filter(|next| *next <= until)?;
            if next - last < bound {
                return Some((last, next));
            }
            last = next;
        }
        None
    }
}

/// The hours in which the zone's offset changes.
fn changes(zone: Tz, from: DateTime<Utc>, until: DateTime<Utc>) -> Vec<DateTime<Utc>> {
    let offset = |at: &DateTime<Utc>| zone.offset_from_utc_datetime(&at.naive_utc()).fix();
    let hours = std::iter::successors(Some(from), |at| Some(*at + TimeDelta::hours(1)));
    hours
        .take_while(|at| *at < until)
        .filter(|at| offset(at) != offset(&(*at + TimeDelta::hours(1))))
        .collect()
}
