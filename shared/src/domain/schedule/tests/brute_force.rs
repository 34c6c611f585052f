//! The first oracle: a walk over every minute around every change of the clock.

use std::collections::BTreeSet;

use chrono::{DateTime, Datelike, Duration, NaiveDateTime, Offset, TimeZone, Timelike, Utc, Weekday};
use chrono_tz::Tz;

use super::super::Schedule;

/// An expression, what it matches said in Rust, and whether it runs as hours pass.
type Case = (&'static str, fn(NaiveDateTime) -> bool, bool);

const CASES: &[Case] = &[
    ("* * * * *", |_| true, true),
    ("*/5 * * * *", |t| t.minute() % 5 == 0, true),
    ("17 * * * *", |t| t.minute() == 17, true),
    ("7-59/20 0-23 * * *", |t| matches!(t.minute(), 7 | 27 | 47), true),
    ("0 0 * * *", |t| t.hour() == 0 && t.minute() == 0, false),
    ("30 0 * * *", |t| t.hour() == 0 && t.minute() == 30, false),
    ("30 1 * * *", |t| t.hour() == 1 && t.minute() == 30, false),
    ("30 2 * * *", |t| t.hour() == 2 && t.minute() == 30, false),
    ("0 3 * * *", |t| t.hour() == 3 && t.minute() == 0, false),
    ("15,45 1-3 * * *", |t| (1..=3).contains(&t.hour()) && matches!(t.minute(), 15 | 45), false),
    ("*/10 0-2 * * *", |t| t.hour() <= 2 && t.minute() % 10 == 0, false),
    ("0 */2 * * *", |t| t.hour() % 2 == 0 && t.minute() == 0, false),
    ("59 23 * * *", |t| t.hour() == 23 && t.minute() == 59, false),
    ("30 2 * * 0", |t| t.weekday() == Weekday::Sun && t.hour() == 2 && t.minute() == 30, false),
    (
        "45 1 25-31 3,10 *",
        |t| t.day() >= 25 && matches!(t.month(), 3 | 10) && t.hour() == 1 && t.minute() == 45,
        false,
    ),
    (
        "0 0 1 * fri",
        |t| (t.day() == 1 || t.weekday() == Weekday::Fri) && t.hour() == 0 && t.minute() == 0,
        false,
    ),
];

#[test]
fn around_every_change_of_the_clock() {
    for zone in super::ZONES {
        for change in changes(*zone) {
            let (from, to) = (change - Duration::hours(30), change + Duration::hours(30));
            for (cron, matches, every_hour) in CASES {
                let schedule = Schedule::parse(cron, zone.name()).unwrap();
                let mut found = BTreeSet::new();
                let mut at = from;
                while let Some(next) = schedule.next_after(at).filter(|next| *next < to) {
                    assert!(next > at, "{cron} {zone}");
                    found.insert(next);
                    at = next;
                }
                let expected = walk(*zone, from, to, *matches, *every_hour);
                assert_eq!(found, expected, "{cron} {zone} around {change}");
            }
        }
    }
}

/// Every run in `(from, to)`, minute by minute.
fn walk(
    zone: Tz,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    matches: fn(NaiveDateTime) -> bool,
    every_hour: bool,
) -> BTreeSet<DateTime<Utc>> {
    let mut seen = BTreeSet::new();
    let mut runs = BTreeSet::new();
    let mut previous: Option<NaiveDateTime> = None;
    // A day earlier, so that what the clock shows again has been seen.
    let mut instant = from - Duration::days(1);
    while instant < to {
        let shown = instant.with_timezone(&zone).naive_local();
        let left_out = previous.is_some_and(|before| {
            let minutes = (shown - before).num_minutes();
            (1..minutes).any(|minute| matches(before + Duration::minutes(minute)))
        });
        let again = !seen.insert(shown);
        if (matches(shown) && (every_hour || !again)) || (left_out && !every_hour) {
            runs.insert(instant);
        }
        previous = Some(shown);
        instant += Duration::minutes(1);
    }
    runs.retain(|run| *run > from);
    runs
}

/// Every change of the zone's offset in 2024..2030, to the minute.
pub(super) fn changes(zone: Tz) -> Vec<DateTime<Utc>> {
    let offset = |t: DateTime<Utc>| zone.offset_from_utc_datetime(&t.naive_utc()).fix();
    let mut found = Vec::new();
    let mut at: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
    while at.year() < 2031 {
        let next = at + Duration::hours(1);
        if offset(at) != offset(next) {
            let minute = (1..=60).map(|m| at + Duration::minutes(m)).find(|m| offset(*m) != offset(at));
            found.extend(minute);
        }
        at = next;
    }
    found
}

#[test]
fn the_zones_that_change_are_walked() {
    let counts: Vec<_> = super::ZONES.iter().map(|zone| changes(*zone).len()).collect();
    // New York, Berlin, Lord Howe and the Azores twice a year, Cairo too, the others never.
    assert_eq!(counts, [14, 14, 14, 0, 0, 14, 14, 0]);
}
