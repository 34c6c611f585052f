//! A sync moves tables; whatever else a database has is named, by each run.

use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use serde_json::json;

const OBJECTS: &str =
    "CREATE TABLE a (id INT PRIMARY KEY, v INT); CREATE TABLE b (id INT PRIMARY KEY, v INT);
    INSERT INTO a VALUES (1, 1); INSERT INTO b VALUES (1, 1);
    CREATE VIEW seen AS SELECT 1 AS one; CREATE VIEW a_view AS SELECT 1 AS one;
    CREATE TRIGGER before_a BEFORE INSERT ON a FOR EACH ROW SET NEW.v = NEW.v;
    CREATE TRIGGER before_b BEFORE UPDATE ON b FOR EACH ROW SET NEW.v = NEW.v;
    CREATE FUNCTION one() RETURNS INT DETERMINISTIC NO SQL RETURN 1;
    CREATE PROCEDURE do_one() SELECT 1; CREATE PROCEDURE do_two() SELECT 2;
    CREATE EVENT nightly ON SCHEDULE EVERY 1 DAY DO SELECT 1";
const PACKAGE: &str = "CREATE PACKAGE tools FUNCTION f() RETURNS INT; END;
    CREATE PACKAGE BODY tools FUNCTION f() RETURNS INT RETURN 1; END";
const HEAD: &str = "a sync moves tables and their rows; the source keeps for itself: ";

#[tokio::test]
async fn n18_each_run_names_what_it_leaves_behind() {
    let mut stack = Stack::running().await;
    for kind in ["mariadb", "mariadb11", "mysql57", "mysql9"] {
        let Some(source) = Kind::shared(kind, 0) else { continue };
        stack.move_to(Some(&source), Some(&longshore_tests::servers::Servers::of_the_run().mariadb[1])).await;
        named(&stack, kind).await;
        stack.source.remove().await;
    }
    stack.target.remove().await;
}

async fn named(stack: &Stack, kind: &str) {
    stack.source.run(OBJECTS).await;
    // In these words since 11.4.
    let packages = kind == "mariadb11";
    if packages {
        stack.source.run(PACKAGE).await;
    }
    let sides = (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let task = async |options| stack.client.task(&sides.0, &sides.1, &options).await;
    let full = task(json!({})).await;
    let some = task(json!({"mode": "selective", "tables": ["a*"]})).await;
    let all = format!(
        "1 event (nightly); 1 function (one); {}2 procedures (do_one, do_two); 2 triggers (before_a on a, before_b \
         on b); 2 views (a_view, seen)",
        if packages { "1 package (tools); " } else { "" }
    );
    // Nobody can tell which tables routines and events concern.
    let (called, _) = all.split_once("2 triggers").unwrap_or_default();
    for _ in 0..2 {
        told(stack, &full, &[&all]).await;
        told(stack, &some, &[&format!("{called}1 trigger (before_a on a); 1 view (a_view)")]).await;
    }
    let name = "triggers, routines and events, if there are any: the account of connection ";
    for (rights, expected) in [
        ("SELECT", &["2 views (a_view, seen)", name][..]),
        ("SELECT, EXECUTE, TRIGGER", &["1 function (one)", "2 triggers", "events, if there are any"]),
        ("SELECT, EVENT", &["1 event (nightly)", "triggers and routines, if there are any"]),
    ] {
        grant(&stack.source, rights).await;
        told(stack, &full, expected).await;
    }
    told(stack, &some, &["1 event (nightly)", "triggers and routines, if there are any"]).await;
    grant(&stack.source, "ALL").await;
    stack.source.run("DROP VIEW seen, a_view; DROP TRIGGER before_a").await;
    told(stack, &some, &[called.trim_end_matches("; ")]).await;
    stack
        .source
        .run("DROP EVENT nightly; DROP FUNCTION one; DROP PROCEDURE do_one; DROP PROCEDURE do_two")
        .await;
    if packages {
        stack.source.run("DROP PACKAGE tools").await;
    }
    told(stack, &some, &[]).await;
}

/// One line has all of this, or there is none.
async fn told(stack: &Stack, task: &str, expected: &[&str]) {
    let job = stack.run_completed(task).await;
    let lines: Vec<_> = job.warnings.iter().filter_map(|line| line.strip_prefix(HEAD)).collect();
    assert_eq!(lines.len(), usize::from(!expected.is_empty()), "{job:#?}");
    assert!(expected.iter().all(|part| lines[0].contains(part)), "{expected:?}: {lines:?}");
}

/// The schema's account has these rights to it and no other.
pub(super) async fn grant(schema: &Schema, rights: &str) {
    let account = format!("'{}'@'127.0.0.1'", schema.username);
    let name = schema.name.replace('_', "\\_");
    schema.run(&format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}")).await;
    schema.run(&format!("GRANT {rights} ON `{name}`.* TO {account}")).await;
}
