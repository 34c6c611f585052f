//! Names that are no words (D9): they are data, never paths, comments or patterns.

use longshore_tests::agree::agree;
use longshore_tests::schema::quoted;
use longshore_tests::stack::Stack;
use serde_json::json;

const NAMES: &[&str] = &[
    "checksum234",
    "db.dot",
    "*/",
    "/*! x",
    "line\nbreak",
    "per%cent_",
    "back`tick",
    "quo'te\"s",
    "back\\slash",
    "-- dashes",
    "#hash",
    "; DROP TABLE t",
    "select",
    "Case",
    "case",
    "größe,Ж",
    "(a)",
    "=x",
    "\ttab",
    "64_characters_long_name_64_characters_long_name_64_characters_lo",
];

#[tokio::test]
async fn any_name_of_a_table_column_index_or_key_is_data() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "2")]).await;
    for (at, name) in NAMES.iter().enumerate() {
        let table = quoted(name);
        // The constraint's name is unique in its schema, and the table's number makes it short.
        let constraint = quoted(&format!("{at} {}", name.chars().take(40).collect::<String>()));
        let sql = format!(
            "CREATE TABLE {table} ({table} INT PRIMARY KEY, parent INT, `n {at}` VARCHAR(20), KEY {table} (parent),
             CONSTRAINT {constraint} FOREIGN KEY (parent) REFERENCES {table} ({table}))"
        );
        stack.source.run(&sql).await;
        stack
            .source
            .run(&format!("INSERT INTO {table} VALUES (1, NULL, 'a'), (2, 1, 'b'), (5, 5, 'd'), (3, 5, 'c')"))
            .await;
    }
    let task = stack.task(&json!({"delete_extra": true})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;

    for name in NAMES {
        let table = quoted(name);
        stack
            .target
            .run(&format!("UPDATE {table} SET parent = NULL; DELETE FROM {table} WHERE {table} > 2"))
            .await;
        stack.source.run(&format!("DELETE FROM {table} WHERE {table} = 2")).await;
    }
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}
