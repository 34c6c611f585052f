//! Whether two databases hold the same, by two witnesses that are not ours: the server's
//! `CHECKSUM TABLE`, and `mariadb-dump`'s data lines. Between servers of two kinds, whose words for
//! a structure and whose checksums differ, by the second alone.

use std::io::Write as _;
use std::process::Stdio;

use crate::schema::{Schema, quoted};

/// Panics with the first difference of tables, structure or rows.
pub async fn agree(source: &Schema, target: &Schema) {
    let tables = source.tables().await;
    assert_eq!(tables, target.tables().await, "both sides have the same tables");
    if alike(source, target) {
        for table in &tables {
            same_structure(source, target, table).await;
            same_checksum(source, target, table).await;
        }
    }
    same_rows(source, target, &[]).await;
}

/// Panics unless these tables hold the same rows on both sides.
pub async fn tables_agree(source: &Schema, target: &Schema, tables: &[&str]) {
    if alike(source, target) {
        for table in tables {
            same_checksum(source, target, table).await;
        }
    }
    same_rows(source, target, tables).await;
}

fn alike(source: &Schema, target: &Schema) -> bool {
    source.server.kind() == target.server.kind()
}

/// Panics unless a table is defined alike on both sides; where its numbering stands is not
/// part of its definition.
pub async fn same_structure(source: &Schema, target: &Schema, table: &str) {
    let (left, right) = (definition(source, table).await, definition(target, table).await);
    assert_eq!(left, right, "table {table} is defined alike on both sides");
}

async fn definition(schema: &Schema, table: &str) -> String {
    let sql = format!("SHOW CREATE TABLE {}", quoted(table));
    let rows: Vec<(String, String)> = schema.rows(&sql).await;
    let (_, text) = rows.into_iter().next().expect("a table has a definition");
    // MySQL 8 and later show the character set of a column whose collation was named.
    let text = text.replace(" CHARACTER SET utf8mb4 COLLATE ", " COLLATE ");
    let words = text.split(' ').filter(|word| !word.starts_with("AUTO_INCREMENT="));
    words.collect::<Vec<_>>().join(" ")
}

async fn same_checksum(source: &Schema, target: &Schema, table: &str) {
    // With a generated column MariaDB's checksum changes at FLUSH TABLES (10.11.19, seen), with one
    // of MySQL 5.7's JSON each time: it says nothing there. The dump holds their values, or
    // those that they follow from.
    if has_loose_columns(source, table).await {
        return;
    }
    let sql = format!("CHECKSUM TABLE {} EXTENDED", quoted(table));
    let left: Vec<(String, Option<u64>)> = source.rows(&sql).await;
    let right: Vec<(String, Option<u64>)> = target.rows(&sql).await;
    let (left, right) = (left[0].1, right[0].1);
    if left == right && left.is_some() {
        return;
    }
    // The checksum only says that they differ; the dump says where.
    same_rows(source, target, &[table]).await;
    panic!("table {table}: CHECKSUM TABLE is {left:?} on the source and {right:?} on the target");
}

async fn has_loose_columns(schema: &Schema, table: &str) -> bool {
    let table = table.replace('\\', "\\\\").replace('\'', "''");
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.columns WHERE table_schema = DATABASE()
         AND table_name = '{table}' AND (extra REGEXP '(VIRTUAL|STORED|PERSISTENT) GENERATED' OR data_type = 'json')"
    );
    schema.value::<i64>(&sql).await > 0
}

async fn same_rows(source: &Schema, target: &Schema, tables: &[&str]) {
    let (mut left, mut right) = futures::join!(data_lines(source, tables), data_lines(target, tables));
    if !alike(source, target) {
        for lines in [&mut left, &mut right] {
            lines.iter_mut().for_each(|line| *line = one_zero(line));
            lines.sort_unstable();
        }
    }
    if left == right {
        return;
    }
    for line in &left {
        let twin = right.binary_search(line);
        assert!(twin.is_ok(), "a row of the source that the target lacks: {}", shortened(line));
    }
    for line in &right {
        let twin = left.binary_search(line);
        assert!(twin.is_ok(), "a row that only the target has: {}", shortened(line));
    }
    let twice = right.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| shortened(&pair[0]));
    panic!("the source has {} rows, the target {}; one is there twice: {twice:?}", left.len(), right.len());
}

/// The `INSERT` lines of a schema's dump, one a row, sorted.
pub async fn data_lines(schema: &Schema, tables: &[&str]) -> Vec<String> {
    let wanted =
        ["--no-create-info", "--skip-triggers", "--hex-blob", "--skip-extended-insert", "--complete-insert"];
    let text = dump(schema, &wanted, tables).await;
    let mut lines: Vec<_> = text.lines().filter(|l| l.starts_with("INSERT")).map(str::to_owned).collect();
    lines.sort_unstable();
    lines
}

/// A schema's dump without rows: tables, views, triggers, routines, events, with their settings.
pub async fn programs(schema: &Schema) -> String {
    let wanted = ["--no-data", "--routines", "--events", "--triggers"];
    // A trigger may have been made with its schema's name before its own or its table's.
    dump(schema, &wanted, &[])
        .await
        .replace(&format!("`{}`.", schema.name), "")
        .replace(&schema.name, "SCHEMA")
}

async fn dump(schema: &Schema, wanted: &[&str], tables: &[&str]) -> String {
    let mut account = tempfile::NamedTempFile::new().expect("a temporary file");
    let (user, password) = (&schema.server.admin_username, &schema.server.admin_password);
    write!(account, "[client]\nuser={user}\npassword={password}\n").expect("a temporary file takes a line");
    let dump = tokio::process::Command::new("mariadb-dump")
        .arg(format!("--defaults-file={}", account.path().display()))
        .args(["--protocol=tcp", "--host=127.0.0.1", &format!("--port={}", schema.server.port), "--compact"])
        .args(["--default-character-set=utf8mb4", "--single-transaction"])
        .args(wanted)
        .arg(&schema.name)
        .args(tables)
        .stdin(Stdio::null())
        .output()
        .await
        .expect("mariadb-dump runs");
    let said = String::from_utf8_lossy(&dump.stderr);
    assert!(dump.status.success(), "mariadb-dump of {}: {said}", schema.name);
    String::from_utf8_lossy(&dump.stdout).into_owned()
}

/// MariaDB keeps but one of the two zeros of a float; MySQL shows both.
fn one_zero(line: &str) -> String {
    // Twice, since neighbours share a comma.
    line.replace(",-0,", ",0,").replace(",-0,", ",0,")
}

fn shortened(line: &str) -> String {
    line.chars().take(400).collect()
}
