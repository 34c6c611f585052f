//! More deletions than a task allows: the run fails before it deletes a row of the table, and does
//! it once a person has said so.

use longshore_tests::agree::{data_lines, tables_agree};
use longshore_tests::seeds::shop;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::json;

/// As an operator has it, who says nothing of it.
const GUARDED: i32 = 50;

#[tokio::test]
async fn no_more_of_a_table_is_deleted_than_its_task_allows() {
    // Several ranges: the share is one of the table, not of a range.
    let stack = Stack::running_with(&[("CHUNK_ROWS", "100")]).await;
    shop(&stack.source, 400).await;
    let task = stack.task(&json!({"delete_extra": true, "max_delete_percent": GUARDED})).await;
    stack.run_completed(&task).await;
    let customers: i64 = stack.source.value("SELECT COUNT(*) FROM customers").await;
    stack.source.run("SET foreign_key_checks = 0; DELETE FROM customers WHERE id % 5 < 3").await;
    let before = data_lines(&stack.target, &["customers"]).await;

    let job = stack.run(&task).await;
    let why = job.why();
    assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "too_many_deletes"), "{job:#?}");
    let left: i64 = stack.source.value("SELECT COUNT(*) FROM customers").await;
    let told = format!("does not have {} of the target's {customers} rows", customers - left);
    assert!(why.message.contains(&told) && why.message.contains("50 %"), "{}", why.message);
    assert!(why.hint.contains("confirm_deletes") && why.hint.contains("max_delete_percent"), "{}", why.hint);
    assert_eq!(data_lines(&stack.target, &["customers"]).await, before, "nothing was deleted");

    let path = format!("/v1/sync-tasks/{task}/runs");
    let refused = stack.client.post(&path, &json!({"confirm_deletes": "yes"})).await.expect(422);
    assert!(refused.text.contains("confirm_deletes"), "{}", refused.text);
    let job = stack.client.post(&path, &json!({"confirm_deletes": true})).await.expect(202).id();
    stack.client.completed(&job, seconds(60)).await;
    tables_agree(&stack.source, &stack.target, &["customers"]).await;

    // It was said for that run only.
    stack.source.run("SET foreign_key_checks = 0; DELETE FROM customers").await;
    assert_eq!(stack.run(&task).await.why().code, "too_many_deletes");
    // An edit of the task lasts.
    let edit = json!({"max_delete_percent": 100});
    let shown = stack.client.patch(&format!("/v1/sync-tasks/{task}"), &edit, None).await.expect(200);
    assert_eq!(shown.body["max_delete_percent"], 100);
    stack.run_completed(&task).await;
    tables_agree(&stack.source, &stack.target, &["customers"]).await;
}

#[tokio::test]
async fn a_table_without_a_key_loses_no_more_rows_than_its_task_allows() {
    let stack = Stack::running().await;
    let create = "CREATE TABLE bag (a INT, b VARCHAR(9))";
    stack.source.run(create).await;
    stack.target.run(create).await;
    stack.source.run("INSERT INTO bag VALUES (1, 'x')").await;
    stack.target.run("INSERT INTO bag SELECT seq, 'y' FROM seq_1_to_10").await;
    let task = stack.task(&json!({"keyless": "replace", "max_delete_percent": GUARDED})).await;
    let before = data_lines(&stack.target, &["bag"]).await;
    assert_eq!(stack.run(&task).await.why().code, "too_many_deletes");
    assert_eq!(data_lines(&stack.target, &["bag"]).await, before);
    stack.source.run("INSERT INTO bag SELECT seq, 'z' FROM seq_1_to_4").await;
    stack.run_completed(&task).await;
    tables_agree(&stack.source, &stack.target, &["bag"]).await;
}
