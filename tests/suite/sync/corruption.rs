//! Bugs by which tools of this kind have lost rows or made up some, by their numbers in the project's
//! list of faults; those that other files hold are named in `tests/README.md`.

use longshore_tests::agree::{agree, tables_agree};
use longshore_tests::schema::Schema;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::json;

#[tokio::test]
async fn d03_a_sparse_composite_key_has_an_end() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "50")]).await;
    stack
        .source
        .run("CREATE TABLE sparse (a BIGINT UNSIGNED, b VARBINARY(16), c BIGINT, v INT, PRIMARY KEY (a, b, c))")
        .await;
    stack
        .source
        .run(
            "INSERT INTO sparse SELECT seq * 36893488147419103, UNHEX(MD5(seq)), -seq * 18446744073709551, seq
             FROM seq_1_to_499; INSERT INTO sparse VALUES (0, '', -9223372036854775808, 0),
             (18446744073709551615, X'FFFFFFFFFFFFFFFFFFFFFFFFFFFFFFFF', 9223372036854775807, 0)",
        )
        .await;
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    assert!((8..=14).contains(&job.tables[0].chunks_total), "{job:#?}");
}

#[tokio::test]
async fn d06_many_tables_are_made_by_many_at_once_and_each_is_there() {
    const TABLES: u32 = 300;
    let stack = Stack::running_with(&[("WORKER_PERMITS", "8")]).await;
    let make = |n: u32| {
        format!(
            "CREATE TABLE t{n} (id INT PRIMARY KEY, v VARCHAR(40), KEY v (v));
             INSERT INTO t{n} SELECT seq, MD5(seq * {n}) FROM seq_1_to_5"
        )
    };
    stack.source.run(&(0..TABLES).map(make).collect::<Vec<_>>().join(";")).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    stack.client.completed(&job, seconds(120)).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn d10_names_that_a_target_takes_for_one_are_refused() {
    let folding = Held::start_with("mariadb:1", &["mariadb-1=lower-case-table-names=1"]);
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&folding.mariadb[0])).await;
    stack.start_all().await;
    for name in ["Orders", "orders", "Items"] {
        stack.source.run(&format!("CREATE TABLE {name} (id INT PRIMARY KEY)")).await;
        stack.source.run(&format!("INSERT INTO {name} VALUES ({})", name.len())).await;
    }
    let task = stack.task(&json!({})).await;
    let job = stack.run(&task).await;
    let why = job.why();
    assert_eq!((job.state.as_str(), why.code.as_str()), ("failed", "name_collision"), "{job:#?}");
    assert!(why.message.contains("Orders") && why.message.contains("orders"), "{}", why.message);
    assert!(stack.target.tables().await.is_empty(), "nothing was done");
    stack.target.remove().await;
}

#[tokio::test]
async fn d28_what_an_account_does_not_see_is_not_left_out_without_a_word() {
    let stack = Stack::running().await;
    for name in ["seen", "hidden"] {
        stack
            .source
            .run(&format!("CREATE TABLE {name} (id INT PRIMARY KEY); INSERT INTO {name} VALUES (1)"))
            .await;
    }
    stack.target.run("CREATE TABLE seen (id INT PRIMARY KEY)").await;
    let all = stack.task(&json!({})).await;
    let (source, target) = (&stack.source, &stack.target);
    let user = |schema: &Schema| format!("'{}'@'127.0.0.1'", schema.username);
    let revoke = |schema: &Schema| format!("REVOKE ALL, GRANT OPTION FROM {}", user(schema));
    source.run(&revoke(source)).await;
    source.run(&format!("GRANT SELECT ON `{}`.seen TO {}", source.name, user(source))).await;
    let job = stack.run(&all).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "privilege_missing"), "{job:#?}");
    assert!(job.why().hint.contains("SELECT on the whole database"), "{}", job.why().hint);
    // Named tables are what the person wants.
    let shown = stack.client.get("/v1/connections").await.expect(200).body;
    let id = |schema: &Schema| {
        let named = |c: &&serde_json::Value| c["database"] == schema.name.as_str();
        shown["items"].as_array().unwrap().iter().find(named).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let named = json!({"mode": "selective", "tables": ["seen"]});
    let named = stack.client.task(&id(source), &id(target), &named).await;
    let schema = target.name.replace('_', "\\_");
    for (rights, warned) in
        [("SELECT, INSERT, UPDATE, DELETE, ALTER, INDEX, CREATE, DROP", true), ("ALL", false)]
    {
        target.run(&revoke(target)).await;
        target.run(&format!("GRANT {rights} ON `{schema}`.* TO {}", user(target))).await;
        let job = stack.run_completed(&named).await;
        let told = job.warnings.iter().any(|line| line.contains("does not see triggers"));
        assert_eq!(told, warned, "{rights}: {:?}", job.warnings);
    }
    tables_agree(source, target, &["seen"]).await;
}

#[tokio::test]
async fn d34_another_schemas_table_or_view_of_the_same_name_is_another_one() {
    let stack = Stack::running().await;
    let (source, target) = (&stack.source, &stack.target);
    let others = Schema::make(&source.server, "other").await;
    for (schema, table, view) in [(source, "a", "b"), (&others, "b", "a")] {
        schema.run(&format!("CREATE TABLE {table} (id INT PRIMARY KEY, v VARCHAR(9))")).await;
        schema.run(&format!("INSERT INTO {table} VALUES (1, '{}')", &schema.name[..5])).await;
        schema.run(&format!("CREATE VIEW {view} AS SELECT 1 AS id, 'view' AS v")).await;
    }
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    let names: Vec<&str> = job.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(names, ["a"]);
    tables_agree(source, target, &["a"]).await;
    others.remove().await;
}

#[tokio::test]
async fn d39_rows_that_are_overwritten_keep_their_children() {
    let stack = Stack::running().await;
    for (schema, word) in [(&stack.source, "new"), (&stack.target, "old")] {
        schema
            .run(&format!(
                "CREATE TABLE parents (id INT PRIMARY KEY, code INT UNIQUE, word VARCHAR(9));
                 CREATE TABLE children (id INT PRIMARY KEY, parent INT NOT NULL,
                     FOREIGN KEY (parent) REFERENCES parents (id) ON DELETE CASCADE ON UPDATE CASCADE);
                 INSERT INTO parents SELECT seq, seq, '{word}' FROM seq_1_to_50"
            ))
            .await;
    }
    // Unique values change places, which deletes and inserts parents on the way.
    stack.source.run("UPDATE parents SET code = code + 1000; UPDATE parents SET code = 51 - id").await;
    stack.target.run("INSERT INTO children SELECT seq, seq FROM seq_1_to_50").await;
    let task = stack.task(&json!({})).await;
    stack.run_completed(&task).await;
    tables_agree(&stack.source, &stack.target, &["parents"]).await;
    let children = "SELECT COUNT(*) FROM children c JOIN parents p ON p.id = c.parent AND c.id = c.parent";
    assert_eq!(stack.target.value::<i64>(children).await, 50);
}
