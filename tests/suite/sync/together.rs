//! Many small tables, which travel together: what comes of each, whatever comes of the others.

use std::collections::BTreeMap;

use longshore_shared::failpoint::Failpoint;
use longshore_tests::agree::agree;
use longshore_tests::client::{Job, connection_body};
use longshore_tests::fleet::Surroundings;
use longshore_tests::schema::{Schema, quoted};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

/// Enough to travel together, in sixteen steps.
const MANY: usize = 40;
const ROWS: i64 = 10;

/// Names that a statement must not take for anything else, and the longest that there are.
const ODD: [&str; 7] = ["a`b", "it's \"quoted\"", "größe, ; -- %", "select", "a.b", "line\\n", "ü-ö"];

/// Columns of the odd tables: keys of all sorts, and none.
const KEYS: [&str; 7] = [
    "k CHAR(36) COLLATE utf8mb4_unicode_ci PRIMARY KEY",
    "k BINARY(16) PRIMARY KEY",
    "k VARCHAR(40) NOT NULL, UNIQUE KEY k (k)",
    "k VARCHAR(40)",
    "k VARCHAR(40) NOT NULL, n INT NOT NULL DEFAULT 1, PRIMARY KEY (k, n)",
    "k VARCHAR(40) PRIMARY KEY, g INT AS (LENGTH(k)) STORED",
    "k UUID PRIMARY KEY",
];

fn plain(n: usize) -> String {
    format!("t{n:02}")
}

fn longest() -> String {
    "x".repeat(64)
}

async fn seed(schema: &Schema) {
    let mut sql = String::new();
    for n in 0..MANY {
        sql += &format!(
            "CREATE TABLE {0} (id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40), u INT, KEY v (v), UNIQUE KEY u (u));
             INSERT INTO {0} SELECT seq, MD5(seq), seq FROM seq_1_to_{ROWS};",
            plain(n)
        );
    }
    schema.run(&sql).await;
}

async fn seed_odd(schema: &Schema) {
    let names = ODD.iter().map(|name| (*name).to_owned());
    for (name, columns) in names.zip(KEYS).chain([(longest(), "k VARCHAR(40) PRIMARY KEY")]) {
        let name = quoted(&name);
        schema.run(&format!("CREATE TABLE {name} ({columns}, v TEXT, FULLTEXT KEY v (v))")).await;
        let value = if columns.contains("UUID") { "UUID()" } else { "LEFT(MD5(seq), 16)" };
        schema
            .run(&format!("INSERT INTO {name} (k, v) SELECT {value}, REPEAT('x', seq) FROM seq_1_to_{ROWS}"))
            .await;
    }
    schema.run("CREATE TABLE empty_one (id INT PRIMARY KEY); ALTER TABLE t03 AUTO_INCREMENT = 500").await;
}

async fn steps(stack: &Stack, job: &Job, kind: &str) -> i64 {
    let sql = format!("SELECT count(*) FROM steps WHERE job_id = '{}' AND kind = '{kind}'", job.id);
    stack.control.value(&sql).await
}

fn sum(job: &Job, of: fn(&longshore_tests::client::Counts) -> i64) -> i64 {
    job.tables.iter().map(|table| of(&table.counts)).sum()
}

/// Each table's state says what the target holds of it.
async fn is_as_told(stack: &Stack, job: &Job) -> BTreeMap<String, usize> {
    let mut states = BTreeMap::new();
    for table in &job.tables {
        let rows: i64 = stack.target.value(&format!("SELECT COUNT(*) FROM {}", quoted(&table.name))).await;
        let expected = match table.state.as_str() {
            "completed" => rows == ROWS,
            "pending" | "failed" => rows == 0,
            "partial" => rows > 0,
            other => panic!("{other}: {table:#?}"),
        };
        assert!(expected, "{rows} rows: {table:#?}");
        *states.entry(table.state.clone()).or_default() += 1;
    }
    states
}

#[tokio::test]
async fn s13_small_tables_of_all_sorts_arrive_whole() {
    let stack = Stack::running().await;
    seed(&stack.source).await;
    seed_odd(&stack.source).await;
    let task = stack.task(&json!({"delete_extra": true})).await;
    let job = stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    let tables = MANY + ODD.len() + 2;
    assert_eq!(job.tables.len(), tables);
    for table in &job.tables {
        let rows = if table.name == "empty_one" { 0 } else { ROWS };
        let verified = table.verified.as_ref().unwrap_or_else(|| panic!("{table:#?}"));
        assert_eq!((verified.result.as_str(), verified.target_rows), ("equal", rows), "{table:#?}");
        assert_eq!((table.state.as_str(), table.counts.inserted, table.rows_done), ("completed", rows, rows));
        assert_eq!((table.chunks_done, table.chunks_total, table.workers.len()), (1, 1, 1), "{table:#?}");
    }
    assert_eq!((steps(&stack, &job, "together").await, steps(&stack, &job, "verify").await), (13, 0));
    let next = "SELECT AUTO_INCREMENT FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() AND TABLE_NAME = 't03'";
    assert_eq!(stack.target.value::<i64>(next).await, 500);

    // Nothing is left to do, and the number that comes next is raised all the same.
    stack.source.run("ALTER TABLE t03 AUTO_INCREMENT = 700").await;
    let again = stack.run_completed(&task).await;
    assert_eq!(sum(&again, |c| c.unchanged), sum(&job, |c| c.inserted));
    assert_eq!(sum(&again, |c| c.inserted + c.updated + c.deleted), 0);
    assert!(again.tables.iter().all(|table| table.verified.is_some()), "{again:#?}");
    stack.target.run("ANALYZE TABLE t03").await;
    assert_eq!(stack.target.value::<i64>(next).await, 700);
}

