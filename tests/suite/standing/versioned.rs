//! Tables that keep their rows' history (MariaDB): current rows arrive, the history is said to stay.

use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{MariaDb, Servers};
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::between::Between;

/// Name, definition, and the columns that a person writes.
const TABLES: [(&str, &str, &str); 9] = [
    (
        "implicit",
        "(id INT PRIMARY KEY, v INT, s VARCHAR(9) WITHOUT SYSTEM VERSIONING) WITH SYSTEM VERSIONING",
        "id, v, s",
    ),
    (
        "explicit",
        "(id INT PRIMARY KEY, v INT, s VARCHAR(9), a TIMESTAMP(6) GENERATED ALWAYS AS ROW START, b TIMESTAMP(6) \
         GENERATED ALWAYS AS ROW END, UNIQUE KEY u (v), PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING",
        "id, v, s",
    ),
    (
        "invisible",
        "(id VARCHAR(9) PRIMARY KEY, v INT, s VARCHAR(9), a TIMESTAMP(6) GENERATED ALWAYS AS ROW START INVISIBLE, b \
         TIMESTAMP(6) GENERATED ALWAYS AS ROW END INVISIBLE, PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING",
        "id, v, s",
    ),
    (
        "precise",
        "(id INT PRIMARY KEY, v INT, s VARCHAR(9), a BIGINT UNSIGNED GENERATED ALWAYS AS ROW START, b BIGINT UNSIGNED \
         GENERATED ALWAYS AS ROW END, PERIOD FOR SYSTEM_TIME (a, b)) WITH SYSTEM VERSIONING ENGINE=InnoDB",
        "id, v, s",
    ),
    (
        "parted",
        "(id INT PRIMARY KEY, v INT, s VARCHAR(9)) WITH SYSTEM VERSIONING PARTITION BY SYSTEM_TIME INTERVAL 1 MONTH \
         (PARTITION h HISTORY, PARTITION c CURRENT)",
        "id, v, s",
    ),
    ("keyless", "(id INT, v INT, s VARCHAR(9)) WITH SYSTEM VERSIONING", "id, v, s"),
    (
        "counted",
        "(id INT AUTO_INCREMENT PRIMARY KEY, v INT, s VARCHAR(9), UNIQUE KEY (v), KEY (s)) WITH SYSTEM VERSIONING",
        "id, v, s",
    ),
    ("single", "(id INT PRIMARY KEY, v INT WITH SYSTEM VERSIONING, s VARCHAR(9))", "id, v, s"),
    (
        "versioned_child",
        "(id INT PRIMARY KEY, v INT, s VARCHAR(9), KEY (v), CONSTRAINT fc FOREIGN KEY (v) REFERENCES counted (id)) WITH \
         SYSTEM VERSIONING",
        "id, v, s",
    ),
];

/// Rows with a history: added, changed, gone.
async fn fill(schema: &Schema) {
    for (table, definition, _) in TABLES {
        schema.run(&format!("CREATE TABLE {table} {definition}")).await;
        schema
            .run(&format!("INSERT INTO {table} (id, v, s) VALUES (1, 1, 'a'), (2, 2, 'b'), (3, 3, 'c')"))
            .await;
    }
    for table in
        ["versioned_child", "implicit", "explicit", "invisible", "precise", "parted", "keyless", "single"]
    {
        schema.run(&format!("UPDATE {table} SET s = 'new' WHERE id = 1")).await;
        schema.run(&format!("DELETE FROM {table} WHERE id = 3")).await;
    }
    schema.run("UPDATE counted SET s = 'x'").await;
}

async fn current(schema: &Schema, table: &str, columns: &str) -> String {
    let sql =
        format!("SELECT COALESCE(GROUP_CONCAT(CONCAT_WS('|', {columns}) ORDER BY id), '') FROM {table}");
    schema.value(&sql).await
}

/// Every table's current rows are on both sides, its history is said to stay.
async fn arrived(stack: &Stack, job: &Job, told: &str) {
    assert_eq!(job.state, "completed", "{told}: {job:#?}");
    let said = job.warnings.iter().find(|warning| warning.contains("history stays")).expect("it is said");
    for (table, _, columns) in TABLES {
        let (here, there) =
            (current(&stack.source, table, columns).await, current(&stack.target, table, columns).await);
        assert_eq!(here, there, "{told}: {table}");
        assert!(!here.is_empty(), "{told}: {table} has rows");
        assert!(said.contains(table), "{told}: {table} is named in {said}");
        let verified = job.table(table).verified.as_ref().expect("it was verified");
        assert_eq!(
            (verified.source_rows, verified.result.as_str()),
            (lines(&here), "equal"),
            "{told}: {table}"
        );
        let kind: String = stack
            .target
            .value(&format!(
                "SELECT table_type FROM information_schema.tables WHERE table_schema = DATABASE() AND table_name = '{table}'"
            ))
            .await;
        assert_eq!(kind, "SYSTEM VERSIONED", "{told}: {table}");
    }
}

