//! Very many small tables: what one costs, and what a job of so many costs those who look at it. A number
//! behind `sync/many` is that of the tables, for a quick look without the line of many.

use std::time::Instant;

use longshore_tests::stack::Stack;
use serde_json::json;

use super::copy::memory;
use super::peers::Peers;
use super::{ROUNDS, fleet, timed};
use crate::report::{self, Bound};

/// Small tables of ten rows and a secondary index each.
const FEW: u32 = 2_000;
const MANY: u32 = 20_000;
/// How long a person waits for a job's view, in milliseconds.
const VIEW: f64 = 100.0;

/// Two thousand beside the dump, and twenty thousand beside two thousand.
pub(super) async fn run() {
    let stack = fleet(2, "4").await;
    let task = stack.task(&json!({})).await;
    let asked = std::env::args().nth(2).and_then(|few| few.parse().ok());
    let few = asked.unwrap_or(FEW);
    make(&stack, 0, few).await;
    let peers = Peers::between(&stack.source, &stack.target);
    let [mut first, mut dump, mut again] = [f64::MAX; 3];
    for _ in 0..ROUNDS {
        clear(&stack, few).await;
        dump = dump.min(peers.dump());
        clear(&stack, few).await;
        first = first.min(timed(&stack, &task).await.all);
        again = again.min(timed(&stack, &task).await.all);
    }
    let named = |what: &str| format!("{few} small tables: {what}");
    report::line(&named("first copy, beside the dump"), "s", first, dump, Bound::AtMost(0.8));
    report::line(&named("nothing changed, beside it"), "s", again, dump, Bound::AtMost(0.15));
    if asked.is_some() {
        return looks(&stack, few).await;
    }
    clear(&stack, few).await;
    make(&stack, few, MANY).await;
    let all = timed(&stack, &task).await.all;
    report::line(&format!("{MANY} small tables, beside {few}"), "s", all, first, Bound::AtMost(11.0));
    looks(&stack, MANY).await;
    memory(&stack, 0.0);
}

/// What the newest job's view takes, and its events up to the first.
async fn looks(stack: &Stack, tables: u32) {
    let job: String = stack.control.value("SELECT id::text FROM jobs ORDER BY id DESC LIMIT 1").await;
    let [mut view, mut event] = [f64::MAX; 2];
    for _ in 0..5 {
        let since = Instant::now();
        stack.client.job(&job).await;
        view = view.min(milliseconds(since));
        let since = Instant::now();
        stack.client.watch(&job).await.next().await;
        event = event.min(milliseconds(since));
    }
    report::limit(&format!("the view of a job of {tables} tables"), "ms", view, VIEW);
    report::limit("its first event", "ms", event, VIEW);
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

async fn make(stack: &Stack, from: u32, to: u32) {
    for first in (from..to).step_by(100) {
        let make = |n: u32| {
            format!(
                "CREATE TABLE t{n} (id INT PRIMARY KEY, v VARCHAR(40), KEY v (v));
                 INSERT INTO t{n} SELECT seq, MD5(seq) FROM seq_1_to_10"
            )
        };
        stack.source.run(&(first..first + 100).map(make).collect::<Vec<_>>().join(";")).await;
    }
}

async fn clear(stack: &Stack, tables: u32) {
    for first in (0..tables).step_by(100) {
        let names: Vec<String> = (first..first + 100).map(|n| format!("t{n}")).collect();
        stack.target.run(&format!("DROP TABLE IF EXISTS {}", names.join(", "))).await;
    }
}
