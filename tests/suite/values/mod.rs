//! Values that comparable tools have damaged, and names that they have stumbled over, by
//! every way that a row can take: bulk load, multi-row insert, update of what differs.
//! Numbers are those of the list of corruption bugs.

mod large;
mod names;
mod numbers;
mod texts;

use longshore_tests::agree::agree;
use longshore_tests::schema::{Schema, quoted};
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use serde_json::json;

/// A table: its name, and the statements that make and fill it; `{T}` is the table.
struct Case {
    name: &'static str,
    make: &'static [&'static str],
}

impl Case {
    async fn make(&self, schema: &Schema) {
        for statement in self.make {
            schema.run(&statement.replace("{T}", &quoted(self.name))).await;
        }
    }
}

async fn make_all(schema: &Schema) {
    for case in numbers::CASES.iter().chain(texts::CASES) {
        case.make(schema).await;
    }
}

/// Cases that MySQL does not know.
const ONLY_MARIADB: &[&str] = &["addresses", "invisible"];

/// Every value that both servers know is copied, is equal when it is looked at again, and is
/// mended where it was damaged.
pub(crate) async fn arrive_and_stay(stack: &Stack) {
    for case in numbers::CASES.iter().chain(texts::CASES) {
        if !ONLY_MARIADB.contains(&case.name) {
            case.make(&stack.source).await;
        }
    }
    let task = stack.task(&json!({"delete_extra": true})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    unchanged(stack, &task).await;
    for table in stack.target.tables().await {
        damage(&stack.target, &table).await;
    }
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn every_value_arrives_by_bulk_load_and_stays_when_synced_again() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "3")]).await;
    make_all(&stack.source).await;
    let task = stack.task(&json!({"delete_extra": true})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    unchanged(&stack, &task).await;
    agree(&stack.source, &stack.target).await;
}

/// The task finds nothing to do.
async fn unchanged(stack: &Stack, task: &str) {
    let again = stack.run_completed(task).await;
    for table in &again.tables {
        let changes = (table.counts.inserted, table.counts.updated, table.counts.deleted);
        assert_eq!(changes, (0, 0, 0), "{}: the sides differ in our eyes only", table.name);
    }
}

#[tokio::test]
async fn every_value_arrives_where_the_rows_differ() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "3")]).await;
    make_all(&stack.source).await;
    make_all(&stack.target).await;
    for table in stack.target.tables().await {
        damage(&stack.target, &table).await;
    }
    let job = stack.sync(&json!({"delete_extra": true})).await;
    assert_eq!(job.state, "completed", "{job:#?}");
    agree(&stack.source, &stack.target).await;
}

/// Takes one row away and sets to NULL what can be.
async fn damage(target: &Schema, table: &str) {
    let columns: Vec<String> = target
        .rows(&format!(
            "SELECT column_name FROM information_schema.columns WHERE table_schema = DATABASE()
             AND table_name = '{}' AND is_nullable = 'YES' AND IFNULL(generation_expression, '') = ''",
            table.replace('\\', "\\\\").replace('\'', "''")
        ))
        .await;
    target.run(&format!("DELETE FROM {} LIMIT 1", quoted(table))).await;
    let nulls: Vec<_> = columns.iter().map(|column| format!("{} = NULL", quoted(column))).collect();
    if !nulls.is_empty() {
        target.run(&format!("UPDATE {} SET {}", quoted(table), nulls.join(", "))).await;
    }
}

/// Two servers that read the same words differently, and from which nothing may be taken
/// for granted; the target forbids `LOAD DATA LOCAL`, so rows come by `INSERT`.
#[tokio::test]
async fn every_value_arrives_between_servers_of_other_habits() {
    let own = Held::start_with("mariadb:2", STRANGE);
    let mut stack = Stack::prepared().await;
    stack.source = Schema::make(&own.mariadb[0], "source").await;
    stack.target = Schema::make(&own.mariadb[1], "target").await;
    stack.set(&[("CHUNK_ROWS", "3")]);
    stack.start_all().await;
    make_all(&stack.source).await;
    let task = stack.task(&json!({"delete_extra": true})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    for table in stack.target.tables().await {
        damage(&stack.target, &table).await;
    }
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

const STRANGE: &[&str] = &[
    "mariadb-1=default-time-zone=-07:00",
    "mariadb-1=sql-mode=ANSI_QUOTES,NO_BACKSLASH_ESCAPES,PIPES_AS_CONCAT,PAD_CHAR_TO_FULL_LENGTH",
    "mariadb-1=character-set-server=latin1",
    "mariadb-2=local-infile=0",
    "mariadb-2=default-time-zone=+05:45",
    "mariadb-2=sql-mode=ORACLE",
    "mariadb-2=character-set-server=utf16",
    "mariadb-2=explicit-defaults-for-timestamp=0",
    "mariadb-2=transaction-isolation=SERIALIZABLE",
];
