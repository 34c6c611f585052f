//! An index of a table that does not fit into its server's memory is built behind a session that
//! reads ahead, unless the target's sessions are counted.

use longshore_tests::agree::agree;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use serde_json::json;

/// Statements that walked past rows of a table.
async fn strides(stack: &Stack, table: &str) -> i64 {
    let walked = format!("SELECT%FROM `{table}` FORCE INDEX (`PRIMARY`)%LIMIT 1 OFFSET%");
    let sql = format!(
        "SELECT COUNT(*) FROM mysql.general_log
         WHERE argument LIKE '{walked}' AND argument NOT LIKE '%general_log%'"
    );
    stack.target.value(&sql).await
}

#[tokio::test]
async fn an_index_of_what_does_not_fit_into_memory_is_built_behind_a_session_that_reads_ahead() {
    let options = ["innodb-buffer-pool-size=16M", "general-log=1", "log-output=TABLE"];
    let options = options.map(|option| format!("mariadb-1={option}"));
    let small = Held::start_with("mariadb:1", &options.each_ref().map(String::as_str));
    let mut stack = Stack::prepared().await;
    stack.move_to(None, Some(&small.mariadb[0])).await;
    stack.start_all().await;
    for sql in [
        "CREATE TABLE large (id BIGINT PRIMARY KEY, word CHAR(32), pad CHAR(160), KEY (word), KEY (pad, id))",
        "INSERT INTO large SELECT seq * 7, MD5(seq), REPEAT('x', 160) FROM seq_1_to_90000",
        "CREATE TABLE pairs (a VARCHAR(40), b INT, pad CHAR(250), PRIMARY KEY (a, b), KEY (b))",
        "INSERT INTO pairs SELECT CONCAT('Straße ', seq DIV 9), seq, REPEAT('y', 250) FROM seq_1_to_45000",
        "CREATE TABLE plain (id INT PRIMARY KEY, word CHAR(32), KEY (word))",
        "INSERT INTO plain SELECT seq, MD5(seq) FROM seq_1_to_20000",
        "ANALYZE TABLE large, pairs, plain",
    ] {
        stack.source.run(sql).await;
    }
    let task = stack.task(&json!({})).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    for table in ["large", "pairs"] {
        let strides = strides(&stack, table).await;
        assert!(strides > 4, "{table}: {strides} statements read ahead");
    }
    assert_eq!(strides(&stack, "plain").await, 0, "what fits into memory needs nobody");

    stack.target.run("DROP TABLE large, pairs, plain").await;
    stack.target.run("TRUNCATE mysql.general_log").await;
    stack.control.run("UPDATE connections SET max_sessions = 1").await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
    for table in ["large", "pairs"] {
        assert_eq!(strides(&stack, table).await, 0, "{table}: a session more than the limit allows");
    }
    stack.target.remove().await;
}
