//! A person cancels a job, in every phase of it (F28): within ten seconds it has stopped, its
//! sessions are gone from both servers and with them every lock and open transaction, what
//! it says of each table is what is there, and the next run completes.
//!
//! No phase is hit by luck: somebody else's lock keeps the step exactly there, and is still
//! held when the job has to have ended. Where a lock of the target's would stop an earlier
//! step as well, a lock on the control plane's row holds the step back until it is taken.

mod outages;
mod phases;

use std::collections::BTreeMap;

use longshore_tests::agree::agree;
use longshore_tests::client::Job;
use longshore_tests::schema::{Blocker, Schema, quoted};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::{in_hand, mid_statement};

/// A keyed table, with as many rows as fill several chunks.
const KEYED: &str = "CREATE TABLE t (id INT PRIMARY KEY, word VARCHAR(40))";
const ROWS: &str = "INSERT INTO t SELECT seq, MD5(seq) FROM seq_1_to_2000";
/// Chunks small enough for several.
const CHUNKS: &[(&str, &str)] = &[("CHUNK_ROWS", "500")];

/// A job that is to be cancelled.
struct Case<'a> {
    stack: &'a Stack,
    task: String,
    job: String,
    before: BTreeMap<String, u64>,
}

impl<'a> Case<'a> {
    async fn submit(stack: &'a Stack, options: &Value) -> Self {
        let before = contents(&stack.target).await;
        let task = stack.task(options).await;
        let job = stack.client.submit(&task).await;
        Self { stack, task, job, before }
    }

    /// As [`Case::submit`], by connections that no earlier task of the stack has.
    async fn submit_again(stack: &'a Stack) -> Self {
        let before = contents(&stack.target).await;
        let task = super::again(stack, &json!({})).await;
        let job = stack.client.submit(&task).await;
        Self { stack, task, job, before }
    }

    /// Waits until a step of this kind hangs in a statement on this side.
    async fn hangs(&self, kind: &str, side: &Schema) {
        in_hand(self.stack, &self.job, kind).await;
        mid_statement(side).await;
    }

    /// Holds steps of this kind back until everything before them is done and the locks
    /// that are to keep them are taken; `waiting` lets what is before them go on.
    async fn caught(&self, kind: &str, waiting: Blocker, lock: &str) -> Blocker {
        let gate = self.stack.control.gate(&self.job, kind).await;
        waiting.release().await;
        self.stack.control.stands_before(&gate).await;
        let blocker = self.stack.target.blocker(lock).await;
        gate.open().await;
        self.hangs(kind, &self.stack.target).await;
        blocker
    }

    /// Cancels it and checks everything that is promised; `states` are those of its tables.
    async fn cancel(self, states: &[(&str, &str)], blockers: Vec<Blocker>) {
        let ended = self.end().await;
        let told: Vec<_> = ended.tables.iter().map(|t| (t.name.as_str(), t.state.as_str())).collect();
        assert_eq!(told, states, "{ended:#?}");
        let client = &self.stack.client;
        let again = client.post(&format!("/v1/jobs/{}/cancel", self.job), &json!({})).await;
        again.expect_problem(409, "job_ended");
        for blocker in blockers {
            blocker.release().await;
        }
        self.is_as_told(&ended).await;
        let next = client.submit(&self.task).await;
        client.completed(&next, seconds(60)).await;
        agree(&self.stack.source, &self.stack.target).await;
    }

    /// Cancels it; afterwards nothing of it is left on either server.
    async fn end(&self) -> Job {
        let Stack { client, source, target, .. } = self.stack;
        client.post(&format!("/v1/jobs/{}/cancel", self.job), &json!({})).await.expect(202);
        let ended = client.ended(&self.job, seconds(10)).await;
        assert_eq!((ended.state.as_str(), ended.failure.is_none()), ("cancelled", true), "{ended:#?}");
        for schema in [source, target] {
            no_session(schema).await;
        }
        let steps = format!("SELECT id::text FROM steps WHERE job_id = '{}'", self.job);
        for step in self.stack.control.column::<String>(&steps).await {
            let lock = format!("SELECT COALESCE(IS_USED_LOCK('longshore:{step}'), 0)");
            assert_eq!(target.value::<i64>(&lock).await, 0, "step {step} holds its lock");
        }
        let holds = format!(
            "SELECT count(*) FROM target_locks WHERE job_id = '{}' AND state <> 'released'",
            self.job
        );
        assert_eq!(self.stack.control.value::<i64>(&holds).await, 0);
        ended
    }

    /// What the job says of each table is what is there, and nothing else is.
    async fn is_as_told(&self, job: &Job) {
        let (ours, theirs) = (contents(&self.stack.source).await, contents(&self.stack.target).await);
        for table in &job.tables {
            let (name, state) = (&table.name, table.state.as_str());
            let found = theirs.get(name).copied().unwrap_or(0);
            match state {
                "pending" => assert_eq!(found, self.before.get(name).copied().unwrap_or(0), "{name}"),
                "completed" => assert_eq!(Some(&found), ours.get(name), "{name}"),
                "partial" => {}
                other => panic!("table {name} of a cancelled job is {other}"),
            }
        }
        let known = |name: &String| self.before.contains_key(name) || ours.contains_key(name);
        assert!(theirs.keys().all(known), "{theirs:?}");
        let scratch = "SELECT COUNT(*) FROM information_schema.schemata WHERE schema_name LIKE 'longshore%'";
        assert_eq!(self.stack.target.value::<i64>(scratch).await, 0);
    }
}

/// Between two schemas, whatever their servers, of which the source has a bank.
pub(super) async fn in_a_load_and_in_a_comparison(stack: &Stack) {
    let Stack { source, target, .. } = stack;
    source
        .run(&format!(
            "{KEYED}; INSERT INTO t SELECT id, LEFT(SHA2(id, 256), 40) FROM giro; DROP TABLE giro, savings"
        ))
        .await;
    target.run(KEYED).await;
    let blocker = target.lock_rows("t").await;
    let case = Case::submit(stack, &json!({})).await;
    case.hangs("copy", target).await;
    case.cancel(&[("t", "pending")], vec![blocker]).await;

    target.run("UPDATE t SET word = 'other' WHERE id = 10").await;
    let blocker = target.blocker("START TRANSACTION; SELECT * FROM t WHERE id = 10 FOR UPDATE").await;
    let case = Case::submit_again(stack).await;
    case.hangs("diff", target).await;
    case.cancel(&[("t", "pending")], vec![blocker]).await;
}

/// A checksum of every table's rows, 0 for an empty one.
async fn contents(schema: &Schema) -> BTreeMap<String, u64> {
    let mut found = BTreeMap::new();
    for name in schema.tables().await {
        let sql = format!("CHECKSUM TABLE {}", quoted(&name));
        let rows: Vec<(String, u64)> = schema.rows(&sql).await;
        found.insert(name, rows[0].1);
    }
    found
}

async fn no_session(schema: &Schema) {
    let sql =
        format!("SELECT COUNT(*) FROM information_schema.processlist WHERE user = '{}'", schema.username);
    until(&format!("{} has no session left", schema.username), seconds(10), async || {
        (schema.value::<i64>(&sql).await == 0).then_some(())
    })
    .await;
}
