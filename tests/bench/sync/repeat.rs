//! The same sync again: nothing changed, and a hundredth of the rows changed.

use longshore_tests::stack::Stack;

use super::copy::COLUMNS;
use super::peers::Peers;
use super::{ROUNDS, ROWS, TABLES, timed};
use crate::report::{self, Bound};

/// Measures all on a stack whose source is filled.
pub(super) async fn run(stack: &Stack, task: &str) {
    // Makes both sides equal, and boundaries known.
    timed(stack, task).await;
    timed(stack, task).await;
    let peers = Peers::between(&stack.source, &stack.target);
    let columns = TABLES.map(|table| (table, COLUMNS));
    let [mut equal, mut bare, mut peer, mut spread, mut range] = [f64::MAX; 5];
    for _ in 0..ROUNDS {
        bare = bare.min(peers.checksums(&columns));
        equal = equal.min(timed(stack, task).await.all);
        peer = peer.min(peers.pt_table_sync(&TABLES));
        change(stack, "id MOD 100 = 7").await;
        spread = spread.min(timed(stack, task).await.all);
        change(stack, &format!("id BETWEEN {} AND {}", ROWS / 2, ROWS / 2 + ROWS / 100)).await;
        range = range.min(timed(stack, task).await.all);
    }
    report::line("nothing changed, beside pt-table-sync", "s", equal, peer, Bound::AtMost(0.22));
    report::line("nothing changed, beside bare checksums", "s", equal, bare, Bound::AtMost(1.2));
    report::line("1 % of the rows changed, spread", "s", spread, equal, Bound::AtMost(3.0));
    report::line("1 % of the rows changed, in one range", "s", range, equal, Bound::AtMost(1.3));
}

/// Changes rows of every table of the source.
async fn change(stack: &Stack, which: &str) {
    for table in TABLES {
        let sql = format!(
            "UPDATE {table} SET c = CONCAT(LEFT(MD5(CONCAT(c, RAND())), 11), SUBSTR(c, 12)) WHERE {which}"
        );
        stack.source.run(&sql).await;
    }
}
