//! A condition on a table's rows (S1): of both sides only the rows that meet it are compared and
//! deleted, and a row is the same row by its key, wherever it stood before.

use std::collections::BTreeMap;

use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::{Value, json};

/// Rows by their keys: the number that the condition asks for, and a text.
type Rows = BTreeMap<u32, (u32, String)>;

/// Every third, and none that is gone.
const CONDITION: &str = "kind % 3 = 1 and (word <> 'it''s gone' or word is null)";
const KEYS: u32 = 120;

fn meets((kind, word): &(u32, String)) -> bool {
    kind % 3 == 1 && word != "it's gone"
}

/// A key's literal.
type Literal = fn(u32) -> String;

/// How a key is written: in the server's own order on both sides, and not.
const TABLES: [(&str, &str, Literal); 2] = [
    ("numbers", "id INT", |key| key.to_string()),
    ("words", "id VARCHAR(20) COLLATE utf8mb4_general_ci", |key| format!("'Key {key}'")),
];

fn random(rng: &mut StdRng) -> Rows {
    let keys = (0..KEYS).filter(|_| rng.random_bool(0.7)).collect::<Vec<_>>();
    keys.into_iter()
        .map(|key| {
            let word = if rng.random_bool(0.2) { "it's gone" } else { ["a", "b"][rng.random_range(0..2)] };
            (key, (rng.random_range(0..6), word.to_owned()))
        })
        .collect()
}

/// What the target is to hold.
fn synced(source: &Rows, target: &Rows, source_first: bool, delete_extra: bool) -> Rows {
    let covered: Rows =
        source.iter().filter(|(_, row)| meets(row)).map(|(k, row)| (*k, row.clone())).collect();
    let stays = |key: &u32, row: &(u32, String)| !(delete_extra && meets(row) && !covered.contains_key(key));
    let mut after: Rows =
        target.iter().filter(|(k, row)| stays(k, row)).map(|(k, row)| (*k, row.clone())).collect();
    for (key, row) in covered {
        if source_first {
            after.insert(key, row);
        } else {
            after.entry(key).or_insert(row);
        }
    }
    after
}

async fn write(schema: &Schema, table: &str, key: Literal, rows: &Rows) {
    schema.run(&format!("DELETE FROM {table}")).await;
    let tuple = |(id, (kind, word)): (&u32, &(u32, String))| {
        format!("({}, {kind}, '{}')", key(*id), word.replace('\'', "''"))
    };
    let tuples: Vec<_> = rows.iter().map(tuple).collect();
    schema.run(&format!("INSERT INTO {table} VALUES {}", tuples.join(", "))).await;
}

async fn read(schema: &Schema, table: &str) -> Rows {
    let sql = format!("SELECT CAST(REPLACE(id, 'Key ', '') AS UNSIGNED), kind, word FROM {table}");
    let rows: Vec<(u32, u32, String)> = schema.rows(&sql).await;
    rows.into_iter().map(|(id, kind, word)| (id, (kind, word))).collect()
}

