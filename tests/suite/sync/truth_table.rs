//! The fleet against the model, over many kinds of keys, with small chunks, so that rows
//! that belong together lie in different ones.

use longshore_tests::client::{Counts, Job};
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use rand::SeedableRng as _;
use rand::rngs::StdRng;
use serde_json::json;

use super::truth::{Policy, TEXTS, Table, sides, synced};

/// A kind of key: its name, its columns, what makes the key, and the key of a number.
struct Shape {
    name: &'static str,
    columns: &'static str,
    key: &'static str,
    literal: fn(u32) -> String,
}

const SHAPES: &[Shape] = &[
    Shape {
        name: "int",
        columns: "k INT",
        key: "k",
        literal: |i| (i64::from(i) * 1_000 - 18_000).to_string(),
    },
    Shape {
        name: "big",
        columns: "k BIGINT UNSIGNED",
        key: "k",
        literal: |i| if i == 0 { "0".to_owned() } else { (u64::MAX - u64::from(i - 1) * 3).to_string() },
    },
    Shape {
        name: "limits",
        columns: "k BIGINT",
        key: "k",
        literal: |i| {
            if i % 2 == 0 { i64::MIN + i64::from(i) } else { i64::MAX - i64::from(i) + 1 }.to_string()
        },
    },
    Shape {
        name: "composite",
        columns: "a SMALLINT, b VARCHAR(10) COLLATE utf8mb4_bin",
        key: "a, b",
        literal: |i| format!("{}, 'k{}'", i / 7, i % 7),
    },
    Shape {
        name: "mixed_case",
        columns: "k VARCHAR(20) COLLATE utf8mb4_general_ci",
        key: "k",
        literal: |i| format!("'{}{:02}'", if i % 2 == 0 { "Key" } else { "kEY" }, i),
    },
    Shape {
        name: "decimal_key",
        columns: "k DECIMAL(20,6)",
        key: "k",
        literal: |i| format!("{}.{:06}", i / 3, i % 3),
    },
    Shape {
        name: "binary_key",
        columns: "k VARBINARY(8)",
        key: "k",
        // The empty key, a NUL, a backslash, a quote, bytes that are no UTF-8.
        literal: |i| {
            if i == 0 {
                "''".to_owned()
            } else {
                format!("X'{:02x}{}'", i * 7 % 256, "00".repeat((i % 3) as usize))
            }
        },
    },
    Shape {
        name: "date_key",
        columns: "k DATE",
        key: "k",
        literal: |i| format!("DATE_ADD('1999-12-20', INTERVAL {i} DAY)"),
    },
    Shape { name: "unique_only", columns: "k INT NOT NULL", key: "", literal: |i| (i * 5).to_string() },
];

const ROUNDS: usize = 2;
pub(super) const POLICIES: [Policy; 4] = [
    Policy { source_first: true, delete_extra: false },
    Policy { source_first: true, delete_extra: true },
    Policy { source_first: false, delete_extra: false },
    Policy { source_first: false, delete_extra: true },
];

impl Shape {
    fn create(&self, table: &str) -> String {
        let key = if self.key.is_empty() {
            "UNIQUE KEY (k)".to_owned()
        } else {
            format!("PRIMARY KEY ({})", self.key)
        };
        format!(
            "CREATE TABLE {table} ({}, u INT NULL, v VARCHAR(10) COLLATE utf8mb4_general_ci NULL,
             UNIQUE KEY u (u), {key})",
            self.columns
        )
    }

    /// The table's content, written as it should stand.
    async fn write(&self, schema: &Schema, table: &str, rows: &Table) {
        schema.run(&format!("DELETE FROM {table}")).await;
        let tuples: Vec<_> = rows.iter().map(|(key, row)| self.tuple(*key, *row)).collect();
        if !tuples.is_empty() {
            schema.run(&format!("INSERT INTO {table} VALUES {}", tuples.join(", "))).await;
        }
    }

    fn tuple(&self, key: u32, (unique, text): (Option<i32>, usize)) -> String {
        let unique = unique.map_or("NULL".to_owned(), |unique| unique.to_string());
        format!("({}, {unique}, {})", (self.literal)(key), TEXTS[text])
    }

    /// Panics unless the table holds exactly these rows, told by the server byte by byte.
    async fn check(&self, schema: &Schema, table: &str, rows: &Table, what: &str) {
        let columns = if self.key.is_empty() { "k" } else { self.key };
        let shown = |table: &str| {
            format!(
                "SELECT CONCAT_WS('|', {}, IFNULL(u, '-'), IFNULL(HEX(v), '-')) FROM {table} ORDER BY 1",
                hexed(columns)
            )
        };
        schema.run(&format!("CREATE TABLE expected LIKE {table}")).await;
        self.write(schema, "expected", rows).await;
        let expected: Vec<String> = schema.rows(&shown("expected")).await;
        let found: Vec<String> = schema.rows(&shown(table)).await;
        schema.run("DROP TABLE expected").await;
        assert_eq!(found, expected, "{table}: {what}");
    }
}

