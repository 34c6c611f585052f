//! A sync beside the tools that people use for it, and beside the floor: what the servers
//! themselves need with nothing in between. Ours and the peers in turn, on the same servers; the
//! fastest of some rounds counts, since a machine only ever slows one down.

mod copy;
mod keys;
mod many;
mod peers;
mod repeat;
mod scaling;
mod tables;

use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use crate::report;

/// Rounds of each line.
const ROUNDS: usize = 2;
/// Tables like sysbench's.
const TABLES: [&str; 4] = ["sbtest1", "sbtest2", "sbtest3", "sbtest4"];
/// Rows of each.
const ROWS: u32 = 500_000;

/// Measures all, or the one part.
pub(crate) async fn run(only: Option<&str>) {
    report::note(&format!(
        "sync: MariaDB to MariaDB on this machine; {} tables of {ROWS} rows like sysbench's, two workers",
        TABLES.len()
    ));
    report::head();
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    if wanted("copy") || wanted("repeat") {
        let stack = fleet(2, "4").await;
        for table in TABLES {
            tables::sysbench(&stack.source, table, ROWS).await;
        }
        let task = stack.task(&json!({})).await;
        if wanted("copy") {
            copy::sysbench(&stack, &task).await;
        }
        if wanted("repeat") {
            repeat::run(&stack, &task).await;
        }
    }
    if wanted("shapes") {
        copy::shapes().await;
    }
    if wanted("scaling") {
        scaling::workers().await;
    }
    if wanted("growth") {
        scaling::growth().await;
    }
    if wanted("many") {
        many::run().await;
    }
    if wanted("keys") {
        keys::run().await;
    }
}

/// An API, a scheduler and so many workers with so many permits each, as an operator has them.
async fn fleet(workers: usize, permits: &str) -> Stack {
    let settings = [("LOG", "warn"), ("WORKER_PERMITS", permits), ("LEASE_SECONDS", "30")];
    Stack::with_workers(workers, &settings).await
}

/// A job's seconds, by what it did.
#[derive(Clone, Copy, Debug)]
struct Times {
    /// From the request to the last row, index and foreign key.
    copied: f64,
    /// What the verification took beyond that: tables that are done are verified beside others.
    verified: f64,
    /// From the request to the end.
    all: f64,
}

impl Times {
    const NEVER: Self = Self { copied: f64::MAX, verified: f64::MAX, all: f64::MAX };

    fn or_faster(self, other: Self) -> Self {
        Self {
            copied: self.copied.min(other.copied),
            verified: self.verified.min(other.verified),
            all: self.all.min(other.all),
        }
    }
}

/// Where a job's time went: its steps, in the order of their claims, seconds from the request.
async fn show_steps(stack: &Stack, job: &str) {
    let sql = format!(
        "SELECT format('%s %s %s  %s to %s', rpad(coalesce(s.worker_name, ''), 9), rpad(s.kind, 12),
                rpad(coalesce(s.table_number::text, ''), 3),
                round(extract(epoch FROM s.started_at - j.created_at), 3),
                round(extract(epoch FROM s.ended_at - j.created_at), 3))
         FROM steps s JOIN jobs j ON j.id = s.job_id WHERE j.id = '{job}' ORDER BY s.started_at"
    );
    for line in stack.control.column::<String>(&sql).await {
        report::note(&format!("    {line}"));
    }
    let ended =
        format!("SELECT extract(epoch FROM ended_at - created_at)::float8 FROM jobs WHERE id = '{job}'");
    let ended: f64 = stack.control.value(&ended).await;
    report::note(&format!("    the job ended after {ended:.3} s"));
}

/// Runs a task to its verified end.
async fn timed(stack: &Stack, task: &str) -> Times {
    let job = stack.client.submit(task).await;
    // Asked of the database: a job's whole picture, many times a second, is work beside it.
    let is_over = format!("SELECT ended_at IS NOT NULL FROM jobs WHERE id = '{job}'");
    let over = async || stack.control.value::<bool>(&is_over).await.then_some(());
    until("the job ends", seconds(1_800), over).await;
    stack.client.completed(&job, seconds(60)).await;
    let of = |what: &str| format!("SELECT ({what})::float8 FROM jobs j WHERE j.id = '{job}'");
    let ended = |kinds: &str, which: &str| {
        format!("(SELECT {which} FROM steps s WHERE s.job_id = j.id AND s.kind {kinds} 'verify')")
    };
    let epoch = |of: String| format!("extract(epoch FROM {of})");
    if std::env::args().nth(2).as_deref() == Some("steps") {
        show_steps(stack, &job).await;
    }
    let copied = epoch(format!("{} - j.created_at", ended("<>", "max(s.ended_at)")));
    let verified = epoch(format!("j.ended_at - {}", ended("<>", "max(s.ended_at)")));
    Times {
        copied: stack.control.value(&of(&copied)).await,
        verified: stack.control.value(&of(&verified)).await,
        all: stack.control.value(&of(&epoch("j.ended_at - j.created_at".to_owned()))).await,
    }
}
