//! Each phase of a job, caught by a lock.

use std::collections::BTreeMap;

use longshore_tests::agree::agree;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::super::{again, in_hand, mid_statement, seed_keyless};
use super::{CHUNKS, Case, KEYED, ROWS};

#[tokio::test]
async fn f28_in_the_plan_behind_a_lock_of_the_structure_on_either_side() {
    let stack = Stack::running_with(CHUNKS).await;
    for schema in [&stack.source, &stack.target] {
        schema.run(&format!("{KEYED}; {ROWS}")).await;
    }
    stack.target.run("UPDATE t SET word = 'other' WHERE id = 7").await;
    let blocker = stack.target.blocker("LOCK TABLES t WRITE").await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let case = Case { stack: &stack, task, job, before: BTreeMap::new() };
    case.hangs("plan", &stack.target).await;
    case.cancel(&[], vec![blocker]).await;

    let blocker = stack.source.blocker("LOCK TABLES t WRITE").await;
    let case = Case::submit_again(&stack).await;
    case.hangs("plan", &stack.source).await;
    case.cancel(&[], vec![blocker]).await;
}

#[tokio::test]
async fn f28_in_a_copy_in_the_middle_of_a_load() {
    let stack = Stack::running_with(CHUNKS).await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let blocker = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("copy", &stack.target).await;
    // Every chunk waits for the room that is locked: nothing was written.
    case.cancel(&[("t", "pending")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_in_a_large_load_that_nothing_stops() {
    let stack = Stack::running().await;
    seed_keyless(&stack.source, 250_000).await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("copy", &stack.target).await;
    case.cancel(&[("log_lines", "pending")], Vec::new()).await;
}

#[tokio::test]
async fn f28_in_a_comparison_that_has_written_and_in_one_that_has_not() {
    let stack = Stack::running_with(CHUNKS).await;
    for schema in [&stack.source, &stack.target] {
        schema.run(&format!("{KEYED}; {ROWS}")).await;
    }
    stack.target.run("UPDATE t SET word = 'other' WHERE id IN (10, 1990)").await;
    let locked = "START TRANSACTION; SELECT * FROM t WHERE id IN (10, 1990) FOR UPDATE";
    let blocker = stack.target.blocker(locked).await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("diff", &stack.target).await;
    case.cancel(&[("t", "pending")], vec![blocker]).await;

    stack.target.run("UPDATE t SET word = 'other' WHERE id IN (10, 1990)").await;
    let locked = "START TRANSACTION; SELECT * FROM t WHERE id = 1990 FOR UPDATE";
    let blocker = stack.target.blocker(locked).await;
    let case = Case::submit_again(&stack).await;
    case.hangs("diff", &stack.target).await;
    until("the other row is written", seconds(20), async || {
        let written = "SELECT COUNT(*) FROM t WHERE id = 10 AND word <> 'other'";
        (stack.target.value::<i64>(written).await == 1).then_some(())
    })
    .await;
    until("its step has ended", seconds(20), async || {
        let ended = "SELECT count(*) FROM steps WHERE kind = 'diff' AND state = 'done' AND updated = 1";
        (stack.control.value::<i64>(ended).await > 0).then_some(())
    })
    .await;
    case.cancel(&[("t", "partial")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_in_the_pruning() {
    let stack = Stack::running_with(CHUNKS).await;
    for schema in [&stack.source, &stack.target] {
        schema.run(&format!("{KEYED}; {ROWS}")).await;
    }
    stack.target.run("INSERT INTO t VALUES (5000, 'extra'), (5001, 'extra')").await;
    let locked = "START TRANSACTION; SELECT * FROM t WHERE id = 5000 FOR UPDATE";
    let blocker = stack.target.blocker(locked).await;
    let case = Case::submit(&stack, &json!({"delete_extra": true})).await;
    case.hangs("prune", &stack.target).await;
    case.cancel(&[("t", "pending")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_in_the_reconciliation_of_unique_values() {
    let stack = Stack::running().await;
    let unique = "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40) UNIQUE)";
    stack.source.run(&format!("{unique}; INSERT INTO t VALUES (1, 'a'), (2, 'b'), (3, 'c')")).await;
    stack.target.run(&format!("{unique}; INSERT INTO t VALUES (1, 'b'), (2, 'a'), (3, 'x')")).await;
    let waiting = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("diff", &stack.target).await;
    let blocker = case.caught("reconcile", waiting, "START TRANSACTION; SELECT * FROM t FOR UPDATE").await;
    case.cancel(&[("t", "partial")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_in_the_replacement_of_a_keyless_table() {
    let stack = Stack::running().await;
    let keyless = "CREATE TABLE t (word VARCHAR(40))";
    stack.source.run(&format!("{keyless}; INSERT INTO t SELECT MD5(seq) FROM seq_1_to_500")).await;
    stack.target.run(&format!("{keyless}; INSERT INTO t VALUES ('old'), ('older')")).await;
    let blocker = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({"keyless": "replace"})).await;
    case.hangs("replace", &stack.target).await;
    case.cancel(&[("t", "pending")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_while_an_index_is_built() {
    let stack = Stack::running_with(CHUNKS).await;
    stack.source.run(&format!("{KEYED}; ALTER TABLE t ADD KEY by_word (word); {ROWS}")).await;
    stack.target.run(KEYED).await;
    // Whoever has read keeps the structure as it is; rows may come.
    let blocker = stack.target.blocker("START TRANSACTION; SELECT * FROM t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("index", &stack.target).await;
    case.cancel(&[("t", "partial")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_while_foreign_keys_are_added() {
    let stack = Stack::running().await;
    let parents = "CREATE TABLE a (id INT PRIMARY KEY)";
    let children = "CREATE TABLE b (id INT PRIMARY KEY, a INT, KEY of_a (a)";
    stack
        .source
        .run(&format!(
            "{parents}; {children}, CONSTRAINT of_a FOREIGN KEY (a) REFERENCES a (id));
             INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (1, 1), (2, 1)"
        ))
        .await;
    stack.target.run(&format!("{parents}; {children})")).await;
    let blocker = stack.target.blocker("START TRANSACTION; SELECT * FROM b").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("foreign_keys", &stack.target).await;
    case.cancel(&[("a", "partial"), ("b", "partial")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_while_checksums_are_taken() {
    let stack = Stack::running_with(CHUNKS).await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let waiting = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("copy", &stack.target).await;
    let blocker = case.caught("verify", waiting, "LOCK TABLES t WRITE").await;
    case.cancel(&[("t", "partial")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_before_any_worker_and_between_two_steps() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("GRACE_SECONDS", "1")]);
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.job(&job).await;
    assert_eq!((ended.state.as_str(), ended.started_at), ("cancelled", None), "at once");

    stack.start_worker();
    stack.ready().await;
    let blocker = stack.target.lock_rows("t").await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    // The only worker leaves; what it held is handed back and nobody takes it.
    assert_eq!(stack.workers[0].terminate(seconds(20)).await.code(), Some(0));
    stack.workers.clear();
    assert_eq!(stack.client.job(&job).await.state, "running");
    let case = Case { stack: &stack, task, job, before: contents_unlocked() };
    let ended = case.end().await;
    assert_eq!(ended.table("t").state, "pending");
    blocker.release().await;
    case.is_as_told(&ended).await;
    let task = case.task;
    stack.start_worker();
    stack.ready().await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

/// The contents of an empty table `t`.
fn contents_unlocked() -> BTreeMap<String, u64> {
    BTreeMap::from([("t".to_owned(), 0)])
}

#[tokio::test]
async fn f28_in_the_pause_before_another_attempt() {
    let stack = Stack::running().await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let blocker = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    let hung = format!(
        "SELECT id FROM information_schema.processlist WHERE user = '{}' AND command = 'Query' AND time_ms > 150",
        stack.target.username
    );
    // Somebody kills the session three times; the third pause is eight seconds and more.
    for attempt in 1..=3 {
        case.hangs("copy", &stack.target).await;
        for id in stack.target.rows::<u64>(&hung).await {
            stack.target.run(&format!("KILL CONNECTION {id}")).await;
        }
        let paused = format!(
            "SELECT count(*) FROM steps WHERE job_id = '{}' AND kind = 'copy' AND state = 'announced'
             AND attempt = {attempt}",
            case.job
        );
        until("the step pauses", seconds(20), async || {
            (stack.control.value::<i64>(&paused).await > 0).then_some(())
        })
        .await;
    }
    case.cancel(&[("t", "pending")], vec![blocker]).await;
}

#[tokio::test]
async fn f28_while_it_waits_for_the_target() {
    let stack = Stack::running().await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let blocker = stack.target.lock_rows("t").await;
    let first = Case::submit(&stack, &json!({})).await;
    first.hangs("copy", &stack.target).await;
    let second = again(&stack, &json!({})).await;
    let second = stack.client.submit(&second).await;
    until("it waits", seconds(20), async || stack.client.job(&second).await.waiting_for).await;
    stack.client.post(&format!("/v1/jobs/{second}/cancel"), &json!({})).await.expect(202);
    assert_eq!(stack.client.job(&second).await.state, "cancelled", "at once");
    assert!(!stack.client.job(&first.job).await.is_final(), "the other one goes on");
    first.cancel(&[("t", "pending")], vec![blocker]).await;
}
