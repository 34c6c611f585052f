//! The second oracle: the croner crate, over random expressions, zones and times.
//!
//! What croner calls a fixed time is one minute of one hour; a schedule of several is
//! the union of its single times, so the oracle is asked for each and the earliest
//! answer counts. It takes both day fields for a union or an intersection as it is told.

use std::sync::LazyLock;

use chrono::{DateTime, Duration, Utc};
use chrono_tz::Tz;
use croner::Cron;
use croner::parser::{CronParser, Seconds};
use proptest::prelude::*;

use super::super::Schedule;
use super::ZONES;
use super::brute_force::{YEARS, changes};

#[derive(Clone, Debug)]
struct Expression {
    minutes: Vec<u32>,
    /// `None`: every hour.
    hours: Option<Vec<u32>>,
    days: String,
    months: String,
    weekdays: String,
}

impl Expression {
    fn text(&self) -> String {
        let hours = self.hours.as_deref().map_or("*".to_owned(), list);
        self.with(&list(&self.minutes), &hours)
    }

    fn with(&self, minutes: &str, hours: &str) -> String {
        format!("{minutes} {hours} {} {} {}", self.days, self.months, self.weekdays)
    }

    fn oracles(&self) -> Vec<Cron> {
        let both = self.days.starts_with('*') || self.weekdays.starts_with('*');
        let parser = CronParser::builder().seconds(Seconds::Disallowed).dom_and_dow(both).build();
        let texts = match &self.hours {
            None => vec![self.text()],
            Some(hours) => self
                .minutes
                .iter()
                .flat_map(|m| hours.iter().map(move |h| self.with(&m.to_string(), &h.to_string())))
                .collect(),
        };
        texts.iter().map(|text| parser.parse(text).unwrap()).collect()
    }
}

fn list(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(",")
}

fn numbers(range: std::ops::RangeInclusive<u32>, most: usize) -> impl Strategy<Value = Vec<u32>> {
    proptest::collection::btree_set(range, 1..=most).prop_map(|set| set.into_iter().collect())
}

fn field(min: u32, max: u32) -> impl Strategy<Value = String> {
    prop_oneof![
        4 => Just("*".to_owned()),
        1 => (1..=5u32).prop_map(|step| format!("*/{step}")),
        2 => numbers(min..=max, 3).prop_map(|n| list(&n)),
        1 => (min..=max, min..=max).prop_map(|(a, b)| format!("{}-{}", a.min(b), a.max(b))),
        1 => (min..max, 1..=3u32).prop_map(move |(a, step)| format!("{a}-{max}/{step}")),
    ]
}

prop_compose! {
    fn expression()(
        minutes in numbers(0..=59, 3),
        // Around the hours in which clocks are changed, or anywhere.
        hours in proptest::option::of(prop_oneof![numbers(0..=3, 3), numbers(0..=23, 3)]),
        days in field(1, 28),
        months in field(1, 12),
        weekdays in field(0, 6),
    ) -> Expression {
        Expression { minutes, hours, days, months, weekdays }
    }
}

static CHANGES: LazyLock<Vec<Vec<DateTime<Utc>>>> =
    LazyLock::new(|| ZONES.iter().map(|z| changes(*z, YEARS)).collect());

/// A zone and a time in 2024..2030, every other one close to a change of the clock.
fn place() -> impl Strategy<Value = (Tz, DateTime<Utc>)> {
    let start: DateTime<Utc> = "2024-01-01T00:00:00Z".parse().unwrap();
    (0..ZONES.len(), 0..6 * 366 * 86_400i64, any::<bool>(), any::<prop::sample::Index>()).prop_map(
        move |(zone, seconds, close, index)| {
            let (zone, changes, anywhere) = (ZONES[zone], &CHANGES[zone], start + Duration::seconds(seconds));
            if close && !changes.is_empty() {
                return (zone, *index.get(changes) + Duration::seconds(seconds % 28_800 - 14_400));
            }
            (zone, anywhere)
        },
    )
}

fn next(oracles: &[Cron], zone: Tz, after: DateTime<Utc>) -> DateTime<Utc> {
    let after = after.with_timezone(&zone);
    oracles.iter().map(|cron| cron.find_next_occurrence(&after, false).unwrap().to_utc()).min().unwrap()
}

/// A form that is no expression, and the expressions whose union it is to croner.
fn form() -> impl Strategy<Value = (String, Vec<String>)> {
    let time = (prop_oneof![0..=3u32, 0..=23u32], 0..=59u32);
    let day = time.clone().prop_map(|(hour, minute)| {
        (format!(r#""every":"day","at":"{hour:02}:{minute:02}""#), vec![format!("{minute} {hour} * * *")])
    });
    let week = (time.clone(), numbers(0..=6, 4)).prop_map(|((hour, minute), days)| {
        let words = days.iter().map(|day| WEEKDAYS[*day as usize]).map(|word| format!("{word:?}"));
        let words = words.collect::<Vec<_>>().join(",");
        let text = format!(r#""every":"week","on":[{words}],"at":"{hour:02}:{minute:02}""#);
        (text, vec![format!("{minute} {hour} * * {}", list(&days))])
    });
    let month = (time, numbers(1..=31, 4), any::<bool>()).prop_map(|((hour, minute), dates, last)| {
        let on = if last { format!("{},\"last\"", list(&dates)) } else { list(&dates) };
        let text = format!(r#""every":"month","on":[{on}],"at":"{hour:02}:{minute:02}""#);
        let of = |days: &str| format!("{minute} {hour} {days} * *");
        (text, std::iter::once(of(&list(&dates))).chain(last.then(|| of("L"))).collect())
    });
    prop_oneof![day, week, month]
}

const WEEKDAYS: [&str; 7] = ["sun", "mon", "tue", "wed", "thu", "fri", "sat"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_000, ..ProptestConfig::default() })]

    #[test]
    fn f23_agrees(expression in expression(), (zone, after) in place()) {
        let schedule = Schedule::parse(&expression.text(), zone.name()).unwrap();
        let oracles = expression.oracles();
        let mut at = after;
        for found in schedule.next_runs(after, 6) {
            prop_assert_eq!(found, next(&oracles, zone, at), "{} {} after {}", expression.text(), zone, at);
            at = found;
        }
        prop_assert!(at > after);
    }

    #[test]
    fn f23_forms_agree((form, expressions) in form(), (zone, after) in place()) {
        let schedule = super::read(&form, zone);
        let parser = CronParser::builder().seconds(Seconds::Disallowed).dom_and_dow(true).build();
        let oracles: Vec<_> = expressions.iter().map(|text| parser.parse(text).unwrap()).collect();
        let mut at = after;
        for found in schedule.next_runs(after, 6) {
            prop_assert_eq!(found, next(&oracles, zone, at), "{} {} after {}", form, zone, at);
            at = found;
        }
        prop_assert!(at > after);
    }

    #[test]
    fn nothing_that_is_typed_panics(cron in "[-0-9*/,a-zA-Z@=#?. ]{0,40}", zone in "[-+A-Za-z/0-9:]{0,20}") {
        if let Ok(schedule) = Schedule::parse(&cron, &zone) {
            schedule.next_runs("2026-01-01T00:00:00Z".parse().unwrap(), 3);
        }
    }
}
