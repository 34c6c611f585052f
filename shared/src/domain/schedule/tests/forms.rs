//! The forms that are no expression: what is read, refused, and said back; how close runs
//! come; how a stopped scheduler's times are counted.

use chrono::{DateTime, TimeDelta, Utc};
use chrono_tz::Tz;

use super::super::{Draft, Schedule};
use super::read;

#[test]
fn what_is_read_is_said_back() {
    let check = |written: &str, said: &str| {
        let found = serde_json::to_string(&read(written, Tz::Europe__Berlin)).unwrap();
        assert_eq!(found, format!(r#"{{{said},"time_zone":"Europe/Berlin"}}"#));
        let again: Schedule = serde_json::from_str(&found).unwrap();
        assert_eq!(again, read(written, Tz::Europe__Berlin));
    };
    let same = |text: &str| check(text, text);
    same(r#""every":"hours","hours":5,"from":"2026-03-01T06:15""#);
    check(r#""every":"hours","hours":6"#, r#""every":"hours","hours":6,"from":"2000-01-01T00:00""#);
    same(r#""every":"day","at":"02:30""#);
    same(r#""every":"week","on":["mon","fri"],"at":"02:30""#);
    check(
        r#""every":"week","on":["SUN","mon","Sun"],"at":"00:00""#,
        r#""every":"week","on":["mon","sun"],"at":"00:00""#,
    );
    same(r#""every":"month","on":[1,15,"last"],"at":"23:59""#);
    check(
        r#""every":"month","on":["last",31,1,1],"at":"00:00""#,
        r#""every":"month","on":[1,31,"last"],"at":"00:00""#,
    );
    same(r#""cron":"30 2 * * 1-5""#);
}

#[test]
fn i15_what_is_refused_names_each_field() {
    let check = |written: &str, expected: &[&str]| {
        let draft: Draft = serde_json::from_str(written).unwrap();
        let errors = Schedule::try_from(draft).expect_err(written).0;
        let named: Vec<_> = errors.iter().map(|error| error.field).collect();
        assert_eq!(named, expected, "{written}: {errors:?}");
        for error in errors {
            assert!(!error.reason.is_empty() && !error.remedy.is_empty(), "{error:?}");
        }
    };
    check("{}", &["cron", "time_zone"]);
    check(r#"{"cron":"0 0 * * *","every":"day","at":"00:00","time_zone":"UTC"}"#, &["every"]);
    check(r#"{"cron":"0 0 * * *","at":"00:00","time_zone":"UTC"}"#, &["at"]);
    check(r#"{"every":"day","time_zone":"UTC"}"#, &["at"]);
    check(r#"{"every":"day","at":"24:00","time_zone":"UTC"}"#, &["at"]);
    check(r#"{"every":"day","at":"2:30","time_zone":"UTC"}"#, &["at"]);
    check(r#"{"every":"day","at":"02:30:00","time_zone":"+02:00"}"#, &["at", "time_zone"]);
    check(r#"{"every":"day","at":"02:30","on":[1],"hours":3,"time_zone":"UTC"}"#, &["hours", "on"]);
    check(r#"{"every":"hours","time_zone":"UTC"}"#, &["hours"]);
    check(r#"{"every":"hours","hours":0,"time_zone":"UTC"}"#, &["hours"]);
    check(r#"{"every":"hours","hours":169,"time_zone":"UTC"}"#, &["hours"]);
    check(r#"{"every":"hours","hours":5,"from":"2026-02-30T00:00","time_zone":"UTC"}"#, &["from"]);
    check(r#"{"every":"hours","hours":5,"from":"1999-01-01T00:00","time_zone":"UTC"}"#, &["from"]);
    check(r#"{"every":"week","on":[],"at":"02:30","time_zone":"UTC"}"#, &["on"]);
    check(r#"{"every":"week","on":["monday",1],"at":"02:30","time_zone":"UTC"}"#, &["on"]);
    check(r#"{"every":"week","on":["last"],"time_zone":"UTC"}"#, &["on", "at"]);
    check(r#"{"every":"month","on":[0],"at":"02:30","time_zone":"UTC"}"#, &["on"]);
    check(r#"{"every":"month","on":[32],"at":"02:30","time_zone":"UTC"}"#, &["on"]);
    check(r#"{"every":"month","on":["first"],"at":"02:30","time_zone":"UTC"}"#, &["on"]);
    for unknown in [r#"{"every":"year"}"#, r#"{"every":"day","seconds":1}"#, r#"{"every":"month","on":[-1]}"#]
    {
        assert!(serde_json::from_str::<Draft>(unknown).is_err(), "{unknown}");
    }
}

#[test]
fn months_that_lack_a_date_are_left_out_and_the_last_day_is_never() {
    let dates = |form: &str| {
        let runs = read(form, Tz::UTC).next_runs(at("2027-12-31T12:00:00Z"), 4);
        runs.iter().map(|run| run.format("%m-%d").to_string()).collect::<Vec<_>>()
    };
    assert_eq!(dates(r#""every":"month","on":[31],"at":"02:00""#), ["01-31", "03-31", "05-31", "07-31"]);
    assert_eq!(dates(r#""every":"month","on":[30],"at":"02:00""#), ["01-30", "03-30", "04-30", "05-30"]);
    assert_eq!(dates(r#""every":"month","on":["last"],"at":"02:00""#), ["01-31", "02-29", "03-31", "04-30"]);
    assert_eq!(
        dates(r#""every":"month","on":[29,"last"],"at":"02:00""#),
        ["01-29", "01-31", "02-29", "03-29"]
    );
}

#[test]
fn i17_how_close_runs_come() {
    let closest = |schedule: &Schedule, minutes: i64| {
        let found = schedule.closer_than(TimeDelta::minutes(minutes), at("2026-01-01T00:00:00Z"));
        found.map(|(one, other)| (other - one).num_minutes())
    };
    let cron = |text: &str, zone: &str| Schedule::parse(text, zone).unwrap();
    assert_eq!(closest(&cron("* * * * *", "UTC"), 60), Some(1));
    assert_eq!(closest(&cron("* * * * *", "UTC"), 1), None);
    assert_eq!(closest(&cron("0 * * * *", "Europe/Berlin"), 60), None);
    assert_eq!(closest(&cron("0 * * * *", "Europe/Berlin"), 61), Some(60));
    // Once a year, and then twice in ten minutes.
    assert_eq!(closest(&cron("0,10 3 25 12 *", "UTC"), 30), Some(10));
    // A day is 23 hours long once a year.
    assert_eq!(closest(&cron("0 0 * * *", "Europe/Berlin"), 24 * 60), Some(23 * 60));
    assert_eq!(closest(&cron("0 0 * * *", "UTC"), 24 * 60), None);
    // Often, and closest only where the clock is put forward: 02:30 runs at 03:00.
    assert_eq!(closest(&cron("5,30 1-3 * * *", "Europe/Berlin"), 25), Some(5));
    assert_eq!(closest(&read(r#""every":"hours","hours":5"#, Tz::Europe__Berlin), 300), None);
    assert_eq!(closest(&read(r#""every":"hours","hours":5"#, Tz::Europe__Berlin), 301), Some(300));
}

#[test]
fn f21_missed_times_are_counted_and_the_latest_is_found() {
    let every_minute = Schedule::parse("* * * * *", "UTC").unwrap();
    let (from, until) = (at("2026-01-01T00:00:00Z"), at("2026-01-08T00:00:30Z"));
    assert_eq!(every_minute.last_until(from, until), Some(at("2026-01-08T00:00:00Z")));
    assert_eq!(every_minute.last_until(until, until), None);
    assert_eq!(every_minute.count(from, at("2026-01-01T03:00:00Z"), 1_000), 180);
    assert_eq!(every_minute.count(from, until, 1_000), 1_000);
    let yearly = Schedule::parse("0 0 1 1 *", "UTC").unwrap();
    assert_eq!(yearly.last_until(at("2020-06-01T00:00:00Z"), until), Some(from));
    assert_eq!(yearly.last_until(from, until), None);
}

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}