fn hexed(columns: &str) -> String {
    columns.split(", ").map(|column| format!("HEX({column})")).collect::<Vec<_>>().join(", ")
}

#[tokio::test]
async fn every_policy_keeps_its_promise_for_every_kind_of_key() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "7"), ("WORKER_PERMITS", "4")]).await;
    policies_are_kept(&stack, &POLICIES).await;
}

/// These policies on tables of every shape, and that nothing is left to do afterwards.
pub(super) async fn policies_are_kept(stack: &Stack, policies: &[Policy]) {
    let mut rng = StdRng::seed_from_u64(45);
    let tables = make_tables(stack, &mut rng).await;
    let source_id = stack.client.connection(&stack.source).await;
    let target_id = stack.client.connection(&stack.target).await;
    for &policy in policies {
        for (shape, table, (_, target)) in &tables {
            shape.write(&stack.target, table, target).await;
        }
        let word = if policy.source_first { "source_first" } else { "target_first" };
        let options = json!({"policy": word, "delete_extra": policy.delete_extra});
        let task = stack.client.task(&source_id, &target_id, &options).await;
        let job = stack.run_completed(&task).await;
        check_all(stack, &tables, policy, &job).await;
        let again = stack.run_completed(&task).await;
        for table in &again.tables {
            let Counts { inserted, updated, deleted, .. } = table.counts;
            assert_eq!((inserted, updated, deleted), (0, 0, 0), "{policy:?} once more: {}", table.name);
        }
    }
}

type Sides = (Table, Table);

async fn make_tables(stack: &Stack, rng: &mut StdRng) -> Vec<(&'static Shape, String, Sides)> {
    let mut tables = Vec::new();
    for shape in SHAPES {
        for round in 0..ROUNDS {
            let table = format!("{}_{round}", shape.name);
            let sides = sides(rng, &POLICIES);
            for schema in [&stack.source, &stack.target] {
                schema.run(&shape.create(&table)).await;
            }
            shape.write(&stack.source, &table, &sides.0).await;
            tables.push((shape, table, sides));
        }
    }
    tables
}

