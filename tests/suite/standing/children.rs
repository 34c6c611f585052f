//! Rows of tables that a task leaves out keep their parents: what would take one away is refused
//! before anything is deleted, and what has none is told by every run.

use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::{Schema, quoted};
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::Sides;

const REFUSED: &str = "children_would_be_orphaned";

/// A parent and a child that the task leaves out.
struct Case {
    name: &'static str,
    parent: &'static str,
    /// Of the child, on what the key points to, after `FOREIGN KEY (pid) REFERENCES`.
    rule: &'static str,
    /// What becomes of the source's parent, of rows 1 to 6 as `(id, id * 10)`.
    change: &'static str,
    /// Beside the task's tables.
    options: Value,
    /// How many rows of the child would lose their parents.
    lost: u32,
}

const BY_ID: &str = "(id INT PRIMARY KEY, code INT, UNIQUE KEY code (code))";
/// Without an index over columns that cannot be NULL no row has an address.
const KEYLESS: &str = "(id INT, code INT, UNIQUE KEY code (code))";
const GONE: &str = "DELETE FROM {} WHERE id > 4";

fn cases() -> Vec<Case> {
    let deletes = json!({"delete_extra": true});
    let case =
        |name, rule, lost| Case { name, parent: BY_ID, rule, change: GONE, options: deletes.clone(), lost };
    vec![
        case("plain", "{} (id)", 2),
        case("cascades", "{} (id) ON DELETE CASCADE", 2),
        case("nulls", "{} (id) ON DELETE SET NULL ON UPDATE CASCADE", 2),
        case("stands", "{} (id) ON DELETE NO ACTION", 2),
        case("coded", "{} (code)", 2),
        Case { change: "DELETE FROM {} WHERE id = 6", ..case("one", "{} (id)", 1) },
        // The value is brought by another row.
        Case { change: "UPDATE {} SET id = 9 WHERE id = 6", ..case("moved", "{} (code)", 0) },
        Case {
            change: "UPDATE {} SET code = 1000 + code WHERE id > 4",
            options: json!({}),
            ..case("told_anew", "{} (code)", 2)
        },
        Case {
            change: "UPDATE {} SET code = 65 - code WHERE id IN (1, 5)",
            options: json!({}),
            ..case("rotated", "{} (code)", 2)
        },
        Case { options: json!({}), ..case("kept", "{} (id)", 0) },
        Case {
            options: json!({"delete_extra": true, "where": {"{}": "id < 6"}}),
            ..case("some", "{} (id)", 1)
        },
        Case { parent: KEYLESS, options: json!({"keyless": "replace"}), ..case("bag", "{} (code)", 2) },
        Case {
            options: json!({"delete_extra": true, "policy": "target_first"}),
            ..case("theirs", "{} (id)", 2)
        },
    ]
}

/// Makes the case's two tables on both sides, and takes rows of the source's parent away. Each row of the child
/// points to one of the parent's.
async fn make(stack: &Stack, case: &Case) {
    let Case { name, parent, rule, change, .. } = case;
    let pointed = if rule.contains("(code)") { 10 } else { 1 };
    for schema in [&stack.source, &stack.target] {
        schema.run(&format!("CREATE TABLE {name} {parent} ENGINE=InnoDB")).await;
        let rows: Vec<_> = (1..=6).map(|id| format!("({id}, {})", id * 10)).collect();
        schema.run(&format!("INSERT INTO {name} VALUES {}", rows.join(", "))).await;
    }
    let child = format!(
        "CREATE TABLE of_{name} (id INT PRIMARY KEY, pid INT, CONSTRAINT k_{name} FOREIGN KEY (pid) REFERENCES {})",
        rule.replace("{}", name)
    );
    stack.target.run(&child).await;
    let rows: Vec<_> = (1..=6).map(|id| format!("({id}, {})", id * pointed)).collect();
    stack.target.run(&format!("INSERT INTO of_{name} VALUES {}, (7, NULL)", rows.join(", "))).await;
    stack.source.run(&change.replace("{}", name)).await;
}

fn options(case: &Case) -> Value {
    let told = case.options.to_string().replace("\"{}\"", &format!("\"{}\"", case.name));
    let mut options: Value = serde_json::from_str(&told).unwrap();
    options["mode"] = json!("selective");
    options["tables"] = json!([case.name]);
    options["max_delete_percent"] = json!(100);
    options
}