fn lines(text: &str) -> i64 {
    text.split(',').count().try_into().expect("few rows")
}

async fn change(schema: &Schema) {
    for (table, ..) in TABLES.into_iter().rev() {
        schema.run(&format!("INSERT INTO {table} (id, v, s) VALUES (4, 1 + (SELECT MAX(v) FROM (SELECT v FROM {table}) x), 'd')")).await;
        schema.run(&format!("UPDATE {table} SET s = 'twice' WHERE id = 2")).await;
        if table != "counted" {
            schema.run(&format!("DELETE FROM {table} WHERE id = 1")).await;
        }
    }
}

async fn between(stack: &mut Stack, source: &MariaDb, target: &MariaDb) {
    stack.move_to(Some(source), Some(target)).await;
    let told = format!("{} into {}", source.kind(), target.kind());
    fill(&stack.source).await;
    let task = stack.task(&json!({"delete_extra": true, "max_delete_percent": 100})).await;
    arrived(stack, &stack.run(&task).await, &format!("{told}, loaded")).await;
    for (table, _, columns) in TABLES {
        let all = current(&stack.target, &format!("{table} FOR SYSTEM_TIME ALL"), columns).await;
        assert_eq!(
            all,
            current(&stack.target, table, columns).await,
            "{told}: a load makes no history of {table}"
        );
    }
    arrived(stack, &stack.run(&task).await, &format!("{told}, again")).await;
    change(&stack.source).await;
    arrived(stack, &stack.run(&task).await, &format!("{told}, changed")).await;
}

#[tokio::test]
async fn n16_current_rows_of_tables_with_history_arrive() {
    let run = Servers::of_the_run();
    // Servers outlive the stack, which removes its schemas.
    let newer = Kind::own("mariadb11");
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "2")]).await;
    if let Some(newer) = &newer {
        between(&mut stack, &run.mariadb[0], newer).await;
        between(&mut stack, newer, &run.mariadb[1]).await;
        // A server may show what it held at another time; a sync reads what it holds.
        stack.move_to(Some(newer), Some(newer)).await;
        stack.source.run("SET GLOBAL system_versioning_asof = '2001-01-01'").await;
        let sql = "CREATE TABLE t (id INT PRIMARY KEY) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1), (2)";
        stack.source.run(sql).await;
        let job = stack.sync(&json!({})).await;
        assert_eq!(job.table("t").counts.inserted, 2, "{job:#?}");
    }
    between(&mut stack, &run.mariadb[0], &run.mariadb[1]).await;
}

#[tokio::test]
async fn n16_where_no_history_can_be_kept_a_table_made_by_hand_takes_the_rows() {
    let own = Kind::shared("mysql9", 0);
    let mut stack = Stack::running().await;
    if let Some(server) = &own {
        stack.move_to(None, Some(server)).await;
    }
    let fill = "CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1, 1), (2, 2);
         UPDATE t SET v = 5; CREATE TABLE plain (id INT PRIMARY KEY)";
    stack.source.run(fill).await;
    let between = Between::of(&stack).await;
    if own.is_some() {
        let job = between.sync(&stack, &json!({})).await;
        let why = job.why();
        assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "system_versioned"), "{job:#?}");
        assert!(why.message.contains("table t") && why.hint.contains("by hand"), "{why:?}");
        assert_eq!(stack.target.tables().await, [] as [&str; 0], "nothing is made");
    }
    stack.target.run("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    let body: Value = json!({"delete_extra": true});
    let task = between.task(&stack, &body).await;
    for _ in 0..2 {
        let job = stack.run(&task).await;
        assert_eq!(job.state, "completed", "{job:#?}");
        assert_eq!(current(&stack.target, "t", "id, v").await, "1|5,2|5");
    }
    // The other way: a table with history takes a plain one's rows, and keeps what was there.
    if own.is_none() {
        return;
    }
    let run = Servers::of_the_run();
    stack.move_to(Some(&run.mariadb[0]), Some(&run.mariadb[1])).await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1), (3, 3)").await;
    stack.target.run("CREATE TABLE t (id INT PRIMARY KEY, v INT) WITH SYSTEM VERSIONING; INSERT INTO t VALUES (1, 0), (2, 2)").await;
    let job = stack.sync(&body).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    assert_eq!(current(&stack.target, "t", "id, v").await, "1|1,3|3");
    assert_eq!(current(&stack.target, "t FOR SYSTEM_TIME ALL", "id").await, "1,1,2,3");
}
