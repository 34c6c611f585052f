//! What a backup holds is what the source had.

use std::collections::BTreeMap;

use bytes::Bytes;
use longshore_shared::domain::object::{DatabaseObject, ObjectKind};
use longshore_tests::agree::agree;
use longshore_tests::kinds::Kind;
use longshore_tests::schema::Schema;
use longshore_tests::seeds;
use longshore_tests::shelf::{Shelved, count};
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use longshore_worker::engine::shape::TableShape;
use longshore_worker::engine::{Room, RowBatch, of};
use serde_json::json;
use tokio::sync::mpsc;

use super::{ask_of, shown, stack, verify};
use crate::standing::logins;

const OBJECTS: &[&str] = &[
    "CREATE VIEW names AS SELECT id, name FROM customers",
    "CREATE VIEW a_view_of_a_view AS SELECT COUNT(*) AS many FROM names",
    "CREATE FUNCTION twice(n INT) RETURNS INT DETERMINISTIC RETURN n * 2",
    "CREATE PROCEDURE tidy() COMMENT 'it''s */ not -- much' MODIFIES SQL DATA BEGIN DELETE FROM empty_table; END",
    "CREATE TRIGGER orders_before BEFORE INSERT ON orders FOR EACH ROW SET NEW.state = 'open'",
    "CREATE TRIGGER orders_before_2 BEFORE INSERT ON orders FOR EACH ROW SET NEW.placed = NEW.placed",
    "CREATE EVENT sometimes ON SCHEDULE EVERY 1 YEAR DISABLE DO DELETE FROM empty_table",
];

/// Makes what the package holds in an empty schema: tables with all indexes, rows, foreign keys.
async fn load(shelved: &Shelved, schema: &Schema) {
    let login = logins::login(schema, &schema.username, &schema.password);
    let mut writer = of(shelved.manifest.engine).writer(&login).await.unwrap();
    let shapes: Vec<TableShape> = shelved
        .manifest
        .tables
        .iter()
        .map(|table| serde_json::from_value(table.structure.clone()).unwrap())
        .collect();
    for shape in &shapes {
        writer.create_table(shape, true).await.unwrap();
        let text = shelved.rows(&shape.name).await;
        let rows = u32::try_from(count(&text)).unwrap();
        let (sender, receiver) = mpsc::channel(1);
        if rows > 0 {
            let batch = RowBatch { bytes: Bytes::from(text), rows, room: Room::default() };
            sender.send(batch).await.unwrap();
        }
        drop(sender);
        writer.begin().await.unwrap();
        let loaded = writer.load(shape, receiver).await.unwrap();
        assert_eq!(loaded.rows, u64::from(rows));
        writer.commit().await.unwrap();
        writer.build_indexes(shape).await.unwrap();
    }
    for shape in &shapes {
        writer.add_foreign_keys(shape).await.unwrap();
    }
}

/// The right to see what others have programmed, by the server's kind.
fn sees_routines(schema: &Schema) -> Option<&'static str> {
    match schema.server.kind() {
        "mysql9" => Some("SHOW_ROUTINE ON *.*"),
        "mariadb11" => None,
        _ => Some("SELECT ON mysql.proc"),
    }
}

/// The shop; servers of MySQL have no tables of numbers of their own.
async fn seed(schema: &Schema) {
    const NUMBERS: &[(u32, u32)] = &[(1, 700), (1, 5), (6, 40), (1, 200), (1, 3), (1, 50), (1, 20)];
    let numbers = if schema.server.is_mysql() { NUMBERS } else { &[] };
    for (from, to) in numbers {
        let rows: Vec<String> = (*from..=*to).map(|number| format!("({number})")).collect();
        schema.run(&format!("CREATE TABLE seq_{from}_to_{to} (seq INT PRIMARY KEY)")).await;
        schema.run(&format!("INSERT INTO seq_{from}_to_{to} VALUES {}", rows.join(", "))).await;
    }
    seeds::shop(schema, 700).await;
    for (from, to) in numbers {
        schema.run(&format!("DROP TABLE seq_{from}_to_{to}")).await;
    }
}

