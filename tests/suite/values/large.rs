//! Values of some megabytes that a comparison finds: they are sent in pieces, and put together by the
//! server.

use longshore_tests::agree::tables_agree;
use longshore_tests::kinds::Kind;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use serde_json::json;

/// A column and an expression of more than two mebibytes, with everything that a statement escapes
/// or that a cut could break.
const TEXT: (&str, &str) = ("LONGTEXT CHARACTER SET utf8mb4", r"REPEAT('🚢ß\'\\ä\n', 180000)");
const LATIN: (&str, &str) = ("LONGTEXT CHARACTER SET latin1", r"REPEAT('\'\\ä', 800000)");
const BLOB: (&str, &str) = ("LONGBLOB", r"REPEAT(UNHEX('005C27FF0A1A22C3'), 300000)");
const JSON: (&str, &str) = ("JSON", "JSON_OBJECT('a', REPEAT('x🚢ä', 350000))");
const LINE: (&str, &str) =
    ("GEOMETRY", "ST_GeomFromText(CONCAT('LINESTRING(', REPEAT('1 2,3 4,', 80000), '5 6)'))");

async fn pass_in_pieces(stack: &Stack, columns: &[(&str, &str)]) {
    let kinds: Vec<_> = columns.iter().enumerate().map(|(n, (kind, _))| format!("c{n} {kind}")).collect();
    let values: Vec<_> = columns.iter().map(|(_, value)| (*value).to_owned()).collect();
    for schema in [&stack.source, &stack.target] {
        schema
            .run(&format!("CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(9), {})", kinds.join(", ")))
            .await;
    }
    let nothing = vec!["NULL"; columns.len()].join(", ");
    let all = values.join(", ");
    stack
        .source
        .run(&format!(
            "INSERT INTO t VALUES (1, 'a', {all}), (2, 'b', {nothing}), (3, NULL, {all}), (4, 'd', {all})"
        ))
        .await;
    // One row is missing, one has other values, one has none of them, one is there.
    stack
        .target
        .run(&format!("INSERT INTO t VALUES (2, 'b', {nothing}), (3, '', {nothing}), (4, 'd', {all})"))
        .await;
    stack.target.run("UPDATE t SET word = 'other' WHERE id = 4").await;
    let task = stack.task(&json!({})).await;
    let job = stack.run_completed(&task).await;
    let counts = job.tables[0].counts;
    assert_eq!((counts.inserted, counts.updated, counts.unchanged), (1, 2, 1), "{job:#?}");
    tables_agree(&stack.source, &stack.target, &["t"]).await;
    let again = stack.run_completed(&task).await;
    assert_eq!(again.tables[0].counts.unchanged, 4, "{again:#?}");
}

#[tokio::test]
async fn large_values_go_in_pieces_to_mariadb() {
    let stack = Stack::running().await;
    pass_in_pieces(&stack, &[TEXT, LATIN, BLOB, LINE]).await;
}

#[tokio::test]
async fn large_values_go_in_pieces_where_files_are_refused() {
    let own = Held::start_with("mariadb:1", &["mariadb-1=local-infile=0"]);
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&own.mariadb[0])).await;
    stack.start_all().await;
    pass_in_pieces(&stack, &[TEXT, BLOB]).await;
    // All rows go by INSERT.
    stack.target.run("DROP TABLE t").await;
    let task = crate::faults::again(&stack, &json!({})).await;
    stack.run_completed(&task).await;
    tables_agree(&stack.source, &stack.target, &["t"]).await;
    stack.target.remove().await;
}

#[tokio::test]
async fn large_values_go_in_pieces_to_other_releases() {
    for kind in ["mysql57", "mysql9", "mariadb11"] {
        let Some(own) = Kind::shared(kind, 0) else { continue };
        let mut stack = Stack::prepared().await;
        stack.move_to(Some(&own), Some(&own)).await;
        stack.start_all().await;
        pass_in_pieces(&stack, &[TEXT, LATIN, BLOB, JSON, LINE]).await;
        for schema in [&stack.source, &stack.target] {
            schema.remove().await;
        }
    }
}
