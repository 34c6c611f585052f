//! Tables that show rows of elsewhere: made or left out, said, and never written.

use longshore_tests::client::Job;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::between::Between;
use super::leaves::grant;

const MEMBERS: &str =
    "CREATE TABLE m1 (id INT PRIMARY KEY, v INT, KEY (v)) ENGINE=MyISAM; CREATE TABLE m2 LIKE m1;
    INSERT INTO m1 VALUES (1, 1), (2, 2), (3, 3); INSERT INTO m2 VALUES (4, 4), (5, 5);
    CREATE TABLE mm (id INT PRIMARY KEY, v INT, KEY (v)) ENGINE=MERGE UNION=(m1, m2) INSERT_METHOD=LAST";

fn said(job: &Job, what: &str, table: &str) {
    let found = job.warnings.iter().any(|warning| warning.contains(what) && warning.contains(table));
    assert!(found, "{what}: {table}: {job:#?}");
}

async fn counts(schema: &Schema) -> (i64, i64, i64) {
    let sql = "SELECT (SELECT COUNT(*) FROM m1), (SELECT COUNT(*) FROM m2), (SELECT COUNT(*) FROM mm)";
    schema.rows(sql).await[0]
}

/// A union comes along without rows of its own, twice, and after changes through it.
async fn comes_along(stack: &Stack, between: &Between) {
    let task = between.task(stack, &json!({"delete_extra": true})).await;
    for (change, said_of_it, expected) in [
        ("DO 0", "are made, and never loaded", (3, 2, 5)),
        ("DO 0", "on the target already", (3, 2, 5)),
        (
            "INSERT INTO mm VALUES (6, 6), (7, 7); DELETE FROM mm WHERE id = 1",
            "on the target already",
            (2, 4, 6),
        ),
    ] {
        stack.source.run(change).await;
        let job = stack.run(&task).await;
        assert_eq!(job.state, "completed", "{job:#?}");
        said(&job, said_of_it, "mm");
        assert!(job.tables.iter().all(|table| table.name != "mm"), "{job:#?}");
        assert_eq!(counts(&stack.target).await, expected, "{change}");
        assert_eq!(counts(&stack.source).await, expected, "{change}");
    }
}

#[tokio::test]
async fn n03_tables_that_show_rows_of_elsewhere_are_never_written() {
    // Servers outlive the stack, which removes its schemas.
    let own = Kind::shared("mysql57", 0).zip(Kind::shared("mysql9", 0));
    let mut stack = Stack::running().await;
    for schema in [&stack.source, &stack.target] {
        for plugin in ["BLACKHOLE SONAME 'ha_blackhole'", "FEDERATED SONAME 'ha_federatedx'"] {
            schema.run(&format!("INSTALL PLUGIN IF NOT EXISTS {plugin}")).await;
        }
    }
    stack.source.run(MEMBERS).await;
    let server = &stack.source.server;
    let far = format!(
        "mysql://{}:{}@127.0.0.1:{}/{}/m1",
        server.admin_username, server.admin_password, server.port, stack.source.name
    );
    stack
        .source
        .run(&format!(
            "CREATE TABLE hole (id INT PRIMARY KEY) ENGINE=BLACKHOLE;
             CREATE TABLE far (id INT PRIMARY KEY, v INT) ENGINE=FEDERATED CONNECTION='{far}';
             CREATE TABLE kept (id INT NOT NULL) ENGINE=CSV"
        ))
        .await;
    let between = Between::of(&stack).await;
    comes_along(&stack, &between).await;
    let job = between.sync(&stack, &json!({})).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    said(&job, "kept elsewhere", "far (FEDERATED)");
    said(&job, "kept elsewhere", "hole (BLACKHOLE)");
    assert!(!format!("{job:?}{}", stack.logs()).contains(&server.admin_password), "no password is told");
    let mut tables = stack.target.tables().await;
    tables.sort();
    assert_eq!(tables, ["kept", "m1", "m2", "mm"]);
    let some = |tables: &[&str]| json!({"mode": "selective", "tables": tables});
    let job = between.sync(&stack, &some(&["far", "m1"])).await;
    assert_eq!(
        (job.why().code.as_str(), job.why().message.contains("far")),
        ("rows_elsewhere", true),
        "{job:#?}"
    );
    // A target's table that swallows rows is in the way.
    stack.source.run("CREATE TABLE gone (id INT PRIMARY KEY); INSERT INTO gone VALUES (1)").await;
    stack.target.run("CREATE TABLE gone (id INT PRIMARY KEY) ENGINE=BLACKHOLE").await;
    let job = between.sync(&stack, &some(&["gone"])).await;
    assert_eq!(job.why().code, "name_taken", "{job:#?}");
    assert!(job.why().message.contains("gone") && job.why().message.contains("BLACKHOLE"), "{job:#?}");
    // Without all of its tables a union is left out; one that cannot be opened is named.
    stack.target.run("DROP TABLE mm, m2, gone").await;
    let job = between.sync(&stack, &some(&["m1", "mm"])).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    said(&job, "lacks some of their tables", "mm");
    stack.source.run("DROP TABLE m2").await;
    let job = between.sync(&stack, &json!({})).await;
    assert_eq!(
        (job.why().code.as_str(), job.why().message.contains("mm")),
        ("table_unreadable", true),
        "{job:#?}"
    );

    // An account that may not write m1 may not unite it either: the others arrive.
    stack.source.run("CREATE TABLE m2 LIKE m1").await;
    stack.target.run("DROP TABLE m1, kept").await;
    grant(&stack.target, "SELECT, INSERT, CREATE, ALTER").await;
    let task = between.task(&stack, &some(&["m1", "m2", "mm"])).await;
    let job = stack.run_completed(&task).await;
    said(&job, "is left out", "table mm");
    assert_eq!(stack.target.tables().await, ["m1", "m2"]);

    if let Some((older, newer)) = &own {
        stack.move_to(Some(older), Some(newer)).await;
        stack.source.run(MEMBERS).await;
        comes_along(&stack, &Between::of(&stack).await).await;
    }
}