/// What is done to both sides between two runs; some of it in each of several steps.
async fn change(stack: &Stack) {
    stack
        .source
        .run(
            "UPDATE t01 SET v = 'new' WHERE id = 1; INSERT INTO t02 VALUES (11, 'more', 11);
             UPDATE t09 SET u = 99 WHERE id = 1; UPDATE t09 SET u = 1 WHERE id = 2; UPDATE t09 SET u = 2 WHERE id = 1",
        )
        .await;
    stack
        .target
        .run(
            "INSERT INTO t01 VALUES (70, 'extra', 70); UPDATE t20 SET v = 'theirs' WHERE id = 3;
             DELETE FROM t21 WHERE id = 4; INSERT INTO t30 VALUES (71, 'extra', 71)",
        )
        .await;
}

#[tokio::test]
async fn s13_changes_in_some_of_them_are_treated_as_each_policy_says() {
    for (options, agrees, expected) in [
        (json!({"policy": "source_first", "delete_extra": true}), true, [2, 4, 2, 0]),
        (json!({"policy": "source_first"}), false, [2, 4, 0, 0]),
        (json!({"policy": "target_first"}), false, [2, 0, 0, 4]),
    ] {
        let stack = Stack::running().await;
        seed(&stack.source).await;
        let task = stack.task(&options).await;
        stack.run_completed(&task).await;
        change(&stack).await;
        let job = stack.run_completed(&task).await;
        let found = [
            sum(&job, |c| c.inserted),
            sum(&job, |c| c.updated),
            sum(&job, |c| c.deleted),
            sum(&job, |c| c.skipped),
        ];
        assert_eq!(found, expected, "{options}");
        assert_eq!(steps(&stack, &job, "together").await, 14, "{options}");
        assert!(job.tables.iter().all(|table| table.state == "completed"), "{options}: {job:#?}");
        if agrees {
            agree(&stack.source, &stack.target).await;
        } else {
            assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM t30").await, ROWS + 1, "{options}");
        }
    }
}

/// A table of the target that takes no row, and one that is another; both in the middle of others.
async fn spoil(stack: &Stack) {
    let columns = "id INT AUTO_INCREMENT PRIMARY KEY, v VARCHAR(40), u INT, KEY v (v), UNIQUE KEY u (u)";
    stack.target.run(&format!("CREATE TABLE t07 ({columns})")).await;
    stack
        .target
        .run("CREATE TRIGGER no BEFORE INSERT ON t07 FOR EACH ROW SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = 'no'")
        .await;
}

