//! The first oracle: a walk over every minute around every change of the clock, and for the
//! forms that are no expression over every minute of the years.

use std::collections::BTreeSet;
use std::ops::Range;

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

/// A form that is no expression, and what it matches.
type FormCase = (&'static str, fn(NaiveDateTime) -> bool);

const FORMS: &[FormCase] = &[
    (r#""every":"day","at":"00:00""#, |t| t.hour() == 0 && t.minute() == 0),
    (r#""every":"day","at":"01:30""#, |t| t.hour() == 1 && t.minute() == 30),
    (r#""every":"day","at":"02:30""#, |t| t.hour() == 2 && t.minute() == 30),
    (r#""every":"week","on":["sun","wed"],"at":"02:15""#, |t| {
        matches!(t.weekday(), Weekday::Sun | Weekday::Wed) && t.hour() == 2 && t.minute() == 15
    }),
    (r#""every":"week","on":["sat"],"at":"23:59""#, |t| {
        t.weekday() == Weekday::Sat && t.hour() == 23 && t.minute() == 59
    }),
    (r#""every":"month","on":[1,30,31],"at":"00:30""#, |t| {
        matches!(t.day(), 1 | 30 | 31) && t.hour() == 0 && t.minute() == 30
    }),
    (r#""every":"month","on":["last",15],"at":"02:05""#, |t| {
        (t.day() == 15 || is_last(t)) && t.hour() == 2 && t.minute() == 5
    }),
];

fn is_last(time: NaiveDateTime) -> bool {
    (time + Duration::days(1)).month() != time.month()
}

#[test]
fn f23_around_every_change_of_the_clock() {
    let (now, old) = (super::ZONES.iter().map(|zone| (*zone, YEARS)), super::OLD.iter().cloned());
    for (zone, years) in now.chain(old) {
        for change in changes(zone, years) {
            let (from, to) = (change - Duration::hours(30), change + Duration::hours(30));
            let check = |schedule: &Schedule, told: &str, matches, every_hour| {
                let expected = walk(zone, from, to, matches, every_hour);
                assert_eq!(runs(schedule, from, to), expected, "{told} {zone} around {change}");
            };
            for (cron, matches, every_hour) in CASES {
                check(&Schedule::parse(cron, zone.name()).unwrap(), cron, *matches, *every_hour);
            }
            for (form, matches) in FORMS {
                check(&super::read(form, zone), form, *matches, false);
            }
        }
    }
}

#[test]
fn f23_every_minute_of_two_years_and_a_leap_day() {
    let (from, to) = ("2027-02-01T00:00:00Z".parse().unwrap(), "2028-04-01T00:00:00Z".parse().unwrap());
    for zone in [Tz::America__New_York, Tz::Africa__Cairo] {
        for (form, matches) in FORMS {
            let found = runs(&super::read(form, zone), from, to);
            assert_eq!(found, walk(zone, from, to, *matches, false), "{form} {zone}");
        }
    }
}

#[test]
fn f23_hours_pass_whatever_the_clock_shows() {
    let (from, to): (DateTime<Utc>, _) =
        ("2026-01-01T00:00:00Z".parse().unwrap(), "2026-12-31T00:00:00Z".parse().unwrap());
    for zone in super::ZONES {
        for (hours, minute) in [(1, 0), (5, 0), (6, 15), (7, 59), (24, 30), (168, 0)] {
            let form = format!(r#""every":"hours","hours":{hours},"from":"2026-03-01T00:{minute:02}""#);
            // Nowhere is the clock changed at that time.
            let first = "2026-03-01T00:00:00".parse::<NaiveDateTime>().unwrap() + Duration::minutes(minute);
            let first = zone.from_local_datetime(&first).unwrap().to_utc();
            let expected: BTreeSet<_> =
                (0..).map(|n| first + Duration::hours(n * hours)).take_while(|at| *at < to).collect();
            assert_eq!(runs(&super::read(&form, *zone), from, to), expected, "{form} {zone}");
        }
    }
}

fn runs(schedule: &Schedule, from: DateTime<Utc>, to: DateTime<Utc>) -> BTreeSet<DateTime<Utc>> {
    let (mut found, mut at) = (BTreeSet::new(), from);
    while let Some(next) = schedule.next_after(at).filter(|next| *next < to) {
        assert!(next > at);
        found.insert(next);
        at = next;
    }
    found
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

/// The years that are walked.
pub(super) const YEARS: Range<i32> = 2024..2031;

/// Every change of the zone's offset in these years, to the minute.
pub(super) fn changes(zone: Tz, years: Range<i32>) -> Vec<DateTime<Utc>> {
    let offset = |t: DateTime<Utc>| zone.offset_from_utc_datetime(&t.naive_utc()).fix();
    let mut found = Vec::new();
    let mut at = Utc.with_ymd_and_hms(years.start, 1, 1, 0, 0, 0).unwrap();
    while at.year() < years.end {
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
fn f23_the_zones_that_change_are_walked() {
    let counts: Vec<_> = super::ZONES.iter().map(|zone| changes(*zone, YEARS).len()).collect();
    // New York, Europe, Lord Howe and the Azores twice a year, Cairo too, the others never.
    assert_eq!(counts, [14, 14, 14, 14, 14, 0, 0, 14, 14, 0]);
    let counts: Vec<_> = super::OLD.iter().cloned().map(|(zone, years)| changes(zone, years).len()).collect();
    // Sao Paulo's clock left midnight out each October or November, Seoul had two summers.
    assert_eq!(counts, [12, 4]);
}