async fn check_all(stack: &Stack, tables: &[(&'static Shape, String, Sides)], policy: Policy, job: &Job) {
    for (shape, table, (source, target)) in tables {
        let (after, counts) = synced(source, target, policy).unwrap();
        let what = format!("{policy:?}, source {source:?}, target {target:?}");
        shape.check(&stack.target, table, &after, &what).await;
        shape.check(&stack.source, table, source, "the source is never written").await;
        let told = job.table(table);
        // An empty side is not compared but loaded.
        if !target.is_empty() {
            assert_eq!(told.counts, counts, "{table}: {what}");
        }
        assert_eq!(told.verified.as_ref().unwrap().result, "equal", "{table}: {what}");
    }
}

#[tokio::test]
async fn a_unique_value_that_only_the_target_has_fails_by_name() {
    let stack = Stack::running().await;
    let (source_id, target_id) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let create = "CREATE TABLE seats (id INT PRIMARY KEY, seat VARCHAR(10) NOT NULL, UNIQUE KEY seat (seat))";
    let cases = [
        ("source_first", false, "(1, 'a1')", "(2, 'a1')", Some("unique_clash")),
        ("source_first", true, "(1, 'a1')", "(2, 'a1')", None),
        ("target_first", false, "(1, 'a1')", "(2, 'a1')", Some("unique_clash")),
        ("target_first", false, "(1, 'a1'), (2, 'b2')", "(2, 'a1')", Some("unique_clash")),
        ("target_first", true, "(1, 'a1'), (2, 'b2')", "(2, 'a1')", Some("unique_clash")),
        ("source_first", false, "(1, 'a1'), (2, 'b2')", "(1, 'b2'), (2, 'a1')", None),
    ];
    for (policy, delete_extra, source, target, code) in cases {
        for (schema, rows) in [(&stack.source, source), (&stack.target, target)] {
            schema.run("DROP TABLE IF EXISTS seats").await;
            schema.run(create).await;
            schema.run(&format!("INSERT INTO seats VALUES {rows}")).await;
        }
        let options = json!({"policy": policy, "delete_extra": delete_extra});
        let task = stack.client.task(&source_id, &target_id, &options).await;
        let job = stack.run(&task).await;
        let what = format!("{policy}, delete_extra {delete_extra}, {source} -> {target}: {job:#?}");
        assert_eq!(job.failure.as_ref().map(|failure| failure.code.as_str()), code, "{what}");
        if let Some(failure) = &job.failure {
            assert!(failure.message.contains("seats"), "{what}");
            assert!(failure.message.contains("the first is the row id = "), "{what}");
            let kept: i64 =
                stack.target.value("SELECT COUNT(*) FROM seats WHERE id = 2 AND seat = 'a1'").await;
            assert_eq!(kept, 1, "the target's row is not overwritten: {what}");
        }
    }
}

/// A key that is unique in the beginnings of its values only.
#[tokio::test]
async fn a_key_of_beginnings_clashes_by_name() {
    let stack = Stack::running().await;
    let (source_id, target_id) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    let create = "CREATE TABLE tags (k TEXT, v INT, PRIMARY KEY (k(3)))";
    for schema in [&stack.source, &stack.target] {
        schema.run(create).await;
    }
    stack.source.run("INSERT INTO tags VALUES ('abcdef', 1), ('abX', 2)").await;
    stack.target.run("INSERT INTO tags VALUES ('abczzz', 3)").await;
    for (options, code) in [
        (json!({}), Some("unique_clash")),
        (json!({"policy": "target_first"}), Some("unique_clash")),
        (json!({"delete_extra": true}), None),
        (json!({}), None),
    ] {
        let task = stack.client.task(&source_id, &target_id, &options).await;
        let job = stack.run(&task).await;
        let what = format!("{options}: {job:#?}");
        assert_eq!(job.failure.as_ref().map(|failure| failure.code.as_str()), code, "{what}");
        let kept: i64 = stack.target.value("SELECT COUNT(*) FROM tags WHERE k = 'abczzz'").await;
        assert_eq!(kept, i64::from(code.is_some()), "{what}");
        if let Some(failure) = &job.failure {
            assert!(failure.message.contains("(PRIMARY)") && failure.message.contains("the row"), "{what}");
        }
    }
}

/// Each row's unique value becomes that of the row behind it.
#[tokio::test]
async fn unique_values_that_all_move_by_one_arrive() {
    let stack = Stack::running().await;
    let (source_id, target_id) =
        (stack.client.connection(&stack.source).await, stack.client.connection(&stack.target).await);
    for schema in [&stack.source, &stack.target] {
        schema.run("CREATE TABLE chain (id INT PRIMARY KEY, u INT, v INT, UNIQUE KEY u (u))").await;
        schema.run("INSERT INTO chain SELECT seq, seq, 0 FROM seq_1_to_3000").await;
    }
    stack.source.run("UPDATE chain SET u = u + 1 ORDER BY u DESC").await;
    stack
        .source
        .run("UPDATE chain SET u = NULL WHERE id IN (7, 2000); DELETE FROM chain WHERE id = 3000")
        .await;
    for (delete_extra, code) in [(false, Some("unique_clash")), (true, None)] {
        let options = json!({"policy": "source_first", "delete_extra": delete_extra});
        let task = stack.client.task(&source_id, &target_id, &options).await;
        let job = stack.run(&task).await;
        assert_eq!(job.failure.as_ref().map(|failure| failure.code.as_str()), code, "{job:#?}");
    }
    let ours: Vec<(i64, Option<i64>)> = stack.source.rows("SELECT id, u FROM chain ORDER BY id").await;
    let theirs: Vec<(i64, Option<i64>)> = stack.target.rows("SELECT id, u FROM chain ORDER BY id").await;
    assert!(ours == theirs);
}
