//! What is taken for a condition, how it is written, and what is refused.

use super::Filter;

fn written(text: &str) -> Result<String, String> {
    Filter::parse(text).map(|filter| filter.sql(|name| format!("[{name}]"), |text| format!("<{text}>")))
}

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
    for name in super::FUNCTIONS {
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
        "at > NOW()",
        "at > CURRENT_DATE()",
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
        "id REGEXP 'x'",
        "v COLLATE utf8mb4_bin = 'x'",
        "MATCH (v) AGAINST ('x')",
        "id = 1) OR (1 = 1",
        "CONVERT(v USING latin1) = 'x'",
        "id = INTERVAL 1 DAY",
        "GET_LOCK('x', 1) = id",
    ] {
        assert!(written(text).is_err(), "{text}: {:?}", written(text));
    }
    assert!(Filter::parse(&"(".repeat(3_000)).is_err(), "as deep as it may be");
    assert!(Filter::parse(&format!("id = '{}'", "x".repeat(4_000))).is_err(), "as long as it may be");
}
