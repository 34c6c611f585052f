//! The table of what is read and refused; the clock's rules against two oracles.

#![expect(clippy::unwrap_used, reason = "a test")]

mod brute_force;
mod croner;
mod forms;

use std::ops::Range;

use chrono_tz::Tz;

use super::Schedule;

/// Gaps and repetitions at night, of half an hour, at midnight, and none.
const ZONES: &[Tz] = &[
    Tz::America__New_York,
    Tz::Europe__Berlin,
    Tz::Europe__London,
    Tz::Europe__Dublin,
    Tz::Australia__Lord_Howe,
    Tz::America__Sao_Paulo,
    Tz::Asia__Seoul,
    Tz::Africa__Cairo,
    Tz::Atlantic__Azores,
    Tz::UTC,
];

/// Zones of years in which they changed their clocks.
const OLD: &[(Tz, Range<i32>)] = &[(Tz::America__Sao_Paulo, 2013..2019), (Tz::Asia__Seoul, 1987..1989)];

/// A schedule from its JSON without the zone.
fn read(fields: &str, zone: Tz) -> Schedule {
    serde_json::from_str(&format!(r#"{{{fields},"time_zone":"{}"}}"#, zone.name())).unwrap()
}

#[test]
fn i15_what_is_refused_names_the_field() {
    let check = |cron: &str, position: Option<usize>, reason: &str| {
        let error = Schedule::parse(cron, "UTC").expect_err(cron);
        assert_eq!((error.field, error.position), ("cron", position), "{cron}: {error}");
        assert!(error.reason.contains(reason), "{cron}: {error}");
    };
    check("", Some(1), "empty");
    check("  ", Some(1), "empty");
    check("* * * *", Some(5), "day of week is missing");
    check("0 0 0 * * *", Some(6), "6 fields");
    check("60 * * * *", Some(1), "60 is not a minute");
    check("* 24 * * *", Some(2), "24 is not an hour");
    check("* * 0 * *", Some(3), "0 is not a day of month");
    check("* * * 13 *", Some(4), "13 is not a month");
    check("* * * * 8", Some(5), "8 is not a day of week");
    check("*/0 * * * *", Some(1), "\"0\" is not a step");
    check("*/60 * * * *", Some(1), "not a step");
    check("5/15 * * * *", Some(1), "single value");
    check("30-10 * * * *", Some(1), "ends before");
    check("1,,2 * * * *", Some(1), "missing");
    check("-5 * * * *", Some(1), "missing");
    check("+5 * * * *", Some(1), "\"+5\" is not a minute");
    check("99999999999 * * * *", Some(1), "not a minute");
    check("0 0 30 2 *", Some(3), "never");
    check("0 0 31 4,6,9,11 *", Some(3), "never");
    check("0 0 30 2 */2", Some(3), "never");
    check("@reboot", Some(1), "macro");
    check("@daily", Some(1), "macro");
    check("TZ=Europe/Berlin 0 0 * * *", Some(1), "assignment");
    check("CRON_TZ=UTC 0 0 * * *", Some(1), "assignment");
    check("0 0 L * *", Some(3), "extension");
    check("0 0 15W * *", Some(3), "extension");
    check("0 0 LW * *", Some(3), "extension");
    check("0 0 * * 5L", Some(5), "extension");
    check("0 0 * * fri#2", Some(5), "extension");
    check("0 0 ? * *", Some(3), "extension");
    check("0 0 * * monday", Some(5), "not a day of week");
    check("0 0 * jan-13 *", Some(4), "13 is not a month");
    check("mon * * * *", Some(1), "not a minute");
    check(&"1,".repeat(512), None, "characters");
}

#[test]
fn what_is_read() {
    let check = |cron: &str, same_as: &str| {
        let after = "2026-01-01T00:00:00Z".parse().unwrap();
        let runs = |cron| Schedule::parse(cron, "UTC").unwrap().next_runs(after, 20);
        assert_eq!(runs(cron), runs(same_as), "{cron} = {same_as}");
    };
    check("0 0 * * 0", "0 0 * * 7");
    check("0 0 * * SUN", "0 0 * * 0");
    check("0 0 * * fri-sun", "0 0 * * 5-7");
    check("0 0 * * 0-7", "0 0 * * *");
    check("0 0 * * Mon,wEd", "0 0 * * 1,3");
    check("0 0 1 JAN,jul *", "0 0 1 1,7 *");
    check("*/15 * * * *", "0,15,30,45 * * * *");
    check("5-59/15 8-18/5 * * *", "5,20,35,50 8,13,18 * * *");
    check(" 00   03 *\t* * ", "0 3 * * *");
    // Vixie's rule: either day field will do, unless one of them begins with a star.
    check("0 0 13 * fri", "0 0 13 * 5-5");
    let either = Schedule::parse("0 0 13 * fri", "UTC").unwrap();
    assert_eq!(days(&either), [2, 9, 13, 16, 23, 30]);
    let both = Schedule::parse("0 0 */2 * fri", "UTC").unwrap();
    assert_eq!(days(&both), [9, 23, 13, 27, 13, 27]);
}

fn days(schedule: &Schedule) -> Vec<u32> {
    let runs = schedule.next_runs("2026-01-01T00:00:00Z".parse().unwrap(), 6);
    runs.iter().map(chrono::Datelike::day).collect()
}

#[test]
fn i16_time_zones() {
    let check =
        |name: &str, expected: Result<&str, &str>| match (Schedule::parse("0 0 * * *", name), expected) {
            (Ok(schedule), Ok(canonical)) => assert_eq!(schedule.time_zone(), canonical),
            (Err(error), Err(said)) => {
                assert_eq!(error.field, "time_zone");
                assert!(error.to_string().contains(said), "{name}: {error}");
            }
            (found, _) => panic!("{name}: {found:?}"),
        };
    check("Europe/Berlin", Ok("Europe/Berlin"));
    check("europe/berlin", Ok("Europe/Berlin"));
    check("US/Eastern", Ok("America/New_York"));
    check("Asia/Calcutta", Ok("Asia/Kolkata"));
    check("Etc/UTC", Ok("UTC"));
    check("GMT", Ok("UTC"));
    check("Europe/Berln", Err("did you mean `Europe/Berlin`?"));
    check("Mars/Olympus", Err("not a time zone"));
    check("", Err("not a time zone"));
    for offset in ["+02:00", "-3", "0200", "UTC+2", "GMT-03:30", "Etc/GMT+5"] {
        check(offset, Err("is an offset"));
    }
}

#[test]
fn a_stored_schedule_is_checked_too() {
    let stored = r#"{"cron":"0  3 * * *","time_zone":"US/Eastern"}"#;
    let schedule: Schedule = serde_json::from_str(stored).unwrap();
    let again = serde_json::to_string(&schedule).unwrap();
    assert_eq!(again, r#"{"cron":"0 3 * * *","time_zone":"America/New_York"}"#);
    assert!(serde_json::from_str::<Schedule>(r#"{"cron":"0 0 30 2 *","time_zone":"UTC"}"#).is_err());
}
