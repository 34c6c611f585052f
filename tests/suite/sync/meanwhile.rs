//! What others change while a job runs: between its plan and its point of the source, and on the
//! target between a comparison and the verification.

use longshore_shared::failpoint::Failpoint;
use longshore_tests::agree::{agree, data_lines};
use longshore_tests::fleet::Surroundings;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

/// A stack whose only worker takes its time at this place, each time or the first.
async fn resting(place: Failpoint, how: &str) -> Stack {
    let mut stack = Stack::prepared().await;
    stack.surround(Surroundings::default().failpoints([(place, how)]));
    stack.start_api();
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    stack
}

/// Waits until the worker has come to this place so many times.
async fn came(stack: &Stack, place: Failpoint, times: usize) {
    let seen = || stack.workers[0].log().matches(place.as_str()).count();
    until(&format!("{place:?} is reached"), seconds(20), async || (seen() >= times).then_some(())).await;
}

#[tokio::test]
async fn s10_d26_a_column_that_comes_after_the_plan_is_not_left_out() {
    let stack = resting(Failpoint::PlanAfterCreate, "1*return(rest 3000)").await;
    for table in ["changes", "stays"] {
        stack.source.run(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v INT)")).await;
        stack.source.run(&format!("INSERT INTO {table} SELECT seq, seq FROM seq_1_to_100")).await;
    }
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    came(&stack, Failpoint::PlanAfterCreate, 1).await;
    // At once, and readers by the old names would not notice.
    stack.source.run("ALTER TABLE changes ADD COLUMN more INT DEFAULT 7, ALGORITHM=INSTANT").await;
    let job = stack.client.ended(&job, seconds(60)).await;
    let why = job.why();
    assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "structure_changed"), "{job:#?}");
    assert!(why.message.contains("changes") && !why.message.contains("stays"), "{}", why.message);
    assert!(data_lines(&stack.target, &["changes"]).await.is_empty(), "no row came over");
    stack.target.run("DROP TABLE changes").await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn a_keyless_table_is_judged_at_the_jobs_point() {
    let stack = resting(Failpoint::PlanBeforeCreate, "return(rest 2000)").await;
    for schema in [&stack.source, &stack.target] {
        schema.run("CREATE TABLE bag (a INT, b VARCHAR(9)); INSERT INTO bag VALUES (1, 'x'), (1, 'x')").await;
    }
    let task = stack.task(&json!({"keyless": "replace"})).await;
    for (run, change, unchanged) in [
        (1, "INSERT INTO bag VALUES (2, 'y')", 0),
        (2, "DELETE FROM bag WHERE a = 1 LIMIT 1", 0),
        (3, "DO 0", 2),
    ] {
        let job = stack.client.submit(&task).await;
        came(&stack, Failpoint::PlanBeforeCreate, run).await;
        stack.source.run(change).await;
        let job = stack.client.completed(&job, seconds(60)).await;
        agree(&stack.source, &stack.target).await;
        let verified = job.tables[0].verified.as_ref().expect("it was verified");
        assert_eq!(
            (verified.result.as_str(), job.tables[0].counts.unchanged),
            ("equal", unchanged),
            "{change}"
        );
    }
}

/// The target was seen to be right; who makes it wrong afterwards is not this job.
#[tokio::test]
async fn what_others_write_to_the_target_meanwhile_is_told_as_such() {
    let stack = resting(Failpoint::VerifyBefore, "return(rest 2500)").await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v INT)").await;
    stack.source.run("INSERT INTO t SELECT seq, seq FROM seq_1_to_100").await;
    stack
        .target
        .run("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 5), (500, 1)")
        .await;
    let task = stack.task(&json!({})).await;
    for (run, change, told) in [
        (1, "UPDATE t SET v = -1 WHERE id = 7", "0 rows are missing, 1 differ, 1 are only on the target"),
        (2, "DELETE FROM t WHERE id IN (3, 4)", "2 rows are missing, 0 differ, 1 are only on the target"),
        // Rows that only the target has are nobody's fault.
        (3, "INSERT INTO t VALUES (501, 1)", ""),
    ] {
        let job = stack.client.submit(&task).await;
        came(&stack, Failpoint::VerifyBefore, run).await;
        stack.target.run(change).await;
        let job = stack.client.ended(&job, seconds(60)).await;
        if told.is_empty() {
            assert_eq!(job.state, "completed", "{job:#?}");
            continue;
        }
        let why = job.why();
        assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "changed_meanwhile"), "{change}");
        assert!(why.message.contains("table t:") && why.message.contains(told), "{}", why.message);
    }
}
