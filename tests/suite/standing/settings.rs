//! Settings of whole servers, of the source and of the target in turn: a sync is equal nevertheless.

use longshore_tests::agree::agree;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, MariaDb, Servers};
use longshore_tests::stack::Stack;
use serde_json::json;

/// Settings that are tried together; a server without one does without it.
const GROUPS: &[&[(&str, &str)]] = &[
    &[
        ("sql_mode", "'ANSI,HIGH_NOT_PRECEDENCE,NO_BACKSLASH_ESCAPES,PAD_CHAR_TO_FULL_LENGTH'"),
        ("completion_type", "1"),
        ("autocommit", "0"),
    ],
    &[
        ("sql_mode", "'TRADITIONAL'"),
        ("completion_type", "2"),
        ("sql_select_limit", "1"),
        ("max_error_count", "0"),
        ("sql_auto_is_null", "1"),
    ],
    &[
        ("sql_mode", "'ORACLE'"),
        ("sql_safe_updates", "1"),
        ("character_set_results", "latin1"),
        ("character_set_client", "latin1"),
        ("character_set_connection", "latin1"),
        ("collation_connection", "latin1_german2_ci"),
    ],
    &[
        ("sql_mode", "'EMPTY_STRING_IS_NULL,SIMULTANEOUS_ASSIGNMENT,TIME_ROUND_FRACTIONAL'"),
        ("sql_big_selects", "0"),
        ("max_join_size", "1000"),
        ("innodb_snapshot_isolation", "1"),
    ],
    &[
        (
            "sql_mode",
            "'IGNORE_SPACE,NO_UNSIGNED_SUBTRACTION,PIPES_AS_CONCAT,REAL_AS_FLOAT,NO_ZERO_DATE,NO_ZERO_IN_DATE,STRICT_ALL_TABLES'",
        ),
        ("sql_require_primary_key", "1"),
        ("sql_generate_invisible_primary_key", "1"),
        ("group_concat_max_len", "4"),
        ("default_storage_engine", "MyISAM"),
    ],
    &[
        ("time_zone", "'+05:45'"),
        ("lc_time_names", "'ja_JP'"),
        ("lc_messages", "'fr_FR'"),
        ("div_precision_increment", "0"),
        ("default_week_format", "6"),
        ("tx_isolation", "'SERIALIZABLE'"),
        ("transaction_isolation", "'SERIALIZABLE'"),
        ("explicit_defaults_for_timestamp", "0"),
    ],
    &[
        ("foreign_key_checks", "0"),
        ("unique_checks", "0"),
        ("check_constraint_checks", "0"),
        ("alter_algorithm", "'INPLACE'"),
        ("old_mode", "'NO_PROGRESS_INFO,ZERO_DATE_TIME_CAST,UTF8_IS_UTF8MB3'"),
        ("old_passwords", "0"),
        ("innodb_strict_mode", "1"),
        ("innodb_default_row_format", "'COMPACT'"),
        ("sql_quote_show_create", "0"),
        ("sql_notes", "0"),
    ],
    &[
        ("transaction_read_only", "1"),
        ("tx_read_only", "1"),
        ("sql_warnings", "1"),
        ("big_tables", "1"),
        ("low_priority_updates", "1"),
        ("max_sort_length", "64"),
        ("lock_wait_timeout", "1"),
        ("innodb_lock_wait_timeout", "1"),
        ("max_statement_time", "0.001"),
        ("max_execution_time", "1"),
        ("block_encryption_mode", "'aes-256-cbc'"),
        ("windowing_use_high_precision", "0"),
        ("sql_buffer_result", "1"),
    ],
];

