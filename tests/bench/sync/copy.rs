//! The first copy.

use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::peers::Peers;
use super::{ROUNDS, TABLES, Times, fleet, tables, timed};
use crate::report::{self, Bound};

/// Columns of a table like sysbench's, as a checksum names them.
pub(super) const COLUMNS: &str = "id, k, c, pad";

/// What a worker may take beside its largest row.
const MEMORY: f64 = 100.0;

/// Four tables like sysbench's.
pub(super) async fn sysbench(stack: &Stack, task: &str) {
    let (ours, floor, dump, mydumper) = measure(stack, task, &TABLES, true).await;
    let peers = Peers::between(&stack.source, &stack.target);
    let columns = TABLES.map(|table| (table, COLUMNS));
    let bare = (0..ROUNDS).map(|_| peers.checksums(&columns)).fold(f64::MAX, f64::min);
    report::line("first copy, beside mariadb-dump | mariadb", "s", ours.copied, dump, Bound::AtMost(0.45));
    report::line("first copy, beside mydumper + myloader", "s", ours.copied, mydumper, Bound::AtMost(0.95));
    report::line("first copy, beside LOAD DATA from a pipe", "s", ours.copied, floor, Bound::AtMost(0.9));
    report::line("verify, beside bare checksums", "s", ours.verified, bare, Bound::AtMost(1.3));
    memory(stack, 0.0);
}

/// A wide table, and one of large values.
pub(super) async fn shapes() {
    let stack = fleet(2, "4").await;
    let task = stack.task(&json!({})).await;
    tables::wide(&stack.source, 150_000).await;
    let (ours, floor, dump, _) = measure(&stack, &task, &["wide"], false).await;
    report::line("wide table, beside mariadb-dump | mariadb", "s", ours.copied, dump, Bound::None);
    report::line("wide table, beside LOAD DATA from a pipe", "s", ours.copied, floor, Bound::None);
    stack.source.run("DROP TABLE wide").await;
    stack.target.run("DROP TABLE wide").await;
    tables::blobs(&stack.source, 400).await;
    let (ours, floor, dump, _) = measure(&stack, &task, &["blobs"], false).await;
    report::line("large values, beside mariadb-dump | mariadb", "s", ours.copied, dump, Bound::None);
    report::line("large values, beside LOAD DATA from a pipe", "s", ours.copied, floor, Bound::None);
    memory(&stack, 1.0);
}

/// Ours, the floor, the dump and mydumper, in turn.
async fn measure(stack: &Stack, task: &str, names: &[&str], whole: bool) -> (Times, f64, f64, f64) {
    let peers = Peers::between(&stack.source, &stack.target);
    let mut bare = Vec::new();
    for name in names {
        bare.push(parts(&stack.source, name).await);
    }
    let (mut ours, mut floor, mut dump, mut mydumper) = (Times::NEVER, f64::MAX, f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        clear(&stack.target, names).await;
        floor = floor.min(peers.floor(&bare));
        clear(&stack.target, names).await;
        ours = ours.or_faster(timed(stack, task).await);
        clear(&stack.target, names).await;
        dump = dump.min(peers.dump());
        if whole {
            clear(&stack.target, names).await;
            mydumper = mydumper.min(peers.mydumper());
        }
    }
    // What the next measurement compares with is what ours has made.
    clear(&stack.target, names).await;
    timed(stack, task).await;
    (ours, floor, dump, mydumper)
}

async fn clear(target: &Schema, names: &[&str]) {
    target.run(&format!("DROP TABLE IF EXISTS {}", names.join(", "))).await;
}

/// A table's name, its `CREATE` without secondary indexes, and the clause that adds these.
async fn parts(schema: &Schema, name: &str) -> (String, String, String) {
    let rows: Vec<(String, String)> = schema.rows(&format!("SHOW CREATE TABLE {name}")).await;
    let (mut create, mut clauses) = (Vec::new(), Vec::new());
    for line in rows[0].1.lines() {
        let line = line.trim_end_matches(',');
        match line.trim_start().starts_with("KEY ") {
            true => clauses.push(format!("ADD {}", line.trim_start())),
            false => create.push(line.to_owned()),
        }
    }
    let last = create.len() - 1;
    let create = format!("{}\n{}\n{}", create[0], create[1..last].join(",\n"), create[last]);
    (name.to_owned(), create, clauses.join(", "))
}

/// The largest worker's peak; `row` is the largest row's size, in mebibytes.
pub(super) fn memory(stack: &Stack, row: f64) {
    #[expect(clippy::cast_precision_loss, reason = "it is shown")]
    let peak = stack.workers.iter().map(|worker| worker.memory("VmHWM") as f64 / f64::from(1 << 20));
    report::limit("a worker's peak memory", "MiB", peak.fold(0.0, f64::max), MEMORY + 4.0 * row);
}
