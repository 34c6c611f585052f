//! Conditions that depend on zones and on the time, and words that servers read differently.

use longshore_tests::servers::{Held, MariaDb, Servers};
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

/// A pair of servers, as far as they are wanted.
fn servers(kinds: [&str; 2]) -> Option<[(MariaDb, Option<Held>); 2]> {
    let one = |kind: &str, at: usize| match kind {
        "mariadb" => Some((Servers::of_the_run().mariadb[at].clone(), None)),
        kind if Servers::is_wanted(kind) => {
            let own = Held::start(kind);
            Some((own.mariadb[0].clone(), Some(own)))
        }
        _ => None,
    };
    Some([one(kinds[0], 0)?, one(kinds[1], 1)?])
}

const TABLE: &str = "CREATE TABLE o (id INT PRIMARY KEY, ts TIMESTAMP NULL, dt DATETIME NULL, word VARCHAR(20) CHARACTER SET latin1)";
/// Around midnight in a zone five hours ahead, and in UTC; as a client there writes them.
const ROWS: &str = "SET time_zone = '+05:00'; INSERT INTO o VALUES \
    (1, '2023-12-31 23:59:59', '2023-12-31 23:59:59', 'A'), (2, '2024-01-01 00:00:00', '2024-01-01 00:00:00', 'a'), \
    (3, '2024-01-01 04:59:59', '2024-01-01 04:59:59', 'b'), (4, '2024-01-01 05:00:00', '2024-01-01 05:00:00', '12x'), \
    (5, NULL, NULL, NULL)";
/// Rows that only the target has, before and after midnight there.
const EXTRA: &str = "SET time_zone = '+05:00'; DELETE FROM o; INSERT INTO o VALUES \
    (8, '2023-12-31 12:00:00', '2023-12-31 12:00:00', 'c'), (9, '2024-01-01 02:00:00', '2024-01-01 02:00:00', 'c')";

/// What each condition lets arrive, beside rows of the target's own.
fn cases() -> Vec<(&'static str, Option<&'static str>, &'static [i32])> {
    let mut cases: Vec<(_, _, &[i32])> = vec![
        ("ts >= '2024-01-01'", Some("+05:00"), &[2, 3, 4, 8]),
        ("ts >= '2024-01-01'", Some("Asia/Karachi"), &[2, 3, 4, 8]),
        ("ts >= '2024-01-01'", None, &[4, 8, 9]),
        ("ts BETWEEN '2024-01-01' AND '2024-01-01 04:59:59'", Some("+05:00"), &[2, 3, 8]),
        ("ts < '2024-01-01' OR ts IS NULL", Some("Europe/London"), &[1, 2, 3, 5]),
        ("ts IN ('2024-01-01', '2024-01-01 00:00:00Z')", Some("+05:00"), &[2, 4, 8, 9]),
        ("dt >= '2024-01-01'", Some("America/New_York"), &[2, 3, 4, 8]),
        ("YEAR(ts) = 2023", Some("+00:00"), &[1, 2, 3]),
        ("ts > NOW() - INTERVAL 50 YEAR", None, &[1, 2, 3, 4]),
        ("ts > NOW() - INTERVAL 1 DAY", None, &[8, 9]),
        ("dt < CURDATE() AND id < 3", Some("Asia/Tokyo"), &[1, 2, 8, 9]),
        ("CASE WHEN id < 3 THEN word = 'a' ELSE id = 5 END", None, &[1, 2, 5, 8, 9]),
        ("CASE WHEN id < 3 THEN word = 'a' ELSE id = 5 OR id > 7 END", None, &[1, 2, 5]),
        ("CAST(word AS SIGNED) = 12", None, &[4, 8, 9]),
        ("CAST(id AS CHAR) LIKE '_' AND id < 3", None, &[1, 2, 8, 9]),
        ("word COLLATE utf8mb4_bin = 'a'", None, &[2, 8, 9]),
        ("CONCAT(id, 'ß') = '1ss'", None, &[8, 9]),
        // Whatever the servers' div_precision_increment.
        ("CAST(id / 3 AS CHAR) = '0.3333' OR id = 4", None, &[1, 4, 8, 9]),
    ];
    cases.sort_by_key(|case| case.0);
    cases
}