const TABLES: &str = "
    CREATE TABLE parents (id INT PRIMARY KEY, name CHAR(10), u VARCHAR(20) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, UNIQUE KEY (u)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
    CREATE TABLE children (id INT AUTO_INCREMENT PRIMARY KEY, pid INT, t TEXT CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci, d DATETIME(3), ts TIMESTAMP NULL, f DOUBLE, n DECIMAL(20,6),  KEY (pid), CONSTRAINT c_p FOREIGN KEY (pid) REFERENCES parents (id)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
    CREATE TABLE texts (k VARCHAR(30) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci NOT NULL, v VARBINARY(20), e ENUM('x',''), PRIMARY KEY (k)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;
    CREATE TABLE bag (a INT, b CHAR(5)) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_general_ci;";
const ROWS: &str = "
    SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', SESSION time_zone = '+00:00';
    INSERT INTO parents VALUES (0,'a ','u0'),(1,'','u1'),(2,NULL,'ü2'),(3,'x','');
    INSERT INTO children (id,pid,t,d,ts,f,n) VALUES (0,0,'a\\\\n''\"',  '0000-00-00 00:00:00','2024-01-01 01:00:00',-0.5,1.5),(5,1,'','2024-02-30 01:02:03.456','1970-01-01 00:00:01',1e300,-2),(6,NULL,NULL,NULL,NULL,NULL,NULL);
    INSERT INTO texts VALUES ('A','',''),('b ','\\\\','x'),('ß',x'00FF5C27',NULL);
    INSERT INTO bag VALUES (1,'a'),(1,'a'),(NULL,'');";
const CHANGES: &str = "
    SET SESSION sql_mode = 'NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES', SESSION time_zone = '+00:00';
    UPDATE parents SET name = 'new ' WHERE id > 1; INSERT INTO parents VALUES (9,'p','u9'); DELETE FROM children WHERE id = 5;
    UPDATE children SET t = 'changed\\\\', n = 3, f = 0.1 WHERE id = 0; INSERT INTO children (id,pid,t,n) VALUES (7,9,'',1);
    UPDATE texts SET v = 'w\\\\''', e = ''; DELETE FROM texts WHERE k = 'A'; INSERT INTO texts VALUES ('','',''); UPDATE bag SET b = '';";

#[tokio::test]
async fn settings_of_servers_mariadb_10_11() {
    each("mariadb").await;
}

#[tokio::test]
async fn settings_of_servers_mariadb_11() {
    each("mariadb11").await;
}

#[tokio::test]
async fn settings_of_servers_mysql_5_7() {
    each("mysql57").await;
}

#[tokio::test]
async fn settings_of_servers_mysql_9() {
    each("mysql9").await;
}

async fn each(kind: &str) {
    if kind != "mariadb" && !Servers::is_wanted(kind) {
        return;
    }
    let own = Held::start(kind);
    let odd = &own.mariadb[0];
    let mut stack = Stack::running_with(&[("CHUNK_ROWS", "2")]).await;
    let mut failed = Vec::new();
    for group in GROUPS {
        for is_source in [true, false] {
            let run = &Servers::of_the_run().mariadb;
            let (source, target) = if is_source { (odd, &run[1]) } else { (&run[0], odd) };
            stack.move_to(Some(source), Some(target)).await;
            if let Err(why) = one(&stack, odd, group, is_source).await {
                failed
                    .push(format!("{group:?} of the {}: {why}", if is_source { "source" } else { "target" }));
            }
            for schema in [&stack.source, &stack.target] {
                schema.remove().await;
            }
        }
    }
    assert!(failed.is_empty(), "{}", failed.join("\n"));
}

async fn one(stack: &Stack, odd: &MariaDb, group: &[(&str, &str)], is_source: bool) -> Result<(), String> {
    let side = if is_source { &stack.source } else { &stack.target };
    assert_eq!(side.server.name, odd.name);
    stack.source.run(TABLES).await;
    stack.source.run(ROWS).await;
    if odd.kind() == "mysql9" {
        // Without it a table without a key is refused by name, for the column that it would get.
        side.run(&format!("GRANT SESSION_VARIABLES_ADMIN ON *.* TO '{}'@'127.0.0.1'", side.username)).await;
    }
    let task = stack.task(&json!({"delete_extra": true, "keyless": "replace"})).await;
    for changes in [None, Some(CHANGES)] {
        if let Some(changes) = changes {
            stack.source.run(changes).await;
        }
        let before = set(side, group).await;
        let job = stack.run(&task).await;
        for sql in before {
            side.run(&format!("SET SESSION autocommit = 1; {sql}")).await;
        }
        if job.state != "completed" {
            return Err(format!("{}: {:?}", job.state, job.failure));
        }
        agree(&stack.source, &stack.target).await;
    }
    Ok(())
}

/// Sets those that the server has; answers how they are set back.
async fn set(schema: &Schema, group: &[(&str, &str)]) -> Vec<String> {
    let mut before = Vec::new();
    let mut statements = Vec::new();
    for (name, value) in group {
        let found: Vec<(String, String)> =
            schema.rows(&format!("SHOW GLOBAL VARIABLES WHERE Variable_name = '{name}'")).await;
        let Some((_, old)) = found.into_iter().next() else { continue };
        if !takes(schema, name, value) {
            continue;
        }
        let old = if old.parse::<f64>().is_ok() { old } else { format!("'{old}'") };
        before.push(format!("SET GLOBAL {name} = {old}"));
        statements.push(format!("SET GLOBAL {name} = {value}"));
    }
    // In one session, since the next ones have them already.
    schema.run(&statements.join("; ")).await;
    before
}

/// Modes that only one flavour has.
fn takes(schema: &Schema, name: &str, value: &str) -> bool {
    const MARIADB: [&str; 3] = ["ORACLE", "EMPTY_STRING_IS_NULL", "ZERO_DATE_TIME_CAST"];
    let is_57 = schema.server.kind() == "mysql57";
    match name {
        "sql_mode" if is_57 => !value.contains("EMPTY_STRING_IS_NULL"),
        "sql_mode" | "old_mode" if schema.server.is_mysql() => {
            !MARIADB.iter().any(|mode| value.contains(mode))
        }
        _ => true,
    }
}