#[tokio::test]
async fn s01_a_condition_is_the_same_for_reading_comparing_and_deleting() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "11")]).await;
    let seed = rand::rng().random();
    eprintln!("seed {seed}");
    let mut rng = StdRng::seed_from_u64(seed);
    let ends = [stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await];
    for (table, key, _) in TABLES {
        for schema in [&stack.source, &stack.target] {
            let create = format!("CREATE TABLE {table} ({key} PRIMARY KEY, kind INT, word VARCHAR(20))");
            schema.run(&create).await;
        }
    }
    for (source_first, delete_extra) in [(true, true), (true, false), (false, true), (false, false)] {
        let policy = if source_first { "source_first" } else { "target_first" };
        let what = format!("{policy}, delete_extra {delete_extra}");
        let mut sides = Vec::new();
        for (table, _, key) in TABLES {
            let (source, target) = (random(&mut rng), random(&mut rng));
            write(&stack.source, table, key, &source).await;
            write(&stack.target, table, key, &target).await;
            sides.push((table, source, target));
        }
        let options = json!({
            "policy": policy, "delete_extra": delete_extra, "max_delete_percent": 100,
            "where": {"numbers": CONDITION, "words": CONDITION},
        });
        let task = stack.client.task(&ends[0], &ends[1], &options).await;
        let job = stack.run_completed(&task).await;
        for (table, source, target) in &sides {
            let expected = synced(source, target, source_first, delete_extra);
            assert_eq!(read(&stack.target, table).await, expected, "{table}: {what}");
            assert_eq!(job.table(table).verified.as_ref().unwrap().result, "equal", "{table}: {what}");
        }
        let again = stack.run_completed(&task).await;
        for table in &again.tables {
            let counts = (table.counts.inserted, table.counts.updated, table.counts.deleted);
            assert_eq!(counts, (0, 0, 0), "{}: {what}, once more", table.name);
        }
    }
    // Into an empty table, and of one without a key.
    stack.source.run("CREATE TABLE bag (kind INT, word VARCHAR(20))").await;
    stack.source.run("INSERT INTO bag SELECT seq, 'x' FROM seq_1_to_50").await;
    stack.target.run("DELETE FROM numbers").await;
    let options = json!({
        "mode": "selective", "tables": ["numbers", "bag"], "keyless": "replace",
        "where": {"numbers": "kind = 1", "bag": "kind > 10"},
    });
    let task = stack.client.task(&ends[0], &ends[1], &options).await;
    stack.run_completed(&task).await;
    let kinds: Vec<u32> = stack.target.rows("SELECT DISTINCT kind FROM numbers").await;
    assert_eq!(kinds, [1]);
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM bag").await, 40);
    // Rows that the condition does not meet are none of the task's business.
    stack.target.run("INSERT INTO bag VALUES (3, 'own'); DELETE FROM bag WHERE kind = 30").await;
    stack.run_completed(&task).await;
    let found: Vec<(u32, String)> =
        stack.target.rows("SELECT kind, word FROM bag WHERE kind IN (3, 30) ORDER BY 1").await;
    assert_eq!(found, [(3, "own".to_owned()), (30, "x".to_owned())]);
}

#[tokio::test]
async fn s01_what_is_wrong_with_a_condition_is_said_by_name() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v INT); INSERT INTO t VALUES (1, 1)").await;
    let ends = [stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await];
    let body = |more: Value| {
        let mut body = json!({
            "name": longshore_tests::place::fresh_name(), "source_id": ends[0], "target_id": ends[1],
            "mode": "full", "policy": "source_first", "allow_untested": true,
        });
        for (field, value) in more.as_object().unwrap() {
            body[field] = value.clone();
        }
        body
    };
    for (more, field, code) in [
        (json!({"where": {"t": "id = (SELECT 1)"}}), "where.t", "invalid_condition"),
        (json!({"where": {"t": "id = 1; DROP TABLE t"}}), "where.t", "invalid_condition"),
        (json!({"where": {"t": "at > SYSDATE()"}}), "where.t", "invalid_condition"),
        (json!({"where": {"t": 1}}), "where", "invalid_value"),
        (json!({"where": []}), "where", "invalid_value"),
        (json!({"where": {"t": "id = 1"}, "mode": "selective", "tables": ["u"]}), "where.t", "not_selected"),
    ] {
        let answer = stack.client.post("/v1/sync-tasks", &body(more.clone())).await.expect(422);
        let errors = answer.body["errors"].to_string();
        assert!(errors.contains(&format!("\"{field}\"")) && errors.contains(code), "{more}: {errors}");
    }
    for (condition, code) in
        [(json!({"t": "gone = 1"}), "unknown_column"), (json!({"u": "id = 1"}), "unknown_table")]
    {
        let task = stack.client.post("/v1/sync-tasks", &body(json!({"where": condition}))).await.expect(201);
        let task = task.id();
        assert_eq!(stack.client.get(&format!("/v1/sync-tasks/{task}")).await.body["where"], condition);
        let job = stack.run(&task).await;
        assert_eq!(job.why().code, code, "{condition}");
        // An edit takes all of them out.
        let edited = stack
            .client
            .patch(&format!("/v1/sync-tasks/{task}"), &json!({"where": {}}), None)
            .await
            .expect(200);
        assert_eq!(edited.body["where"], json!({}));
        assert_eq!(stack.run(&task).await.state, "completed");
        stack.target.run("DROP TABLE t").await;
    }
}