async fn content(schema: &Schema, table: &str) -> Vec<(i64, Option<i64>)> {
    schema.rows(&format!("SELECT * FROM {table} ORDER BY 1, 2")).await
}

async fn check(stack: &Stack, sides: &Sides, case: &Case) {
    make(stack, case).await;
    let Case { name, lost, .. } = case;
    let before = content(&stack.target, name).await;
    let task = sides.task(stack, &options(case)).await;
    // A refusal is no accident: the next run says the same.
    for run in [1, 2] {
        let job = stack.run(&task).await;
        let what = format!("{name}, run {run} on {}: {job:#?}", stack.target.server.kind());
        if *lost == 0 {
            assert_eq!(job.state, "completed", "{what}");
            assert_eq!(job.warnings.iter().filter(|told| told.contains("no parent")).count(), 0, "{what}");
            continue;
        }
        assert_eq!(job.state, "failed", "{what}");
        let failure = job.why();
        assert_eq!((failure.class.as_str(), failure.code.as_str()), ("data_error", REFUSED), "{what}");
        for word in [format!("{lost} rows of table of_{name}"), format!("foreign key k_{name}")] {
            assert!(failure.message.contains(&word), "{word}: {what}");
        }
        assert!(failure.hint.contains("add the table to the task"), "{what}");
        assert_eq!(content(&stack.target, name).await, before, "{what}");
    }
    assert_eq!(content(&stack.target, &format!("of_{name}")).await.len(), 7, "{name}");
}

/// On the run's servers, and into one of another kind.
async fn moved(kind: &str) -> Option<Stack> {
    let target = Kind::shared(kind, 1)?;
    let mut stack = Stack::running().await;
    stack.move_to(None, Some(&target)).await;
    stack.keep(target.into_held());
    Some(stack)
}

/// Adds the table to the task, or removes its rows: both remedies serve.
async fn remedies_serve(stack: &Stack, sides: &Sides) {
    let tables = json!({"mode": "selective", "tables": ["plain"], "delete_extra": true});
    let task = sides.task(stack, &tables).await;
    stack.target.run("DELETE FROM of_plain WHERE pid > 4").await;
    stack.run_completed(&task).await;
    stack.source.run("CREATE TABLE of_one LIKE one").await;
    stack.source.run("DROP TABLE of_one; CREATE TABLE of_one (id INT PRIMARY KEY, pid INT, CONSTRAINT k_one FOREIGN KEY (pid) REFERENCES one (id)); INSERT INTO of_one VALUES (1, 1)").await;
    let both = json!({"mode": "selective", "tables": ["one", "of_one"], "delete_extra": true, "max_delete_percent": 100});
    let task = sides.task(stack, &both).await;
    stack.run_completed(&task).await;
    assert_eq!(content(&stack.target, "of_one").await, [(1, Some(1))]);
    assert_eq!(content(&stack.target, "one").await.len(), 5);
}

/// What the task leaves out and had no parent before is no fault of the run, and told by each.
async fn orphans_are_told(stack: &Stack, sides: &Sides) {
    stack
        .target
        .run("SET foreign_key_checks = 0; INSERT INTO of_kept VALUES (8, 77); SET foreign_key_checks = 1")
        .await;
    for options in [json!({}), json!({"delete_extra": true, "max_delete_percent": 100})] {
        let mut options = options;
        options["mode"] = json!("selective");
        options["tables"] = json!(["kept"]);
        stack.source.run("REPLACE INTO kept VALUES (5, 50), (6, 60)").await;
        let task = sides.task(stack, &options).await;
        for _ in [1, 2] {
            let job = stack.run_completed(&task).await;
            let told = |told: &String| {
                told.contains("table of_kept, which the task leaves out: 1 rows have no parent in kept")
            };
            assert!(job.warnings.iter().any(told), "{job:#?}");
        }
    }
}

fn mentions(job: &Job, words: &[&str]) -> bool {
    job.warnings.iter().any(|told| words.iter().all(|word| told.contains(word)))
}

