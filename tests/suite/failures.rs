//! What goes wrong before a row moves: the job is `failed` soon, says why in words a person
//! can act on, and is not tried again.

use std::time::{Duration, Instant};

use longshore_tests::client::{Failure, Job, connection_body};
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

const SOON: Duration = seconds(15);
const TABLE: &str =
    "CREATE TABLE goods (id INT PRIMARY KEY, name VARCHAR(20), price DECIMAL(8,2), UNIQUE KEY name (name))";

/// What a failure must say: its class, its code, and words of its message.
type Says<'a> = (&'a str, &'a str, &'a [&'a str]);

/// The body of a connection to `schema` with some fields changed, under a fresh name.
fn changed(schema: &Schema, changes: &Value) -> Value {
    let mut body = connection_body(schema);
    body["name"] = json!(place::fresh_name());
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// Runs a sync between two connections and checks that it fails as it should.
async fn check(stack: &Stack, source: &Value, target: &Value, options: &Value, says: Says<'_>) -> Job {
    let source_id = stack.client.post("/v1/connections", source).await.expect(201).id();
    let target_id = stack.client.post("/v1/connections", target).await.expect(201).id();
    let task = stack.client.task(&source_id, &target_id, options).await;
    let start = Instant::now();
    let job = stack.run(&task).await;
    let what = format!("{says:?}, {options}: {job:#?}");
    assert!(start.elapsed() < SOON, "it took {:?}: {what}", start.elapsed());
    assert_eq!(job.state, "failed", "{what}");
    check_words(job.why(), says);
    not_tried_again(stack, &job).await;
    job
}

fn check_words(failure: &Failure, (class, code, words): Says<'_>) {
    assert_eq!((failure.class.as_str(), failure.code.as_str()), (class, code), "{failure:#?}");
    for word in words {
        assert!(failure.message.contains(word), "{word}: {failure:#?}");
    }
    assert!(!failure.hint.is_empty(), "{failure:#?}");
}

async fn not_tried_again(stack: &Stack, job: &Job) {
    let sql = format!("SELECT max(attempt) FROM steps WHERE job_id = '{}'", job.id);
    assert_eq!(stack.control.value::<i32>(&sql).await, 1, "one attempt is enough: {job:#?}");
}

#[tokio::test]
async fn what_cannot_be_reached_or_entered() {
    let stack = Stack::running().await;
    stack.source.run(TABLE).await;
    let good = |schema| changed(schema, &json!({}));
    let admin =
        |schema: &Schema| (schema.server.admin_username.clone(), schema.server.admin_password.clone());
    let (user, password) = admin(&stack.source);
    let nowhere = json!({"database": "no_such_db", "username": user, "password": password});
    let refused = "connection_failure";
    let cases: [(Value, Value, Says<'_>); 5] = [
        (
            changed(&stack.source, &json!({"password": "wrong"})),
            good(&stack.target),
            (refused, "login_refused", &["u_source"]),
        ),
        (
            good(&stack.source),
            changed(&stack.target, &json!({"password": ""})),
            (refused, "login_refused", &["u_target"]),
        ),
        (
            changed(&stack.source, &json!({"username": "nobody"})),
            good(&stack.target),
            (refused, "login_refused", &["nobody"]),
        ),
        (
            changed(&stack.source, &nowhere),
            good(&stack.target),
            (refused, "unknown_database", &["no_such_db"]),
        ),
        (
            changed(&stack.source, &json!({"host": "no-such-host.invalid"})),
            good(&stack.target),
            (refused, "host_not_found", &["no-such-host.invalid"]),
        ),
    ];
    for (source, target, says) in &cases {
        check(&stack, source, target, &json!({}), *says).await;
    }
    // Without a right on the database MariaDB does not tell whether it exists.
    let foreign = changed(&stack.source, &json!({"database": "mysql"}));
    check(
        &stack,
        &foreign,
        &good(&stack.target),
        &json!({}),
        ("permission_error", "privilege_missing", &["mysql"]),
    )
    .await;
}

#[tokio::test]
async fn a_closed_port_is_tried_again_and_says_so_meanwhile() {
    let stack = Stack::running().await;
    let closed = changed(&stack.source, &json!({"port": place::free_port()}));
    let source = stack.client.post("/v1/connections", &closed).await.expect(201).id();
    let target = stack.client.connection(&stack.target).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let job = stack.client.submit(&task).await;
    until("the log says what is wrong", SOON, async || {
        let log = stack.client.log(&job).await;
        log.iter()
            .any(|line| line.message.contains("connection_refused") && line.level == "warn")
            .then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, SOON).await;
    assert_eq!(ended.state, "cancelled");
}

#[tokio::test]
async fn the_workers_own_machine_is_out_of_bounds_unless_allowed() {
    let stack = Stack::running_with(&[("LOOPBACK_ALLOWED", "false")]).await;
    // What is spelt as an address is refused when it is saved; a name is looked up by a worker.
    let named = json!({"host": "localhost"});
    let (source, target) = (changed(&stack.source, &named), changed(&stack.target, &named));
    let says: Says<'_> = ("connection_failure", "address_not_allowed", &["localhost"]);
    check(&stack, &source, &target, &json!({}), says).await;
}

#[tokio::test]
async fn structures_that_differ() {
    let stack = Stack::running().await;
    let (source, target) = (&stack.source, &stack.target);
    stack.source.run(TABLE).await;
    stack.source.run("INSERT INTO goods VALUES (1, 'a', 1)").await;
    let says = |words| ("schema_mismatch", "structure_differs", words);
    let cases: [(&str, &[&str]); 7] = [
        ("ALTER TABLE goods MODIFY price DOUBLE", &["goods", "price"]),
        ("ALTER TABLE goods MODIFY name VARCHAR(10)", &["goods", "name"]),
        ("ALTER TABLE goods DROP COLUMN price", &["goods", "price"]),
        ("ALTER TABLE goods ADD COLUMN more INT NOT NULL", &["goods", "more"]),
        ("ALTER TABLE goods DROP PRIMARY KEY, ADD PRIMARY KEY (id, name)", &["goods"]),
        ("ALTER TABLE goods MODIFY name VARCHAR(20) COLLATE utf8mb4_bin", &["goods", "name"]),
        ("ALTER TABLE goods MODIFY id BIGINT", &["goods", "id"]),
    ];
    for (change, words) in cases {
        target.run("DROP TABLE IF EXISTS goods").await;
        target.run(TABLE).await;
        // An empty table could be made anew; one with rows is the person's.
        target.run("INSERT INTO goods VALUES (9, 'mine', 1)").await;
        target.run(change).await;
        let before: i64 = target.value("SELECT COUNT(*) FROM goods WHERE id = 9").await;
        let (from, to) = (changed(source, &json!({})), changed(target, &json!({})));
        check(&stack, &from, &to, &json!({}), says(words)).await;
        let rows: i64 = target.value("SELECT COUNT(*) FROM goods").await;
        assert_eq!((before, rows), (1, 1), "nothing was written: {change}");
    }
}

#[tokio::test]
async fn what_the_plan_refuses() {
    let stack = Stack::running().await;
    let (source, target) = (&stack.source, &stack.target);
    stack.source.run(TABLE).await;
    stack.source.run("INSERT INTO goods VALUES (1, 'a', 1)").await;
    stack.target.run(TABLE).await;
    stack.target.run("CREATE TRIGGER shout BEFORE INSERT ON goods FOR EACH ROW SET NEW.name = 'X'").await;
    let fresh = |schema| changed(schema, &json!({}));

    let says: Says<'_> = ("schema_mismatch", "target_has_triggers", &["goods", "shout"]);
    check(&stack, &fresh(source), &fresh(target), &json!({}), says).await;
    assert_eq!(target.value::<i64>("SELECT COUNT(*) FROM goods").await, 0);
    stack.target.run("DROP TRIGGER shout").await;

    let other_name = changed(source, &json!({"host": "localhost"}));
    let says: Says<'_> = ("schema_mismatch", "same_database", &[]);
    check(&stack, &fresh(source), &other_name, &json!({}), says).await;

    let slip = json!({"mode": "selective", "tables": ["godds"]});
    let says: Says<'_> = ("schema_mismatch", "unknown_table", &["godds"]);
    check(&stack, &fresh(source), &fresh(target), &slip, says).await;

    stack.source.run("DROP TABLE goods").await;
    let says: Says<'_> = ("schema_mismatch", "no_tables", &[]);
    check(&stack, &fresh(source), &fresh(target), &json!({}), says).await;
}

#[tokio::test]
async fn one_unfit_table_stops_the_others_only_if_it_shall() {
    let stack = Stack::running().await;
    for (table, rows) in [("a", 5), ("b", 6), ("c", 7)] {
        let sql = format!("CREATE TABLE {table} (id INT PRIMARY KEY) AS SELECT seq id FROM seq_1_to_{rows}");
        stack.source.run(&sql).await;
    }
    stack.target.run("CREATE TABLE b (id VARCHAR(5) PRIMARY KEY)").await;
    stack.target.run("INSERT INTO b VALUES ('x')").await;
    let (from, to) = (changed(&stack.source, &json!({})), changed(&stack.target, &json!({})));
    let says: Says<'_> = ("schema_mismatch", "structure_differs", &["b"]);
    check(&stack, &from, &to, &json!({"on_mismatch": "fail"}), says).await;
    assert_eq!(stack.target.tables().await, ["b"], "no table is made before all are checked");

    let (from, to) = (changed(&stack.source, &json!({})), changed(&stack.target, &json!({})));
    let job = check(&stack, &from, &to, &json!({"on_mismatch": "continue"}), says).await;
    longshore_tests::agree::tables_agree(&stack.source, &stack.target, &["a", "c"]).await;
    for (table, state) in [("a", "completed"), ("b", "failed"), ("c", "completed")] {
        assert_eq!(job.table(table).state, state, "{job:#?}");
    }
    assert_eq!(job.table("b").mode, "refused");
    check_words(job.table("b").failure.as_ref().unwrap(), says);
}
