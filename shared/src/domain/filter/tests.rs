//! What is taken for a condition, how it is written, and what is refused.

#![expect(clippy::unwrap_used, reason = "a test")]

use chrono::{DateTime, Utc};

use super::super::zone::Zone;
use super::known::FUNCTIONS;
use super::{Condition, Filter, Kind, Scope};

fn shown(condition: &Condition) -> String {
    condition.sql(|name| format!("[{name}]"), |text| format!("<{text}>"))
}

fn written(text: &str) -> Result<String, String> {
    Filter::parse(text).map(|filter| shown(&Condition::of(&filter.term)))
}

/// By the first letters of their names.
fn kind(column: &str) -> Kind {
    match column {
        column if column.starts_with("ts") => Kind::Timestamp,
        column if column.starts_with("dt") => Kind::Datetime,
        column if column.starts_with("day") => Kind::Date,
        column if column.starts_with("time") => Kind::Time,
        column if column.starts_with("float") => Kind::Float,
        column if column.starts_with("word") => Kind::Text,
        column if column.starts_with("blob") => Kind::Other,
        _ => Kind::Exact,
    }
}

fn settled(text: &str, zone: &str, now: &str, alike: bool) -> Result<String, String> {
    let now: DateTime<Utc> = now.parse().map_err(|_| "no time")?;
    let scope = Scope { zone: Zone::parse(zone)?, now, alike, kind: &kind };
    Filter::parse(text)?.settle(&scope).map(|condition| shown(&condition))
}

const NOW: &str = "2024-03-31T12:34:56.789012Z";