/// A child in another database: seen and counted, known of, or not even that.
async fn other_databases(stack: &Stack, sides: &Sides) {
    let other = Schema::make(&stack.target.server, "other").await;
    let account = format!("'{}'@'127.0.0.1'", stack.target.username);
    let (here, there) = (quoted(&stack.target.name), quoted(&other.name));
    for schema in [&stack.source, &stack.target] {
        schema.run("CREATE TABLE far (id INT PRIMARY KEY); INSERT INTO far VALUES (1), (2), (3)").await;
    }
    other
        .run(&format!(
            "CREATE TABLE kid (id INT PRIMARY KEY, pid INT, CONSTRAINT k_far FOREIGN KEY (pid) REFERENCES {here}.far (id)); \
             INSERT INTO kid VALUES (1, 3), (2, 3)"
        ))
        .await;
    stack.source.run("DELETE FROM far WHERE id = 3").await;
    let options =
        json!({"mode": "selective", "tables": ["far"], "delete_extra": true, "max_delete_percent": 100});
    let task = sides.task(stack, &options).await;
    stack.target.run(&format!("GRANT SELECT ON {there}.* TO {account}")).await;
    let job = stack.run(&task).await;
    assert_eq!(job.why().code, REFUSED, "{job:#?}");
    assert!(job.why().message.contains(&format!("2 rows of table {}.kid", other.name)), "{job:#?}");
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM far").await, 3);

    // Known of by PROCESS; and by a right that does not read.
    stack.target.run(&format!("REVOKE SELECT ON {there}.* FROM {account}")).await;
    let kid = format!("{}.kid", other.name);
    stack.target.run(&format!("GRANT INSERT ON {there}.* TO {account}")).await;
    stack.source.run("INSERT INTO far VALUES (3)").await;
    let job = stack.run_completed(&task).await;
    assert!(mentions(&job, &[&kid, "may not read it"]), "{job:#?}");
    pointed_columns(stack, sides, &other, &here).await;
    stack.target.run(&format!("REVOKE INSERT ON {there}.* FROM {account}")).await;
    let job = stack.run_completed(&task).await;
    assert!(mentions(&job, &[&kid, "may not read it"]), "{job:#?}");
    stack.target.run(&format!("REVOKE PROCESS ON *.* FROM {account}")).await;
    let job = stack.run_completed(&task).await;
    assert!(mentions(&job, &["does not see every table of its server", "PROCESS"]), "{job:#?}");
    other.remove().await;
}

/// An update takes the parents away of those that point to a column that is no key; of a child that
/// nobody may read it is known which columns it points to.
async fn pointed_columns(stack: &Stack, sides: &Sides, other: &Schema, here: &str) {
    let coded = "CREATE TABLE coded_far (id INT PRIMARY KEY, code INT, UNIQUE KEY code (code)); \
                 INSERT INTO coded_far VALUES (1, 10), (2, 20)";
    for schema in [&stack.source, &stack.target] {
        schema.run(coded).await;
    }
    other
        .run(&format!(
            "CREATE TABLE by_code (id INT PRIMARY KEY, code INT, CONSTRAINT k_by_code FOREIGN KEY (code) \
             REFERENCES {here}.coded_far (code)); \
             CREATE TABLE by_id (id INT PRIMARY KEY, fid INT, CONSTRAINT k_by_id FOREIGN KEY (fid) \
             REFERENCES {here}.coded_far (id)); INSERT INTO by_code VALUES (1, 20)"
        ))
        .await;
    stack.source.run("UPDATE coded_far SET code = 21 WHERE id = 2").await;
    let task = sides.task(stack, &json!({"mode": "selective", "tables": ["coded_far"]})).await;
    let job = stack.run_completed(&task).await;
    let child = |name: &str| format!("{}.{name}", other.name);
    assert!(mentions(&job, &[&child("by_code"), "may not read it"]), "{job:#?}");
    assert!(!mentions(&job, &[&child("by_id")]), "{job:#?}");
}

async fn hold(kind: &str) {
    let Some(stack) = moved(kind).await else { return };
    let sides = Sides::of(&stack).await;
    for case in cases() {
        check(&stack, &sides, &case).await;
    }
    remedies_serve(&stack, &sides).await;
    orphans_are_told(&stack, &sides).await;
    other_databases(&stack, &sides).await;
}

#[tokio::test]
async fn n02_children_outside_the_task_keep_their_parents() {
    hold("mariadb").await;
}

#[tokio::test]
async fn n02_children_outside_the_task_keep_their_parents_on_mysql_5_7() {
    hold("mysql57").await;
}

#[tokio::test]
async fn n02_children_outside_the_task_keep_their_parents_on_mysql_9() {
    hold("mysql9").await;
}

#[tokio::test]
async fn n02_children_outside_the_task_keep_their_parents_on_mariadb_11() {
    hold("mariadb11").await;
}