fn options(condition: &str, zone: Option<&str>) -> Value {
    json!({"where": {"o": condition}, "where_time_zone": zone, "delete_extra": true})
}

async fn fill(stack: &Stack) {
    for schema in [&stack.source, &stack.target] {
        schema.run(TABLE).await;
    }
    stack.source.run(ROWS).await;
}

#[tokio::test]
async fn n06_n26_conditions_mean_the_same_rows_on_both_sides() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("CHUNK_ROWS", "2")]);
    stack.start_all().await;
    for kinds in [["mariadb", "mysql9"], ["mysql57", "mariadb11"]] {
        let Some([(source, held), (target, held_too)]) = servers(kinds) else { continue };
        stack.keep([held, held_too].into_iter().flatten());
        stack.move_to(Some(&source), Some(&target)).await;
        fill(&stack).await;
        // A server of this test's own.
        let digits = if kinds[0] == "mariadb" { &stack.target } else { &stack.source };
        digits.run("SET GLOBAL div_precision_increment = 9").await;
        let ends =
            [stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await];
        for (condition, zone, expected) in cases() {
            let what = format!("{condition} in {zone:?}, {kinds:?}");
            stack.target.run(EXTRA).await;
            let task = stack.client.task(&ends[0], &ends[1], &options(condition, zone)).await;
            let shown = stack.client.get(&format!("/v1/sync-tasks/{task}")).await.expect(200);
            assert_eq!(shown.body["where_time_zone"], zone.unwrap_or("UTC"), "{what}");
            stack.run_completed(&task).await;
            let ids: Vec<i32> = stack.target.rows("SELECT id FROM o ORDER BY id").await;
            assert_eq!(ids, expected, "{what}");
            let again = stack.run_completed(&task).await;
            let counts = &again.table("o").counts;
            assert_eq!((counts.inserted, counts.updated, counts.deleted), (0, 0, 0), "{what}, once more");
        }
        for (condition, zone, said) in [
            ("word REGEXP '^a'", None, "REGEXP"),
            ("CAST(dt AS DATETIME) > '2024-01-01'", None, "DATETIME(6)"),
            ("DATE(ts) = '2024-01-01'", Some("+05:00"), "where_time_zone"),
            ("ts > '2024-03-31 02:30:00'", Some("Europe/Berlin"), "put forward"),
        ] {
            let task = stack.client.task(&ends[0], &ends[1], &options(condition, zone)).await;
            let job = stack.run(&task).await;
            assert_eq!(job.why().code, "invalid_condition", "{condition}: {:?}", job.why());
            assert!(job.why().message.contains(said), "{condition}: {}", job.why().message);
        }
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}

#[tokio::test]
async fn n26_patterns_between_servers_of_one_engine() {
    let mut stack = Stack::running().await;
    for kinds in [["mariadb", "mariadb11"], ["mysql9", "mysql9"]] {
        let Some([(source, held), (target, held_too)]) = servers(kinds) else { continue };
        stack.keep([held, held_too].into_iter().flatten());
        stack.move_to(Some(&source), Some(&target)).await;
        fill(&stack).await;
        let ends =
            [stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await];
        for (condition, expected) in [
            ("word REGEXP '^[ab]$'", [1, 2, 3].as_slice()),
            ("word RLIKE '[0-9]'", &[4]),
            ("word NOT RLIKE '[0-9]'", &[1, 2, 3]),
        ] {
            stack.target.run("DELETE FROM o").await;
            let task = stack.client.task(&ends[0], &ends[1], &options(condition, None)).await;
            stack.run_completed(&task).await;
            let ids: Vec<i32> = stack.target.rows("SELECT id FROM o ORDER BY id").await;
            assert_eq!(ids, expected, "{condition}, {kinds:?}");
        }
        let task = stack.client.task(&ends[0], &ends[1], &options("word REGEXP '('", None)).await;
        let job = stack.run(&task).await;
        assert_eq!(job.why().code, "invalid_condition", "{:?}", job.why());
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}
