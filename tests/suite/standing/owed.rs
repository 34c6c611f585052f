//! Foreign keys that a table was made without: they are owed until a run has added them; those that
//! its owner left out or took away are only told.

use longshore_tests::client::Job;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::Sides;

async fn has_key(stack: &Stack, key: &str) -> bool {
    let query = format!(
        "SELECT COUNT(*) FROM information_schema.REFERENTIAL_CONSTRAINTS WHERE CONSTRAINT_SCHEMA = DATABASE()
         AND CONSTRAINT_NAME = '{key}'"
    );
    stack.target.value::<i64>(&query).await == 1
}

fn warns(job: &Job, words: &[&str]) -> bool {
    job.warnings.iter().any(|told| words.iter().all(|word| told.contains(word)))
}

/// A table with a key, one without, each with a foreign key.
const CHILDREN: [(&str, &str, &str); 2] = [
    (
        "child",
        "k_child",
        "CREATE TABLE child (id INT PRIMARY KEY, pid INT, CONSTRAINT k_child FOREIGN KEY (pid) REFERENCES p (id)); \
         INSERT INTO child VALUES (10, 1), (20, 2)",
    ),
    (
        "bag",
        "k_bag",
        "CREATE TABLE bag (pid INT, CONSTRAINT k_bag FOREIGN KEY (pid) REFERENCES p (id)); INSERT INTO bag VALUES (1), (1)",
    ),
];

async fn filled(stack: &Stack) {
    stack.source.run("CREATE TABLE p (id INT PRIMARY KEY, v INT); INSERT INTO p VALUES (1, 1), (2, 2)").await;
    for (_, _, made) in CHILDREN {
        stack.source.run(made).await;
    }
}

/// However often the parent is refused, whatever becomes of runs in between.
#[tokio::test]
async fn n10_foreign_keys_are_owed_until_a_run_adds_them() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    filled(&stack).await;
    // A parent that does not fit.
    stack.target.run("CREATE TABLE p (id INT PRIMARY KEY, other INT)").await;
    let task = sides.task(&stack, &json!({"on_mismatch": "continue"})).await;
    for run in 1..=3 {
        let job = stack.run(&task).await;
        assert_eq!((job.state.as_str(), job.table("p").state.as_str()), ("failed", "failed"), "{job:#?}");
        for (table, key, _) in CHILDREN {
            assert_eq!(job.table(table).state, "completed", "run {run}: {job:#?}");
            assert!(warns(&job, &[table, key, "not added", "next run"]), "run {run}: {job:#?}");
            assert!(!has_key(&stack, key).await, "run {run}");
        }
    }
    // A row that only the target has keeps the key out, and nothing else.
    stack.target.run("DROP TABLE p; INSERT INTO child VALUES (99, 77)").await;
    for run in 1..=2 {
        let job = stack.run_completed(&task).await;
        assert!(
            warns(&job, &["child", "k_child", "not added", "1 rows", "no parent in p"]),
            "{run}: {job:#?}"
        );
        assert!(!has_key(&stack, "k_child").await && has_key(&stack, "k_bag").await, "{run}: {job:#?}");
    }
    stack.target.run("DELETE FROM child WHERE id = 99").await;
    let job = stack.run_completed(&task).await;
    assert!(has_key(&stack, "k_child").await && !warns(&job, &["k_child"]), "{job:#?}");
}

/// One that was left out on purpose, or was dropped after it was added, is told by each run.
#[tokio::test]
async fn n10_foreign_keys_that_nobody_owes_are_told_and_not_added() {
    let stack = Stack::running().await;
    let sides = Sides::of(&stack).await;
    filled(&stack).await;
    stack
        .target
        .run("CREATE TABLE child (id INT PRIMARY KEY, pid INT); INSERT INTO child VALUES (10, 1)")
        .await;
    let task = sides.task(&stack, &json!({})).await;
    let job = stack.run_completed(&task).await;
    assert!(has_key(&stack, "k_bag").await && !warns(&job, &["k_bag"]), "{job:#?}");
    stack.target.run("ALTER TABLE bag DROP FOREIGN KEY k_bag").await;
    for run in 2..=3 {
        let job = stack.run_completed(&task).await;
        for (table, key, _) in CHILDREN {
            let statement = format!("ALTER TABLE `{table}` ADD CONSTRAINT `{key}`");
            assert!(warns(&job, &[&format!("{key} of {table} (to p)"), &statement]), "run {run}: {job:#?}");
            assert!(!has_key(&stack, key).await, "run {run}: {job:#?}");
        }
    }
}