async fn holds_the_shop(stack: &Stack, shelf: &longshore_tests::shelf::Shelf) {
    seed(&stack.source).await;
    for sql in OBJECTS {
        stack.source.run(sql).await;
    }
    let connection = stack.client.connection(&stack.source).await;
    // All rights on the database are not enough, but on MariaDB 11.3 and later.
    if let Some(right) = sees_routines(&stack.source) {
        let (job, _) = ask_of(stack, &connection, &json!({})).await;
        let failure =
            stack.client.ended(&job, seconds(60)).await.failure.expect("routines of others are not seen");
        assert_eq!(failure.code, "privilege_missing");
        assert!(failure.hint.contains(right.split(' ').next().unwrap()), "{failure:?}");
        let user = format!("'{}'@'127.0.0.1'", stack.source.username);
        stack.source.run(&format!("GRANT {right} TO {user}")).await;
    }
    let (job, backup) = ask_of(stack, &connection, &json!({})).await;
    stack.client.completed(&job, seconds(60)).await;
    let view = shown(stack, &backup).await;
    assert_eq!(view["state"], "complete", "{view:#}");
    let tables: BTreeMap<String, i64> = view["tables"]
        .as_array()
        .unwrap()
        .iter()
        .map(|table| (table["name"].as_str().unwrap().to_owned(), table["rows"].as_i64().unwrap()))
        .collect();
    for table in stack.source.tables().await {
        let rows = stack.source.value::<i64>(&format!("SELECT COUNT(*) FROM {}", quoted(&table))).await;
        assert_eq!(tables.get(&table), Some(&rows), "{table}");
    }
    let shelved = shelf.package(&stack.control, &backup).await;
    objects_are_kept(&shelved.manifest.objects);
    load(&shelved, &stack.target).await;
    stack.source.run("DROP VIEW names, a_view_of_a_view").await;
    stack.source.run("DROP TRIGGER orders_before").await;
    stack.source.run("DROP TRIGGER orders_before_2").await;
    agree(&stack.source, &stack.target).await;
    stack.client.completed(&verify(stack, &backup).await, seconds(60)).await;
    assert!(shown(stack, &backup).await["verified_at"].is_string());
}

fn quoted(name: &str) -> String {
    longshore_tests::schema::quoted(name)
}

fn objects_are_kept(objects: &[DatabaseObject]) {
    let told: Vec<(ObjectKind, &str)> =
        objects.iter().map(|object| (object.kind, object.name.as_str())).collect();
    assert_eq!(
        told,
        [
            (ObjectKind::Function, "twice"),
            (ObjectKind::Procedure, "tidy"),
            (ObjectKind::View, "names"),
            (ObjectKind::View, "a_view_of_a_view"),
            (ObjectKind::Trigger, "orders_before"),
            (ObjectKind::Trigger, "orders_before_2"),
            (ObjectKind::Event, "sometimes"),
        ]
    );
    let procedure = &objects[1];
    assert!(
        procedure.definition.contains("it''s */ not -- much")
            || procedure.definition.contains("it\\'s */ not")
    );
    assert!(procedure.made_under.contains_key("sql_mode"), "{procedure:?}");
    assert_eq!(objects[4].table.as_deref(), Some("orders"));
    assert!(objects[6].definition.contains("DISABLE"), "{:?}", objects[6]);
}

#[tokio::test]
async fn b06_a_backup_holds_all_that_mariadb_has() {
    let (stack, shelf) = stack(2, &[("CHUNK_ROWS", "300")]).await;
    Box::pin(holds_the_shop(&stack, &shelf)).await;
}

async fn of_kind(kind: &str) {
    let Some(server) = Kind::shared(kind, 0) else { return };
    let (mut stack, shelf) = stack(2, &[]).await;
    stack.move_to(Some(&server), Some(&server)).await;
    Box::pin(holds_the_shop(&stack, &shelf)).await;
}

#[tokio::test]
async fn b06_a_backup_holds_all_that_mariadb_11_has() {
    Box::pin(of_kind("mariadb11")).await;
}

#[tokio::test]
async fn b06_a_backup_holds_all_that_mysql_9_has() {
    Box::pin(of_kind("mysql9")).await;
}

#[tokio::test]
async fn b06_a_backup_holds_all_that_mysql_5_7_has() {
    Box::pin(of_kind("mysql57")).await;
}
