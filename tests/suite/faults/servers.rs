//! A customer's server that cuts slow readers, takes a lock away, has no room or takes no writes
//! (F34, F36), and rows that are as large as a worker may bear (F47).

use longshore_shared::failpoint::Failpoint;
use longshore_tests::agree::{agree, tables_agree};
use longshore_tests::fleet::Surroundings;
use longshore_tests::schema::Schema;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use mysql_async::prelude::Queryable as _;
use serde_json::json;

use super::{all_is_well, attempts, in_hand, mid_statement, seed_keyless};

#[tokio::test]
async fn f34_a_source_that_cuts_slow_readers_waits_for_a_slow_target() {
    let impatient =
        Held::start_with("mariadb:1", &["mariadb-1=net-write-timeout=1", "mariadb-1=wait-timeout=1"]);
    let mut stack = Stack::prepared().await;
    stack.move_to(Some(&impatient.mariadb[0]), None).await;
    stack.start_all().await;
    // More than all buffers between the two servers hold.
    seed_keyless(&stack.source, 200_000).await;
    stack.target.run("CREATE TABLE log_lines (at DATETIME, line VARCHAR(200))").await;
    let task = stack.task(&json!({})).await;
    let blocker = stack.target.blocker("LOCK TABLES log_lines READ").await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    let writes = format!(
        "SELECT COUNT(*) FROM information_schema.processlist
         WHERE user = '{}' AND command = 'Query' AND time_ms > 4000",
        stack.source.username
    );
    until("the source waits for its reader", seconds(30), async || {
        (stack.source.value::<i64>(&writes).await > 0).then_some(())
    })
    .await;
    blocker.release().await;
    stack.client.completed(&job, seconds(60)).await;
    // The dumps that compare are slow readers on a busy machine, too.
    stack.source.run("SET GLOBAL net_write_timeout = 60").await;
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await.0, 1, "nothing was cut");
}

#[tokio::test]
async fn f36_a_deadlock_on_the_target_is_tried_again() {
    let stack = Stack::running().await;
    let table = "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40))";
    stack.source.run(&format!("{table}; INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_900")).await;
    stack.target.run(&format!("{table}; INSERT INTO t SELECT seq, 'old' FROM seq_1_to_900")).await;
    stack.target.run("CREATE TABLE heavy (id INT PRIMARY KEY)").await;
    let task = stack.task(&json!({"mode": "selective", "tables": ["t"]})).await;
    // The server ends the transaction that has written less: not this one.
    let mut other = stack.target.session().await;
    other.query_drop(
        "BEGIN; INSERT INTO heavy SELECT seq FROM seq_1_to_50000; SELECT id FROM t WHERE id = 800 FOR UPDATE",
    )
    .await
    .unwrap();
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "diff").await;
    mid_statement(&stack.target).await;
    other.query_drop("UPDATE t SET word = 'mine' WHERE id = 1; COMMIT").await.unwrap();
    stack.client.completed(&job, seconds(60)).await;
    tables_agree(&stack.source, &stack.target, &["t"]).await;
    let (tried, _) = attempts(&stack, &job).await;
    assert_eq!(tried, 2, "the server has ended our transaction once");
    assert!(stack.logs().contains("deadlock"), "the reason is logged");
}

#[tokio::test]
async fn f36_a_target_without_room_fails_by_name_and_is_not_tried_again() {
    let options = [
        "mariadb-1=innodb-file-per-table=0",
        "mariadb-1=innodb-data-file-path=ibdata1:12M:autoextend:max:40M",
    ];
    let small = Held::start_with("mariadb:1", &options);
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&small.mariadb[0])).await;
    stack.start_all().await;
    seed_keyless(&stack.source, 250_000).await;
    stack.source.run("CREATE TABLE fits (id INT PRIMARY KEY); INSERT INTO fits VALUES (1), (2)").await;
    let task = stack.task(&json!({})).await;
    let job = stack.run(&task).await;
    let why = job.why();
    assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "disk_full"), "{job:#?}");
    assert!(why.message.contains("log_lines"), "{}", why.message);
    assert!(why.hint.contains("make room"), "{}", why.hint);
    assert_eq!(attempts(&stack, &job.id).await.0, 1, "no room is no matter of another try");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM log_lines").await, 0, "nothing half done");
    stack.target.remove().await;
}

