//! Stored generated columns: the target computes them anew.

use longshore_tests::client::Job;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::Sides;

/// Servers by pairs, and whether these take functions that go by more settings than the time zone.
const PAIRS: [(&str, bool); 3] =
    [("mariadb:2", false), ("mysql57,mysql9", true), ("mysql9,mariadb11", false)];
const OPTIONS: [&str; 3] = ["div-precision-increment=9", "default-week-format=3", "lc-time-names=de_DE"];

#[tokio::test]
async fn n01_what_the_target_computes_is_proven() {
    let mut stack = Stack::running().await;
    for (wanted, loose) in PAIRS {
        let kinds = wanted.split(',').filter(|kind| !kind.starts_with("mariadb:"));
        if !kinds.into_iter().all(Servers::is_wanted) {
            continue;
        }
        let source = if wanted == "mariadb:2" { "mariadb-1" } else { wanted.split(',').next().unwrap() };
        let options = OPTIONS.map(|option| format!("{source}={option}"));
        let own = Held::start_with(wanted, &options.each_ref().map(String::as_str));
        stack.move_to(Some(&own.mariadb[0]), Some(&own.mariadb[1])).await;
        let sides = Sides::of(&stack).await;
        zones(&stack, &sides).await;
        keyless(&stack, &sides).await;
        settings(&stack, &sides, loose).await;
        mended(&stack, &sides).await;
        stack.keep([own]);
    }
}

async fn sync(stack: &Stack, sides: &Sides, options: &Value) -> Job {
    let task = sides.task(stack, options).await;
    stack.run(&task).await
}

fn refused(job: &Job, words: &[&str]) {
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "computed_differs"), "{job:#?}");
    for word in words {
        assert!(job.why().message.contains(word), "{word}: {job:#?}");
    }
}

/// A row that was written in another time zone: by a first load, by the run after it, and by a
/// comparison, whatever the policy.
async fn zones(stack: &Stack, sides: &Sides) {
    let (source, target) = (&stack.source, &stack.target);
    source
        .run(
            "CREATE TABLE stamps (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00', \
             d DATE AS (DATE(ts)) STORED, h INT AS (HOUR(ts) + 0) STORED, note VARCHAR(9));
             SET time_zone = '+00:00'; INSERT INTO stamps (id, ts) VALUES (1, '2024-01-01 10:00:00')",
        )
        .await;
    let options = json!({"mode": "selective", "tables": ["stamps"]});
    let job = sync(stack, sides, &options).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    assert!(job.warnings.iter().any(|warning| warning.contains("stamps.d, stamps.h")), "{job:#?}");
    source.run("SET time_zone = '+10:00'; INSERT INTO stamps (id, ts) VALUES (2, '2024-01-01 05:00:00'), (3, '2024-01-01 05:00:00')").await;
    for policy in ["source_first", "target_first"] {
        let options = json!({"mode": "selective", "tables": ["stamps"], "policy": policy});
        for _ in 0..2 {
            let job = sync(stack, sides, &options).await;
            refused(&job, &["`stamps`", "`d`", "id = 2"]);
            assert_eq!(target.value::<i64>("SELECT COUNT(*) FROM stamps").await, 1, "nothing came of it");
        }
    }
    // A first load, and what comes after it.
    target.run("DROP TABLE stamps").await;
    for _ in 0..2 {
        refused(&sync(stack, sides, &options).await, &["`stamps`", "`d`", "id = 2"]);
    }
    source.run("DROP TABLE stamps").await;
    target.run("DROP TABLE stamps").await;
}

async fn keyless(stack: &Stack, sides: &Sides) {
    stack
        .source
        .run(
            "CREATE TABLE heap (ts TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00', d DATE AS (DATE(ts)) STORED);
             SET time_zone = '-09:00'; INSERT INTO heap (ts) VALUES ('2024-01-01 20:00:00')",
        )
        .await;
    let options = json!({"mode": "selective", "tables": ["heap"], "keyless": "replace"});
    for _ in 0..2 {
        refused(&sync(stack, sides, &options).await, &["`heap`", "`d`"]);
    }
    for schema in [&stack.source, &stack.target] {
        schema.run("DROP TABLE heap").await;
    }
}

/// The target computes as the source does by its server's settings.
async fn settings(stack: &Stack, sides: &Sides, loose: bool) {
    let mut columns = vec!["q DECIMAL(20,10) AS (a / b) STORED"];
    if loose {
        columns.extend([
            "w INT AS (WEEK(day)) STORED",
            "m VARCHAR(20) AS (DAYNAME(day)) STORED",
            "f VARCHAR(20) AS (DATE_FORMAT(day, '%M')) STORED",
        ]);
    }
    let source = &stack.source;
    source
        .run(&format!(
            "CREATE TABLE shares (id INT PRIMARY KEY, a INT, b INT, day DATE, {})",
            columns.join(", ")
        ))
        .await;
    source.run("INSERT INTO shares (id, a, b, day) VALUES (1, 1, 3, '2023-01-01'), (2, 2, 7, '2024-12-31'), (3, NULL, 0, NULL)").await;
    let task = sides.task(stack, &json!({"mode": "selective", "tables": ["shares"]})).await;
    stack.run_completed(&task).await;
    same(stack, "shares").await;
    source.run("INSERT INTO shares (id, a, b, day) VALUES (4, 1, 9, '2021-01-03'); UPDATE shares SET a = 5 WHERE id = 2").await;
    stack.run_completed(&task).await;
    same(stack, "shares").await;
}

/// What the target has computed under other settings before is mended, though nothing else differs.
async fn mended(stack: &Stack, sides: &Sides) {
    for (schema, zone) in [(&stack.source, "+00:00"), (&stack.target, "+10:00")] {
        let sql = "CREATE TABLE old (id INT PRIMARY KEY, ts TIMESTAMP NOT NULL DEFAULT '2020-01-01 00:00:00', d DATE AS (DATE(ts)) STORED)";
        schema.run(sql).await;
        schema.run(&format!("SET time_zone = '{zone}'; INSERT INTO old (id, ts) VALUES (1, FROM_UNIXTIME(1704049200)), (2, FROM_UNIXTIME(1704103200))")).await;
    }
    let task = sides.task(stack, &json!({"mode": "selective", "tables": ["old"]})).await;
    stack.run_completed(&task).await;
    same(stack, "old").await;
}

/// All columns are alike on both sides.
async fn same(stack: &Stack, table: &str) {
    let columns = format!(
        "SELECT GROUP_CONCAT(CONCAT('IFNULL(', column_name, ', ''NULL'')') ORDER BY column_name) \
         FROM information_schema.columns WHERE table_schema = DATABASE() AND table_name = '{table}'"
    );
    let mut found = Vec::new();
    for schema in [&stack.source, &stack.target] {
        let list: String = schema.value(&columns).await;
        found.push(
            schema.rows::<String>(&format!("SELECT CONCAT_WS('|', {list}) FROM {table} ORDER BY id")).await,
        );
    }
    assert_eq!(found[0], found[1], "{table}");
}
