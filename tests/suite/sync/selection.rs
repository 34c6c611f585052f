//! Which tables a sync touches.

use longshore_tests::agree::tables_agree;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

const TABLES: &[&str] = &["a", "a1", "a2", "ab", "b", "Über"];

#[tokio::test]
async fn a_selective_sync_touches_what_its_patterns_cover() {
    let stack = Stack::running().await;
    for table in TABLES {
        stack
            .source
            .run(&format!("CREATE TABLE `{table}` (id INT PRIMARY KEY) AS SELECT seq id FROM seq_1_to_9"))
            .await;
    }
    let (source, target) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let check = async |options: Value, expected: &[&str]| {
        for table in stack.target.tables().await {
            stack.target.run(&format!("DROP TABLE `{table}`")).await;
        }
        let task = stack.client.task(&source, &target, &options).await;
        stack.run_completed(&task).await;
        assert_eq!(stack.target.tables().await, expected, "{options}");
        tables_agree(&stack.source, &stack.target, expected).await;
    };
    let some = |tables: &[&str], exclude: &[&str]| json!({"mode": "selective", "tables": tables, "exclude": exclude});
    check(json!({"mode": "full"}), TABLES).await;
    check(some(&["a"], &[]), &["a"]).await;
    check(some(&["a*"], &[]), &["a", "a1", "a2", "ab"]).await;
    check(some(&["a?", "b"], &["a2"]), &["a1", "ab", "b"]).await;
    check(some(&["*"], &["a*"]), &["b", "Über"]).await;
}

#[tokio::test]
async fn views_and_routines_are_left_alone() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    stack.source.run("INSERT INTO t VALUES (1), (2)").await;
    stack.source.run("CREATE VIEW v AS SELECT * FROM t").await;
    stack.target.run("CREATE TABLE other (id INT PRIMARY KEY)").await;
    stack.target.run("INSERT INTO other VALUES (7)").await;
    let job = stack.sync(&json!({})).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    assert_eq!(stack.target.tables().await, ["other", "t"]);
    assert_eq!(stack.target.value::<i64>("SELECT SUM(id) FROM other").await, 7, "not ours, not touched");
}
