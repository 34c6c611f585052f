//! What comparing costs, by the key's type.

use longshore_tests::stack::Stack;
use serde_json::json;

use super::{ROUNDS, fleet, timed};
use crate::report::{self, Bound};

/// Rows of each table.
const ROWS: u32 = 130_000;
/// The key's type, and how a number becomes one; the first is the peer of the others.
const KEYS: [(&str, &str, &str); 3] = [
    ("BINARY(16)", "BINARY(16)", "UNHEX(MD5({n}))"),
    (
        "CHAR(36)",
        "CHAR(36) CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci",
        "LOWER(CONCAT_WS('-', LEFT(MD5({n}), 8), SUBSTR(MD5({n}), 9, 4), SUBSTR(MD5({n}), 13, 4),
             SUBSTR(MD5({n}), 17, 4), SUBSTR(MD5({n}), 21)))",
    ),
    ("UUID", "UUID", "CAST(UNHEX(MD5({n})) AS UUID)"),
];

/// Nothing changed, and a hundredth of the rows changed, where the target's own rows are deleted.
pub(super) async fn run() {
    let mut peer = None;
    for (name, column, value) in KEYS {
        let (equal, changed) = measured(column, value).await;
        let (equal_peer, changed_peer) = *peer.get_or_insert((equal, changed));
        let line = |what: &str| format!("key {name}, {what}, beside BINARY(16)");
        report::line(&line("nothing changed"), "s", equal, equal_peer, Bound::AtMost(1.5));
        report::line(&line("1 % changed"), "s", changed, changed_peer, Bound::AtMost(1.5));
    }
}

async fn measured(column: &str, value: &str) -> (f64, f64) {
    let stack: Stack = fleet(2, "4").await;
    let value = value.replace("{n}", "seq");
    stack.source.run(&format!("CREATE TABLE keyed (id {column} PRIMARY KEY, n INT, v VARCHAR(120))")).await;
    stack
        .source
        .run(&format!("INSERT INTO keyed SELECT {value}, seq, REPEAT(MD5(seq), 3) FROM seq_1_to_{ROWS}"))
        .await;
    stack.source.run("ANALYZE TABLE keyed").await;
    let task = stack.task(&json!({ "delete_extra": true })).await;
    timed(&stack, &task).await;
    timed(&stack, &task).await;
    let (mut equal, mut changed) = (f64::MAX, f64::MAX);
    for round in 0..ROUNDS {
        equal = equal.min(timed(&stack, &task).await.all);
        stack.source.run(&format!("UPDATE keyed SET v = MD5(CONCAT(v, {round})) WHERE n MOD 100 = 7")).await;
        changed = changed.min(timed(&stack, &task).await.all);
    }
    (equal, changed)
}
