//! What Longshore must survive: every test breaks something in the middle of a sync and
//! then holds both databases against each other. Numbers are those of the list of faults.

mod boundaries;
mod broker;
mod cancel;
mod clocks;
mod control_plane;
mod cuts;
mod keys;
mod lossy;
mod messages;
mod mysql;
mod poison;
mod pressure;
mod restarts;
mod rolling;
mod servers;
mod stopping;
mod submissions;
mod target;
mod unknown;
mod workers;

use longshore_tests::agree::agree;
use longshore_tests::client::Job;
use longshore_tests::fleet::Process;
use longshore_tests::schema::Schema;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};

/// Settings that make a sync of some 20,000 rows last, in many chunks.
const SLOW: &[(&str, &str)] = &[("CHUNK_ROWS", "250"), ("WORKER_PERMITS", "2")];

/// Rows that every duplicate would show in: a third of them in a table without a key.
async fn seed(schema: &Schema, rows: u32) {
    longshore_tests::seeds::shop(schema, rows).await;
}

/// A table without a key, too large to be copied in a moment: one chunk, one transaction.
async fn seed_keyless(schema: &Schema, rows: u32) {
    schema.run("CREATE TABLE log_lines (at DATETIME, line VARCHAR(200))").await;
    let sql = format!("INSERT INTO log_lines SELECT '2024-01-01', REPEAT(MD5(seq), 5) FROM seq_1_to_{rows}");
    schema.run(&sql).await;
}

/// A second task between the two databases, by connections of its own.
pub(crate) async fn again(stack: &Stack, options: &serde_json::Value) -> String {
    let mut ends = Vec::new();
    for schema in [&stack.source, &stack.target] {
        let mut body = longshore_tests::client::connection_body(schema);
        body["name"] = format!("{} again", schema.name).into();
        ends.push(stack.client.post("/v1/connections", &body).await.expect(201).id());
    }
    stack.client.task(&ends[0], &ends[1], options).await
}

/// Waits until a step of this kind is in a worker's hands; answers the worker's place.
async fn in_hand(stack: &Stack, job: &str, kind: &str) -> usize {
    let sql = format!(
        "SELECT worker_name FROM steps WHERE job_id = '{job}' AND kind = '{kind}' AND state = 'running' LIMIT 1"
    );
    let name = until(&format!("a step {kind} runs"), seconds(20), async || {
        let found: Vec<String> = stack.control.column(&sql).await;
        found.into_iter().next()
    })
    .await;
    stack.workers.iter().position(|worker| worker.name == name).unwrap()
}

/// Waits until a statement of the job's account has worked on the target for a while: rows
/// are written and not committed. (`INNODB_TRX` would tell rows, but stands still while it
/// is read more often than ten times a second.)
async fn mid_statement(target: &Schema) {
    let while_by_now =
        if target.server.is_mysql() { "time BETWEEN 1" } else { "time_ms / 1000 BETWEEN 0.15" };
    let sql = format!(
        "SELECT COUNT(*) FROM information_schema.processlist
         WHERE user = '{}' AND command = 'Query' AND {while_by_now} AND 60",
        target.username
    );
    until("a statement is in the middle", seconds(20), async || {
        (target.value::<i64>(&sql).await > 0).then_some(())
    })
    .await;
}

/// Whether a worker that slept has found out that its step is no longer its own, by whatever it came
/// to first: its clock, a renewal, the settlement, or a session that is gone under its statement.
fn knows_it_is_late(worker: &Process) -> bool {
    let log = worker.log();
    ["lease", "could not be settled", "the step failed"].iter().any(|said| log.contains(said))
}

/// The job goes on to its end, and nothing is missing and nothing twice.
async fn all_is_well(stack: &Stack, job: &str) -> Job {
    let job = stack.client.completed(job, seconds(60)).await;
    agree(&stack.source, &stack.target).await;
    job
}

/// The most attempts and claims that any step of the job needed.
async fn attempts(stack: &Stack, job: &str) -> (i32, i64) {
    let one = |column: &str| format!("SELECT max({column}) FROM steps WHERE job_id = '{job}'");
    (stack.control.value(&one("attempt")).await, stack.control.value(&one("token")).await)
}
