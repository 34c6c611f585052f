//! What a tunnel costs: a copy through one SSH host and through two, beside the same copy
//! through OpenSSH's own `ssh -L`, in turn.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Child, Command, Stdio};

use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::report::{self, Bound};

/// Rows of 32 KiB each.
const ROWS: u32 = 6_000;
const MEBIBYTES: f64 = ROWS as f64 / 32.0;
/// Copies of each sort; the fastest counts, since a machine only ever slows one down.
const ROUNDS: usize = 3;

/// Measures all.
pub(crate) async fn run() {
    report::note("access: one table of large values, one data session; the peer is OpenSSH's `ssh -L`");
    report::head();
    let (one, two) = (Sshd::start().await, Sshd::start().await);
    let mut stack = Stack::prepared().await;
    // One session at a time: the tunnel is measured, not the servers.
    stack.set(&[("LOG", "warn"), ("WORKER_PERMITS", "1"), ("CHUNK_ROWS", "100000")]);
    stack.start_api();
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    stack.source.run("CREATE TABLE bytes (id INT PRIMARY KEY, body MEDIUMTEXT)").await;
    let fill = "INSERT INTO bytes SELECT seq, REPEAT(MD5(seq), 1024) FROM seq_1_to_";
    stack.source.run(&format!("{fill}{ROWS}")).await;

    let port = connection_body(&stack.source)["port"].as_u64().unwrap();
    let forward = Forward::open(&[&one], port).await;
    let twice = Forward::open(&[&one, &two], port).await;
    let target = register(&stack, connection_body(&stack.target)).await;
    let mut ways = Vec::new();
    for body in [
        direct(&stack),
        through(&stack, &[one.hop()]),
        forwarded(&stack, &forward),
        through(&stack, &[one.hop(), two.hop()]),
        forwarded(&stack, &twice),
    ] {
        let source = register(&stack, body).await;
        ways.push(stack.client.task(&source, &target, &json!({})).await);
    }
    let mut best = vec![f64::MAX; ways.len()];
    for _ in 0..ROUNDS {
        for (way, best) in ways.iter().zip(&mut best) {
            *best = best.min(copy(&stack, way).await);
        }
    }
    let rates: Vec<f64> = best.iter().map(|took| MEBIBYTES / took).collect();
    let line = |what: &str, ours: f64, theirs: f64, bound| report::line(what, "MiB/s", ours, theirs, bound);
    line("one hop, beside ssh -L", rates[1], rates[2], Bound::AtLeast(0.8));
    line("two hops, beside ssh -L through one", rates[3], rates[2], Bound::AtLeast(0.5));
    line("two hops, beside ssh -L through two", rates[3], rates[4], Bound::None);
    line("one hop, beside no tunnel", rates[1], rates[0], Bound::None);
}

/// Seconds of the copy alone, into a target without the table.
async fn copy(stack: &Stack, task: &str) -> f64 {
    stack.target.run("DROP TABLE IF EXISTS bytes").await;
    let job = stack.client.submit(task).await;
    stack.client.completed(&job, seconds(300)).await;
    let took = format!(
        "SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 FROM steps
         WHERE job_id = '{job}' AND kind = 'copy'"
    );
    stack.control.value(&took).await
}

async fn register(stack: &Stack, mut body: Value) -> String {
    body["name"] = json!(place::fresh_name());
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

fn direct(stack: &Stack) -> Value {
    connection_body(&stack.source)
}

fn through(stack: &Stack, hops: &[Value]) -> Value {
    let mut body = direct(stack);
    body["connection_type"] = json!(if hops.len() == 1 { "ssh" } else { "ssh+jump" });
    body["hops"] = json!(hops);
    body["timeout_seconds"] = json!(60);
    body
}

fn forwarded(stack: &Stack, forward: &Forward) -> Value {
    let mut body = direct(stack);
    body["port"] = json!(forward.port);
    body
}

/// `ssh -L` to a port of this machine, through each server in turn; ends when dropped.
struct Forward {
    port: u16,
    children: Vec<Child>,
    _keys: TempDir,
}

impl Forward {
    async fn open(way: &[&Sshd], to: u64) -> Self {
        let keys = TempDir::new().unwrap();
        let mut children = Vec::new();
        // Each server is reached through the forward before it, as a jump host does it.
        let mut reach: Option<u16> = None;
        for (at, sshd) in way.iter().enumerate() {
            let key = keys.path().join(at.to_string());
            std::fs::write(&key, sshd.client_key()).unwrap();
            std::fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
            let next = way.get(at + 1).map_or(to, |next| u64::from(next.port));
            let port = place::free_port();
            let child = Command::new("setpriv")
                .args(["--pdeathsig", "KILL", "--", "ssh", "-N", "-o", "StrictHostKeyChecking=no"])
                .args(["-o", "UserKnownHostsFile=/dev/null", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR"])
                .args(["-L", &format!("127.0.0.1:{port}:127.0.0.1:{next}"), "-i"])
                .arg(key)
                .args([
                    "-p",
                    &reach.unwrap_or(sshd.port).to_string(),
                    &format!("{}@127.0.0.1", sshd.username),
                ])
                .stdin(Stdio::null())
                .spawn()
                .unwrap();
            children.push(child);
            until("ssh -L listens", seconds(20), async || {
                tokio::net::TcpStream::connect(("127.0.0.1", port)).await.ok()
            })
            .await;
            reach = Some(port);
        }
        Self { port: reach.unwrap(), children, _keys: keys }
    }
}

impl Drop for Forward {
    fn drop(&mut self) {
        for child in &mut self.children {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