#[tokio::test]
async fn s13_one_that_fails_takes_no_other_with_it() {
    let stack = Stack::running().await;
    seed(&stack.source).await;
    spoil(&stack).await;
    stack.target.run("CREATE TABLE t08 (id VARCHAR(9) PRIMARY KEY)").await;
    let task = stack.task(&json!({"on_mismatch": "continue", "target_triggers": "fire"})).await;
    let job = stack.run(&task).await;
    assert_eq!(job.state, "failed", "{job:#?}");
    for table in &job.tables {
        match table.name.as_str() {
            "t07" | "t08" => assert!(table.state == "failed" && table.failure.is_some(), "{table:#?}"),
            _ => assert_eq!((table.state.as_str(), table.counts.inserted), ("completed", ROWS), "{table:#?}"),
        }
    }
    assert_eq!(is_as_told(&stack, &job).await["completed"], MANY - 2);
    let log = stack.client.log(&job.id).await;
    assert!(log.iter().any(|line| line.level == "error" && line.message.contains("t07")), "{log:#?}");

    stack.target.run("DROP TRIGGER no; DROP TABLE t08").await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn s13_one_that_fails_ends_the_job_where_it_is_to() {
    let stack = Stack::running().await;
    seed(&stack.source).await;
    spoil(&stack).await;
    let task = stack.task(&json!({"target_triggers": "fire"})).await;
    let job = stack.run(&task).await;
    assert_eq!(job.state, "failed", "{job:#?}");
    assert!(job.why().message.contains("t07"), "{job:#?}");
    assert_eq!(job.table("t07").state, "failed");
    is_as_told(&stack, &job).await;
    stack.target.run("DROP TRIGGER no").await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

/// Waits until a step of small tables rests where it is told to.
async fn rests(stack: &Stack, job: &str) -> usize {
    let sql = format!(
        "SELECT worker_name FROM steps WHERE job_id = '{job}' AND kind = 'together' AND state = 'running' LIMIT 1"
    );
    let name = until("small tables are in hand", seconds(20), async || {
        stack.control.column::<String>(&sql).await.into_iter().next()
    })
    .await;
    stack.workers.iter().position(|worker| worker.name == name).unwrap()
}

#[tokio::test]
async fn s13_a_worker_that_dies_with_them_leaves_each_row_once() {
    for place in [Failpoint::TogetherBeforeCommit, Failpoint::TogetherAfterCommit] {
        let mut stack = Stack::prepared().await;
        stack.set(&[("LEASE_SECONDS", "2"), ("WORKER_PERMITS", "2")]);
        stack.surround(Surroundings::default().failpoints([(place, "return(rest 400)")]));
        stack.start_all().await;
        seed(&stack.source).await;
        stack
            .source
            .run("CREATE TABLE keyless (v INT); INSERT INTO keyless SELECT seq FROM seq_1_to_10")
            .await;
        let task = stack.task(&json!({})).await;
        let job = stack.client.submit(&task).await;
        let worker = rests(&stack, &job).await;
        stack.workers[worker].kill();
        let job = stack.client.completed(&job, seconds(60)).await;
        agree(&stack.source, &stack.target).await;
        let claims =
            format!("SELECT max(token) FROM steps WHERE job_id = '{}' AND kind = 'together'", job.id);
        assert!(stack.control.value::<i64>(&claims).await > 1, "{place:?}: it was not killed in the middle");
        assert!(job.tables.iter().all(|table| table.counts.inserted == ROWS), "{job:#?}");
    }
}

/// How many tables of the target hold rows.
async fn filled(stack: &Stack) -> usize {
    let one = |table: &String| format!("((SELECT COUNT(*) FROM {}) > 0)", quoted(table));
    let tables: Vec<String> = stack.target.tables().await.iter().map(one).collect();
    stack.target.value(&format!("SELECT {}", tables.join(" + "))).await
}

#[tokio::test]
async fn s13_a_cancel_leaves_each_as_it_is_told() {
    for (place, is_written) in
        [(Failpoint::TogetherBeforeCommit, false), (Failpoint::TogetherAfterCommit, true)]
    {
        let mut stack = Stack::prepared().await;
        stack.set(&[("WORKER_PERMITS", "1")]);
        // The worker does four groups of three tables, then it rests.
        stack.surround(Surroundings::default().failpoints([(place, "4*off->return(wait)")]));
        stack.start_api();
        stack.start_scheduler();
        stack.start_worker();
        stack.ready().await;
        seed(&stack.source).await;
        let task = stack.task(&json!({})).await;
        let job = stack.client.submit(&task).await;
        let done = format!("SELECT count(*) FROM job_tables WHERE job_id = '{job}' AND done");
        until("it rests", seconds(60), async || {
            let done: i64 = stack.control.value(&done).await;
            (done == 12 && (!is_written || filled(&stack).await == 15)).then_some(())
        })
        .await;
        stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
        let job = stack.client.ended(&job, seconds(20)).await;
        assert_eq!(job.state, "cancelled", "{place:?}");
        let states = is_as_told(&stack, &job).await;
        let of = |state: &str| states.get(state).copied().unwrap_or(0);
        let partial = if is_written { 3 } else { 0 };
        assert_eq!([of("completed"), of("partial"), of("pending")], [12, partial, 28 - partial], "{place:?}");
        stack.workers[0].kill();
        stack.workers[0].start_again_in(Surroundings::default());
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
    }
}

#[tokio::test]
async fn s13_one_session_on_either_side_is_enough() {
    let stack = Stack::running().await;
    seed(&stack.source).await;
    for most in [1, 2] {
        let limited = async |schema: &Schema| {
            let mut body: Value = connection_body(schema);
            body["name"] = format!("{} of {most}", schema.name).into();
            body["max_sessions"] = most.into();
            stack.client.post("/v1/connections", &body).await.expect(201).id()
        };
        let (source, target) = (limited(&stack.source).await, limited(&stack.target).await);
        let task = stack.client.task(&source, &target, &json!({"delete_extra": true})).await;
        let job = stack.client.submit(&task).await;
        let job = stack.client.completed(&job, seconds(90)).await;
        agree(&stack.source, &stack.target).await;
        assert_eq!(sum(&job, |c| c.inserted + c.unchanged), ROWS * i64::try_from(MANY).unwrap());
        change(&stack).await;
        let job = stack.client.submit(&task).await;
        stack.client.completed(&job, seconds(90)).await;
        agree(&stack.source, &stack.target).await;
        let tables = stack.target.tables().await.join(", ");
        stack.target.run(&format!("DROP TABLE {tables}")).await;
        stack.source.run(&format!("DROP TABLE {tables}")).await;
        seed(&stack.source).await;
    }
}