#[test]
fn conditions_are_written_anew() {
    for (text, expected) in [
        ("id > 5", "(([id] > 5))"),
        ("a = 'x' OR b = \"y\" AND c", "((([a] = <x>) OR (([b] = <y>) AND [c])))"),
        ("`odd``name` IS NOT NULL", "(([odd`name] IS NOT NULL))"),
        ("NOT a <=> -1.5e3", "((NOT ([a] <=> (- 1.5e3))))"),
        ("a IN (1, 'two', X'0aFF', NULL, true)", "(([a] IN (1, <two>, X'0aFF', NULL, TRUE)))"),
        ("a NOT BETWEEN 1 AND 2 AND b LIKE 'x\\_%'", "((([a] NOT BETWEEN 1 AND 2) AND ([b] LIKE <x\\_%>)))"),
        ("at >= DATE '2024-02-29'", "(([at] >= DATE '2024-02-29'))"),
        ("crc32(name) % 4 = 1", "(((CRC32([name]) % 4) = 1))"),
        ("year(at) = 2024 -- or so", "((YEAR([at]) = 2024))"),
        // What ends a text, or begins another statement, is part of the text.
        ("a = 'it''s \\' OR 1=1; --'", "(([a] = <it's ' OR 1=1; -->))"),
        ("- - a", "((- (- [a])))"),
    ] {
        assert_eq!(written(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn every_function_that_is_named_is_taken() {
    for name in FUNCTIONS {
        assert_eq!(written(&format!("{name}(a) = 1")), Ok(format!("(({name}([a]) = 1))")));
    }
    assert_eq!(written("ceil(a) = 1").as_deref(), Ok("((CEILING([a]) = 1))"));
}

#[test]
fn what_is_no_condition_of_the_row_alone_is_refused() {
    for text in [
        "",
        "  ",
        "1 = 1",
        "id = 1; DROP TABLE t",
        "id = 1 ORDER BY id",
        "id = 1 /*",
        "id IN (SELECT 1)",
        "EXISTS (SELECT 1)",
        "(SELECT 1) = id",
        "RAND() < id",
        "SLEEP(5) = id",
        "LOAD_FILE('/etc/passwd') = v",
        "@v = id",
        "@@version = id",
        "id = ?",
        "other.id = 1",
        "COUNT(id) > 1",
        "COUNT(*) > id",
        "id = DATE 'yesterday'",
        "id || 'x'",
        "MATCH (v) AGAINST ('x')",
        "id = 1) OR (1 = 1",
        "CONVERT(v USING latin1) = 'x'",
        "id = INTERVAL 1 DAY",
        "GET_LOCK('x', 1) = id",
        "at > NOW() - 30",
        "at > NOW(7)",
        "at > SYSDATE()",
        "at > NOW() - INTERVAL id DAY",
        "at > NOW() - INTERVAL '1:30' MINUTE_SECOND",
        "at > NOW() - INTERVAL 1.5 DAY",
        "at > NOW() - INTERVAL 99999999999 DAY",
        "at > CURDATE(1)",
        "v REGEXP w",
        "v COLLATE latin1_swedish_ci = 'x'",
        "CAST(v AS JSON) = 'x'",
        "CAST(v AS TIME) = '10:00'",
        "CAST(v AS CHAR CHARACTER SET latin1) = 'x'",
        "NOW() > '2024-01-01'",
        "v = 'a\0b'",
        "`a\0b` = 1",
    ] {
        assert!(written(text).is_err(), "{text}: {:?}", written(text));
    }
    assert!(Filter::parse(&"(".repeat(3_000)).is_err(), "as deep as it may be");
    assert!(Filter::parse(&format!("id = '{}'", "x".repeat(4_000))).is_err(), "as long as it may be");
}

#[test]
fn n06_a_literal_is_the_moment_that_it_is_in_the_zone_of_the_task() {
    for (text, zone, expected) in [
        ("ts >= '2024-01-01'", "UTC", "(([ts] >= TIMESTAMP '2024-01-01 00:00:00'))"),
        ("ts >= '2024-01-01'", "+05:00", "(([ts] >= TIMESTAMP '2023-12-31 19:00:00'))"),
        ("'2024-07-01 08:00' < ts", "Europe/Berlin", "((TIMESTAMP '2024-07-01 06:00:00' < [ts]))"),
        ("ts = '2024-1-2T3:04:05.6'", "-03:30", "(([ts] = TIMESTAMP '2024-01-02 06:34:05.600000'))"),
        ("ts <=> TIMESTAMP '2024-01-01 00:00:00'", "+01:00", "(([ts] <=> TIMESTAMP '2023-12-31 23:00:00'))"),
        ("ts > DATE '2024-01-01'", "+01:00", "(([ts] > TIMESTAMP '2023-12-31 23:00:00'))"),
        (
            "ts BETWEEN '20240101' AND '20240102030405'",
            "Asia/Kathmandu",
            "(([ts] BETWEEN TIMESTAMP '2023-12-31 18:15:00' AND TIMESTAMP '2024-01-01 21:19:05'))",
        ),
        (
            "ts NOT IN ('2024-01-01', NULL, ts2)",
            "+14:00",
            "(([ts] NOT IN (TIMESTAMP '2023-12-31 10:00:00', NULL, [ts2])))",
        ),
        // With an offset it is a moment whatever the zone.
        ("ts < '2024-10-27 02:30:00+02:00'", "Europe/Berlin", "(([ts] < TIMESTAMP '2024-10-27 00:30:00'))"),
        ("ts < '2024-10-27 02:30:00 Z'", "Asia/Tokyo", "(([ts] < TIMESTAMP '2024-10-27 02:30:00'))"),
        ("ts <> '0000-00-00 00:00:00'", "+05:00", "(([ts] <> <0000-00-00 00:00:00>))"),
        ("ts IS NULL OR ts2 = ts", "+05:00", "((([ts] IS NULL) OR ([ts2] = [ts])))"),
        // Without a zone of its own a column is compared as it stands.
        (
            "dt >= '2024-01-01' AND day < DATE '2024-01-01'",
            "+05:00",
            "((([dt] >= <2024-01-01>) AND ([day] < DATE '2024-01-01')))",
        ),
        (
            "YEAR(dt) = 2024 AND word = '2024-01-01'",
            "+05:00",
            "(((YEAR([dt]) = 2024) AND ([word] = <2024-01-01>)))",
        ),
        ("YEAR(ts) = 2024", "+00:00", "((YEAR([ts]) = 2024))"),
        (
            "CASE ts WHEN '2024-01-01' THEN 1 END",
            "+01:00",
            "((CASE [ts] WHEN TIMESTAMP '2023-12-31 23:00:00' THEN 1 END))",
        ),
    ] {
        assert_eq!(settled(text, zone, NOW, false).as_deref(), Ok(expected), "{text} in {zone}");
    }
}

#[test]
fn n06_what_has_no_sure_moment_is_refused_by_name() {
    for (text, zone, said) in [
        ("ts >= '2024-03-31 02:30:00'", "Europe/Berlin", "put forward"),
        (
            "ts >= '2024-10-27 02:30:00'",
            "Europe/Berlin",
            "'2024-10-27 02:30:00+02:00' or '2024-10-27 02:30:00+01:00'",
        ),
        ("ts IN ('2024-01-01', '2024-11-03 01:30')", "America/New_York", "-04:00"),
        ("DATE(ts) = '2024-01-01'", "+05:00", "set where_time_zone to UTC"),
        ("YEAR(ts) = 2024", "Europe/Berlin", "column ts"),
        ("HOUR(ts) < 8", "-01:00", "column ts"),
        ("ts + INTERVAL 1 DAY > '2024-01-01'", "+05:00", "column ts"),
        ("ts LIKE '2024-%'", "+05:00", "column ts"),
        ("ts > dt", "+05:00", "column ts"),
        ("ts > 20240101", "+05:00", "column ts"),
        ("CAST(ts AS DATE) = '2024-01-01'", "+05:00", "column ts"),
        ("COALESCE(ts, dt) > '2024-01-01'", "+05:00", "column ts"),
        ("ts > 'soon'", "UTC", "no date and time"),
        ("ts > '2024-02-31'", "UTC", "no date and time"),
        ("ts > '2024-01-01 00:00:00+25:00'", "UTC", "no date and time"),
        ("ts > '24-01-01é'", "UTC", "no date and time"),
        ("ts > TIME '10:00:00'", "UTC", "today's date"),
        ("time > TIMESTAMP '2024-01-01 10:00:00'", "UTC", "today's"),
        ("time > NOW()", "UTC", "today's"),
        ("dt >= '2024-01-01 00:00:00+05:00'", "UTC", "without an offset"),
        ("day = '2024-01-01 00:00:00Z'", "UTC", "without an offset"),
    ] {
        let why = settled(text, zone, NOW, true).unwrap_err();
        assert!(why.contains(said), "{text} in {zone}: {why}");
    }
}

#[test]
fn n26_the_current_time_is_one_time_in_the_zone_of_the_task() {
    for (text, zone, now, expected) in [
        ("ts >= NOW() - INTERVAL 30 DAY", "UTC", NOW, "(([ts] >= TIMESTAMP '2024-03-01 12:34:56'))"),
        ("ts >= NOW(3)", "+05:00", NOW, "(([ts] >= TIMESTAMP '2024-03-31 12:34:56.789000'))"),
        ("dt >= NOW()", "+05:00", NOW, "(([dt] >= TIMESTAMP '2024-03-31 17:34:56'))"),
        ("dt >= current_timestamp", "+05:00", NOW, "(([dt] >= TIMESTAMP '2024-03-31 17:34:56'))"),
        ("day = CURDATE()", "+12:00", NOW, "(([day] = DATE '2024-04-01'))"),
        ("day >= CURRENT_DATE - INTERVAL 1 MONTH", "UTC", NOW, "(([day] >= DATE '2024-02-29'))"),
        ("ts >= CURRENT_DATE", "+12:00", NOW, "(([ts] >= TIMESTAMP '2024-03-31 12:00:00'))"),
        ("dt > DATE_SUB(NOW(), INTERVAL '2' HOUR)", "UTC", NOW, "(([dt] > TIMESTAMP '2024-03-31 10:34:56'))"),
        ("dt < DATE_ADD(CURDATE(), INTERVAL 1 WEEK)", "UTC", NOW, "(([dt] < DATE '2024-04-07'))"),
        (
            "dt < INTERVAL -1 YEAR + LOCALTIMESTAMP()",
            "UTC",
            NOW,
            "(([dt] < TIMESTAMP '2023-03-31 12:34:56'))",
        ),
        (
            "dt + INTERVAL 30 DAY < CURDATE() + INTERVAL 90 MINUTE",
            "UTC",
            NOW,
            "((([dt] + INTERVAL 30 DAY) < TIMESTAMP '2024-03-31 01:30:00'))",
        ),
        ("YEAR(dt) = YEAR(NOW())", "UTC", NOW, "((YEAR([dt]) = YEAR(TIMESTAMP '2024-03-31 12:34:56')))"),
        // A day back on the calendar is 23 hours here, 24 hours are 24.
        ("ts > NOW() - INTERVAL 1 DAY", "Europe/Berlin", NOW, "(([ts] > TIMESTAMP '2024-03-30 13:34:56'))"),
        ("ts > NOW() - INTERVAL 24 HOUR", "Europe/Berlin", NOW, "(([ts] > TIMESTAMP '2024-03-30 12:34:56'))"),
        // It lands in a gap, and in an hour that is there twice; and now is that hour's second.
        (
            "ts > NOW() - INTERVAL 1 DAY",
            "Europe/Berlin",
            "2024-04-01T00:30:00Z",
            "(([ts] > TIMESTAMP '2024-03-31 01:00:00'))",
        ),
        (
            "ts > NOW() - INTERVAL 1 DAY",
            "Europe/Berlin",
            "2024-10-28T01:30:00Z",
            "(([ts] > TIMESTAMP '2024-10-27 00:30:00'))",
        ),
        ("ts > NOW()", "Europe/Berlin", "2024-10-27T01:30:00Z", "(([ts] > TIMESTAMP '2024-10-27 01:30:00'))"),
    ] {
        assert_eq!(settled(text, zone, now, false).as_deref(), Ok(expected), "{text} in {zone} at {now}");
    }
    let beyond = settled("dt > NOW() - INTERVAL 9000 YEAR", "UTC", NOW, true).unwrap_err();
    assert!(beyond.contains("years from 1 to 9999"), "{beyond}");
}

#[test]
fn n26_cases_casts_collations_and_patterns() {
    for (text, alike, expected) in [
        (
            "CASE WHEN id > 1 THEN 'a' ELSE word END = 'a'",
            false,
            "(((CASE WHEN ([id] > 1) THEN <a> ELSE [word] END) = <a>))",
        ),
        (
            "CASE id WHEN 1 THEN TRUE WHEN 2 THEN FALSE END",
            false,
            "((CASE [id] WHEN 1 THEN TRUE WHEN 2 THEN FALSE END))",
        ),
        ("CAST(word AS SIGNED) > 5", false, "((CAST([word] AS SIGNED) > 5))"),
        ("CAST(word AS DECIMAL(10,2)) > 5", false, "((CAST([word] AS DECIMAL(10,2)) > 5))"),
        ("CAST(dt AS DATE) = '2024-01-01'", false, "((CAST([dt] AS DATE) = <2024-01-01>))"),
        (
            "CAST(id AS CHAR) LIKE '1%'",
            false,
            "(((CONVERT(CAST([id] AS CHAR) USING utf8mb4) COLLATE utf8mb4_general_ci) LIKE <1%>))",
        ),
        (
            "CONCAT(id, 'a') = '1A'",
            false,
            "(((CONVERT(CONCAT([id], <a>) USING utf8mb4) COLLATE utf8mb4_general_ci) = <1A>))",
        ),
        ("CONCAT(word, 'a') = '1A'", false, "((CONCAT([word], <a>) = <1A>))"),
        (
            "word COLLATE utf8mb4_bin = 'x'",
            false,
            "(((CONVERT([word] USING utf8mb4) COLLATE utf8mb4_bin) = <x>))",
        ),
        ("word REGEXP '^a'", true, "(([word] REGEXP <^a>))"),
        ("word NOT RLIKE '^a'", true, "(([word] NOT REGEXP <^a>))"),
        ("CAST(word AS DATE) = '2024-01-01'", true, "((CAST([word] AS DATE) = <2024-01-01>))"),
    ] {
        assert_eq!(settled(text, "UTC", NOW, alike).as_deref(), Ok(expected), "{text}");
    }
    for (text, said) in [
        ("word REGEXP '^a'", "write LIKE"),
        ("id = 1 OR word RLIKE 'a$'", "write LIKE"),
        ("CAST(dt AS DATETIME) = '2024-01-01'", "DATETIME(6)"),
        ("CAST(word AS DATE) = '2024-01-01'", "of a text"),
        ("CAST(floats AS UNSIGNED) = 1", "SIGNED"),
        ("CAST(id - 1.5e0 AS UNSIGNED) = 1", "SIGNED"),
        ("CAST(floats AS CHAR) = '1'", "FLOAT"),
        ("floats LIKE '1e%'", "LIKE of a FLOAT"),
        ("word = 'a' OR CONCAT('x', -floats) = 'x-1'", "CONCAT of a FLOAT"),
        ("blob COLLATE utf8mb4_bin = 'x'", "no text"),
    ] {
        let why = settled(text, "UTC", NOW, false).unwrap_err();
        assert!(why.contains(said), "{text}: {why}");
    }
}

#[test]
fn a_settled_condition_is_kept_whole() {
    let ors = vec!["dt > NOW()"; 280].join(" OR ");
    let filter = Filter::parse(&ors).unwrap();
    let scope = Scope { zone: Zone::UTC, now: NOW.parse().unwrap(), alike: true, kind: &kind };
    let condition = filter.settle(&scope).unwrap();
    let kept = serde_json::to_value(&condition).unwrap();
    assert_eq!(serde_json::from_value::<Condition>(kept).unwrap(), condition);
    // As a plan of an older release has it.
    let old: Condition = serde_json::from_value("id > 5".into()).unwrap();
    assert_eq!(shown(&old), "(([id] > 5))");
}
