//! Servers that mean ill (T2, T3): whatever they answer, they get no file and no password, the
//! test or the run ends with a failure that is told, and the worker goes on in bounded memory.

mod between;
mod mysql;
mod postgres;

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::rogue::{Rogue, Script};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::connection_tests::{drafted, fails};

/// What a worker may take more than before, in MiB, all rogues of a test together.
const MEMORY: u64 = 128;
/// As much where rogues seem honest until they are asked for a whole schema.
const SCHEMAS: u64 = 448;
/// Words that every statement holds.
const EVERY: &str = "";

/// A Longshore with one worker that has done an ordinary run.
struct Scene {
    stack: Stack,
    source: String,
    target: String,
    task: String,
    worker: Pid,
    before: u64,
}

impl Scene {
    async fn set() -> Self {
        Self::set_with(&[]).await
    }

    async fn set_with(settings: &[(&'static str, &str)]) -> Self {
        let mut stack = Stack::prepared().await;
        stack.set(&[("TESTS_PER_MINUTE", "1000")]);
        stack.set(settings);
        stack.start_api();
        stack.start_scheduler();
        stack.start_worker();
        stack.ready().await;
        stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v TEXT); INSERT INTO t VALUES (1, 'x')").await;
        let source = stack.client.connection(&stack.source).await;
        let target = stack.client.connection(&stack.target).await;
        let task = stack.client.task(&source, &target, &json!({})).await;
        stack.run_completed(&task).await;
        let worker = stack.workers[0].pid();
        Self { before: peak(worker), stack, source, target, task, worker }
    }

    /// A connection to a rogue that nobody has registered yet.
    fn body(&self, port: u16) -> Value {
        let mut body = connection_body(&self.stack.source);
        body["name"] = json!(place::fresh_name());
        body["port"] = json!(port);
        body["timeout_seconds"] = json!(10);
        body
    }

    /// Submits a run that reads the rogue, or writes it; answers the job's id.
    async fn submit(&self, port: u16, as_target: bool) -> String {
        let client = &self.stack.client;
        let rogue = client.post("/v1/connections", &self.body(port)).await.expect(201).id();
        let task = if as_target {
            client.task(&self.source, &rogue, &json!({})).await
        } else {
            client.task(&rogue, &self.target, &json!({})).await
        };
        client.submit(&task).await
    }

    /// The code of such a run's failure.
    async fn run(&self, port: u16, as_target: bool) -> String {
        let job = self.submit(port, as_target).await;
        let job = self.stack.client.ended(&job, seconds(60)).await;
        let failure = job.failure.unwrap_or_else(|| panic!("a run with a rogue: {}", job.state));
        assert!(!failure.hint.is_empty(), "{failure:?}");
        failure.code
    }

    /// Such a run is tried again and again, since the network may do the same; so each attempt
    /// is told, and a person ends it.
    async fn try_and_cancel(&self, port: u16, code: &str) {
        let told = || self.stack.logs().matches(&format!("attempt=1 code={code}")).count();
        let (client, before) = (&self.stack.client, told());
        let job = self.submit(port, false).await;
        until(&format!("{code} is told"), seconds(60), async || (told() > before).then_some(())).await;
        client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
        assert_eq!(client.ended(&job, seconds(60)).await.state, "cancelled");
    }

    /// Tests the rogue and reads it; both fail, at this stage and with this code.
    async fn meet(&self, script: Script, stage: &str, code: &str) -> Rogue {
        let what = format!("{script:?}");
        let what = &what[..what.floor_char_boundary(120)];
        let rogue = Rogue::start(script).await;
        eprintln!("{what}: {stage} {code}");
        let tested = drafted(&self.stack, &self.body(rogue.port)).await;
        fails(&tested, stage, code);
        if ["connection_lost", "connect_timeout"].contains(&code) {
            self.try_and_cancel(rogue.port, code).await;
        } else {
            assert_eq!(self.run(rogue.port, false).await, code, "{what}");
        }
        rogue
    }

    /// The worker took little for it.
    fn took(&self, most: u64, what: &str) {
        let taken = peak(self.worker).saturating_sub(self.before);
        eprintln!("the worker took {taken} MiB more until {what}");
        assert!(taken < most, "the worker took {taken} MiB more for {what}");
    }

    /// The worker is the one it was, took little, and works.
    async fn goes_on(mut self, most: u64) {
        let worker = &mut self.stack.workers[0];
        assert!(worker.ended().is_none() && worker.pid() == self.worker, "the worker died");
        self.took(most, "the end");
        self.stack.source.run("INSERT INTO t VALUES (2, 'y')").await;
        self.stack.run_completed(&self.task).await;
        agree(&self.stack.source, &self.stack.target).await;
    }
}

/// The most that a process has ever had in memory, in MiB.
fn peak(process: Pid) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{process}/status")).expect("the worker is alive");
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("a peak");
    line.trim().trim_end_matches(" kB").parse::<u64>().expect("a number") / 1024
}
