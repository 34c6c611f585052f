//! A range that differs is looked at window by window: whatever lies at a window's edge, or only
//! on one side, is found and counted once.

use longshore_tests::agree::tables_agree;
use longshore_tests::stack::Stack;
use serde_json::json;

/// Rows of the source, with the even keys from 2 on; a window has 5,000.
const ROWS: i64 = 23_000;

#[tokio::test]
async fn what_differs_is_found_in_each_window_and_at_its_edges() {
    let stack = Stack::running().await;
    let table = "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40))";
    stack.source.run(&format!("{table}; INSERT INTO t SELECT seq * 2, MD5(seq) FROM seq_1_to_{ROWS}")).await;
    let task = stack.task(&json!({"delete_extra": true, "max_delete_percent": 100})).await;
    stack.run_completed(&task).await;
    for (sql, [inserted, updated, deleted]) in [
        // One window: its first rows, all of it, its last row, the last window's last row.
        ("UPDATE t SET word = 'x' WHERE id BETWEEN 10002 AND 10100", [0, 50, 0]),
        ("UPDATE t SET word = 'x' WHERE id BETWEEN 20002 AND 30000", [0, 5_000, 0]),
        ("UPDATE t SET word = 'x' WHERE id IN (30000, 46000)", [0, 2, 0]),
        ("DELETE FROM t WHERE id IN (2, 10000, 10002, 20000, 46000)", [5, 0, 0]),
        ("DELETE FROM t WHERE id BETWEEN 9000 AND 31000", [11_001, 0, 0]),
        ("INSERT INTO t VALUES (10001, 'x'), (20001, 'x'), (46001, 'x')", [0, 0, 3]),
        // As many as they are, all stand before one row of the source.
        ("INSERT INTO t SELECT -seq, 'x' FROM seq_1_to_12000", [0, 0, 12_000]),
        // Swapped: the sums of both sides' rows are equal.
        (
            "UPDATE t SET word = (SELECT word FROM (SELECT * FROM t WHERE id IN (4, 6)) o WHERE o.id = 10 - t.id)
             WHERE id IN (4, 6)",
            [0, 2, 0],
        ),
        (
            "DELETE FROM t WHERE id = 2; UPDATE t SET word = 'x' WHERE id MOD 1000 = 0;
             INSERT INTO t VALUES (25001, 'x')",
            [1, 46, 1],
        ),
    ] {
        stack.target.run(sql).await;
        let job = stack.run_completed(&task).await;
        let counts = &job.tables[0].counts;
        assert_eq!(job.tables[0].chunks_total, 1, "one range, many windows");
        let seen = [counts.inserted, counts.updated, counts.deleted];
        assert_eq!(seen, [inserted, updated, deleted], "{sql}");
        assert_eq!(counts.unchanged, ROWS - inserted - updated, "{sql}");
        tables_agree(&stack.source, &stack.target, &["t"]).await;
    }
}