#[tokio::test]
async fn f36_a_target_that_becomes_read_only_fails_by_name() {
    let own = Held::start("mariadb:1");
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&own.mariadb[0])).await;
    stack
        .surround(Surroundings::default().failpoints([(Failpoint::CopyBeforeCommit, "1*return(rest 3000)")]));
    stack.set(&[("CHUNK_ROWS", "500"), ("WORKER_PERMITS", "1")]);
    stack.start_all().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40))").await;
    stack.source.run("INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_20000").await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    stack.target.run("SET GLOBAL read_only = 1").await;
    let job = stack.client.ended(&job, seconds(60)).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "read_only"), "{job:#?}");
    // The plan says it as well, before anything is done.
    let job = stack.run(&task).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "target_read_only"), "{job:#?}");
    stack.target.run("SET GLOBAL read_only = 0").await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    stack.target.remove().await;
}

/// The largest row.
const FILM: u64 = 40_000_000;
/// What a worker may write to in all.
const MEMORY: u64 = 512 << 20;
/// What it may have in memory: four of the largest row, and what it needs besides.
const PEAK: u64 = (100 << 20) + 4 * FILM;

#[tokio::test]
async fn f47_rows_of_many_megabytes_pass_through_bounded_memory() {
    let options = ["mariadb-1=max-allowed-packet=1G", "mariadb-2=max-allowed-packet=1G"];
    let own = Held::start_with("mariadb:2", &options);
    let mut stack = Stack::prepared().await;
    stack.move_to(Some(&own.mariadb[0]), Some(&own.mariadb[1])).await;
    stack.set(&[("LEASE_SECONDS", "30")]);
    stack.surround(Surroundings::default().memory(MEMORY));
    stack.start_all().await;
    stack.source.run("CREATE TABLE films (id INT PRIMARY KEY, body LONGBLOB)").await;
    stack.source.run("INSERT INTO films SELECT seq, UNHEX(SHA2(seq, 256)) FROM seq_1_to_500").await;
    let task = stack.task(&json!({"delete_extra": true})).await;
    stack.run_completed(&task).await;
    let sums =
        "SELECT CAST(SUM(LENGTH(body)) AS SIGNED), BIT_XOR(CRC32(CONCAT(id, SHA2(body, 256)))) FROM films";
    let sum = async |schema: &Schema| schema.rows::<(i64, u64)>(sums).await;
    // Most of the bytes are such as have to be escaped.
    let film = format!("REPEAT(CONCAT('\\\\\\'', CHAR(id)), {})", FILM / 4);
    for (change, inserted, updated) in [
        (format!("UPDATE films SET body = {film} WHERE id IN (7, 400)"), 0, 2),
        (format!("INSERT INTO films SELECT 1000, {film} FROM films WHERE id = 7"), 1, 0),
        ("UPDATE films SET body = INSERT(body, 30000000, 1, 'x') WHERE id = 400".to_owned(), 0, 1),
        ("DO 0".to_owned(), 0, 0),
    ] {
        stack.source.run(&change).await;
        let job = stack.run_completed(&task).await;
        let counts = job.tables[0].counts;
        assert_eq!((counts.inserted, counts.updated), (inserted, updated), "{change}");
        assert_eq!(attempts(&stack, &job.id).await.0, 1, "{change}: no worker died");
        assert_eq!(sum(&stack.source).await, sum(&stack.target).await, "{change}");
    }
    stack.target.run("DROP TABLE films").await;
    let job = stack.run_completed(&task).await;
    assert_eq!(attempts(&stack, &job.id).await.0, 1, "a copy: no worker died");
    assert_eq!(sum(&stack.source).await, sum(&stack.target).await);
    for worker in &stack.workers {
        let peak = worker.memory("VmHWM");
        assert!(peak < PEAK, "{} had {peak} bytes in memory, more than {PEAK}", worker.name);
    }
    for schema in [&stack.source, &stack.target] {
        schema.remove().await;
    }
}
