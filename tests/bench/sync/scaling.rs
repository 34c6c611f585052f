//! More workers, and more rows.

use longshore_tests::proxy::Flow;
use longshore_tests::stack::{Stack, Upstream};
use serde_json::json;

use super::{fleet, tables, timed};
use crate::report::{self, Bound};

/// Bytes a second of each data session.
const THROTTLE: u64 = 4 << 20;

/// One data session a worker, each throttled: what more workers bring.
pub(super) async fn workers() {
    for (what, names, rows) in
        [("four tables", &["a1", "a2", "a3", "a4"][..], 200_000), ("one table", &["one"][..], 800_000)]
    {
        let mut took = Vec::new();
        for workers in [1, 2, 4] {
            let stack = throttled(workers, names, rows).await;
            let task = stack.task(&json!({})).await;
            took.push(timed(&stack, &task).await.copied);
        }
        let rate = |at: usize| 1.0 / took[at];
        report::line(
            &format!("{what}: two workers, beside one"),
            "/s",
            rate(1),
            rate(0),
            Bound::AtLeast(1.9),
        );
        report::line(
            &format!("{what}: four workers, beside one"),
            "/s",
            rate(2),
            rate(0),
            Bound::AtLeast(3.6),
        );
    }
}

async fn throttled(workers: usize, names: &[&str], rows: u32) -> Stack {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LOG", "warn"), ("WORKER_PERMITS", "1"), ("LEASE_SECONDS", "30"), ("CHUNK_ROWS", "20000")]);
    let proxy = stack.proxy(Upstream::Source);
    proxy.set(Flow::Throttle(THROTTLE));
    // It goes on to the end of the process.
    std::mem::forget(proxy);
    stack.start_api();
    stack.start_scheduler();
    for _ in 0..workers {
        stack.start_worker();
    }
    stack.ready().await;
    for name in names {
        tables::sysbench(&stack.source, name, rows).await;
    }
    stack
}

/// The same table with more rows: what a row costs.
pub(super) async fn growth() {
    let stack = fleet(2, "4").await;
    let task = stack.task(&json!({})).await;
    let mut costs = Vec::new();
    for rows in [100_000_u32, 1_000_000, 10_000_000] {
        stack.source.run("DROP TABLE IF EXISTS grown").await;
        stack.target.run("DROP TABLE IF EXISTS grown").await;
        tables::sysbench(&stack.source, "grown", rows).await;
        let took = timed(&stack, &task).await.copied;
        report::note(&format!("  {rows} rows: {took:.1} s"));
        costs.push(took / f64::from(rows) * 1e6);
    }
    report::line(
        "a row of 10 million, beside one of a million",
        "us",
        costs[2],
        costs[1],
        Bound::AtMost(1.15),
    );
}
