//! Servers that mean ill (T2, T3): whatever they answer, they get no file and no password, the
//! test or the run ends with a failure that is told, and the worker goes on in bounded memory.

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::rogue::{Reply, Rogue, Script, handshake};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::unistd::Pid;
use serde_json::{Value, json};

use super::connection_tests::{drafted, fails};

/// What a worker may take more than before, in MiB, all rogues of a test together.
const MEMORY: u64 = 128;
/// As much where rogues seem honest until they are asked for a whole schema.
const SCHEMAS: u64 = 448;
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
        let mut stack = Stack::prepared().await;
        stack.set(&[("TESTS_PER_MINUTE", "1000")]);
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
    fn body(&self, rogue: &Rogue) -> Value {
        let mut body = connection_body(&self.stack.source);
        body["name"] = json!(place::fresh_name());
        body["port"] = json!(rogue.port);
        body["timeout_seconds"] = json!(10);
        body
    }

    /// Submits a run that reads the rogue, or writes it; answers the job's id.
    async fn submit(&self, rogue: &Rogue, as_target: bool) -> String {
        let client = &self.stack.client;
        let rogue = client.post("/v1/connections", &self.body(rogue)).await.expect(201).id();
        let task = if as_target {
            client.task(&self.source, &rogue, &json!({})).await
        } else {
            client.task(&rogue, &self.target, &json!({})).await
        };
        client.submit(&task).await
    }

    /// The code of such a run's failure.
    async fn run(&self, rogue: &Rogue, as_target: bool) -> String {
        let job = self.submit(rogue, as_target).await;
        let job = self.stack.client.ended(&job, seconds(60)).await;
        let failure = job.failure.unwrap_or_else(|| panic!("a run with a rogue: {}", job.state));
        assert!(!failure.hint.is_empty(), "{failure:?}");
        failure.code
    }

    /// Such a run is tried again and again, since the network may do the same; so each attempt
    /// is told, and a person ends it.
    async fn try_and_cancel(&self, rogue: &Rogue, code: &str) {
        let told = || self.stack.logs().matches(&format!("attempt=1 code=\"{code}\"")).count();
        let (client, before) = (&self.stack.client, told());
        let job = self.submit(rogue, false).await;
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
        let tested = drafted(&self.stack, &self.body(&rogue)).await;
        fails(&tested, stage, code);
        if ["connection_lost", "connect_timeout"].contains(&code) {
            self.try_and_cancel(&rogue, code).await;
        } else {
            assert_eq!(self.run(&rogue, false).await, code, "{what}");
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

#[tokio::test]
async fn t02_a_server_that_asks_for_a_file_gets_nothing() {
    let scene = Scene::set().await;
    let secret = place::fresh_name();
    let file = scene.stack.folder.path().join("secret");
    std::fs::write(&file, &secret).unwrap();
    let name = file.display().to_string();
    for (words, as_target) in [
        (EVERY, false),
        (EVERY, true),
        ("information_schema.TABLES", false),
        ("information_schema.TABLES", true),
    ] {
        let rogue = Rogue::start(Script::Answer(words, Reply::File(name.clone()))).await;
        if words == EVERY {
            let tested = drafted(&scene.stack, &scene.body(&rogue)).await;
            fails(&tested, "server", "file_requested");
        }
        assert_eq!(scene.run(&rogue, as_target).await, "file_requested", "{words} {as_target}");
        // The end of a session is all that it hears.
        let answered = rogue.answered();
        assert!(answered.iter().all(|packet| packet == b"\x01"), "{answered:?}");
        let all = rogue.received().concat();
        assert!(!all.windows(secret.len()).any(|bytes| bytes == secret.as_bytes()));
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_password_is_not_sent_in_clear_or_by_the_old_method() {
    let scene = Scene::set().await;
    let nonce = b"nonce nonce nonce no\0".to_vec();
    for (plugin, code) in [
        ("mysql_clear_password", "clear_password_refused"),
        ("mysql_old_password", "login_refused"),
        ("dialog", "login_refused"),
    ] {
        let rogue = scene.meet(Script::Switch(plugin, nonce.clone(), Vec::new()), "login", code).await;
        let all = rogue.received().concat();
        let password = scene.stack.source.password.as_bytes();
        assert!(!all.windows(password.len()).any(|bytes| bytes == password), "{plugin}");
        // The greeting is answered; what follows is nothing, or the end.
        assert!(rogue.received().iter().all(|packet| packet.len() > 32 || packet.len() < 2), "{plugin}");
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_a_server_that_says_it_has_columns_without_end_ends_a_step_and_no_worker() {
    let scene = Scene::set().await;
    for power in [40, 60, 24, 13] {
        let script = Script::Answer(EVERY, Reply::Columns(1 << power));
        scene.meet(script, "server", "not_this_engine").await;
    }
    scene.goes_on(MEMORY).await;
}

#[tokio::test]
async fn t03_answers_without_end_are_not_read_to_their_end() {
    let scene = Scene::set().await;
    let (large, other) = ("answer_too_large", "not_this_engine");
    for (reply, code) in [
        (Reply::Rows(500), large),
        (Reply::Rows(60_000), large),
        (Reply::Sets, large),
        (Reply::Parts, other),
        (Reply::EmptyRow, other),
    ] {
        scene.meet(Script::Answer(EVERY, reply), "server", code).await;
    }
    scene.took(MEMORY, "answers to the login");
    // Servers that behave until they are asked what is there.
    for (reply, code) in [
        (Reply::Rows(0), large),
        (Reply::Rows(500), large),
        (Reply::Sets, large),
        (Reply::Parts, other),
        (Reply::EmptyRow, other),
    ] {
        let rogue = Rogue::start(Script::Answer("information_schema.TABLES", reply.clone())).await;
        assert_eq!(scene.run(&rogue, false).await, code, "{reply:?}");
    }
    scene.goes_on(SCHEMAS).await;
}

#[tokio::test]
async fn t03_malformed_greetings_and_logins_end_a_step_and_no_worker() {
    let scene = Scene::set().await;
    let framed = |payload: &[u8], number: u32| {
        let length: u32 = u32::try_from(payload.len()).unwrap() | (number << 24);
        [&length.to_le_bytes(), payload].concat()
    };
    let whole = framed(&handshake(&[b'n'; 20]), 0);
    let garbage: Vec<u8> = (0..4096_u32).map(|n| u8::try_from(n * n % 251).unwrap()).collect();
    let part = [&[0xFF, 0xFF, 0xFF, 0], &vec![b'x'; 0xFF_FFFF][..]].concat();
    let sha2 = |nonce: &[u8], replies: &[&[u8]]| {
        let replies = replies.iter().map(|reply| reply.to_vec()).collect();
        Script::Switch("caching_sha2_password", nonce.to_vec(), replies)
    };
    let (nonce, lost, other) = (&[b'n'; 20], "connection_lost", "not_this_engine");
    for (script, code) in [
        // What the line lost on its way may be there the next time.
        (Script::Greeting(Vec::new()), lost),
        (Script::Greeting(whole[..40].to_vec()), lost),
        (Script::Greeting(framed(&handshake(&[]), 0)), lost),
        (Script::Greeting(framed(&whole[4..20], 0)), other),
        (Script::Greeting(framed(&[], 0)), other),
        (Script::Greeting(framed(&garbage, 0)), other),
        (Script::GreetingForEver(garbage.clone()), other),
        (Script::GreetingForEver(part), other),
        // A way of login that leads the driver astray.
        (sha2(&[], &[b"\x01\x04", b"\x01key"]), other),
        (sha2(nonce, &[b"\x01\x04", b""]), other),
        (sha2(nonce, &[b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----"]), other),
        (Script::Drip, "connect_timeout"),
    ] {
        scene.meet(script, "login", code).await;
    }
    scene.goes_on(MEMORY).await;
}
