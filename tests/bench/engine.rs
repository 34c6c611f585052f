//! The engine without customers' data: what a submission and a step cost.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use futures::future::join_all;
use longshore_shared::clock;
use longshore_tests::client::Client;
use longshore_tests::servers::Servers;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use crate::floor::Floor;
use crate::report::{self, Bound, percentile};

/// Clients that submit at once.
const CLIENTS: usize = 8;
/// For how long they do.
const SUBMITTING: Duration = seconds(5);
/// Jobs submitted one after the other.
const SAMPLES: usize = 300;
/// Steps of a measured probe.
const STEPS: u32 = 3_000;
/// Permits of a worker.
const PERMITS: usize = 4;
/// The other organisation's backlog, and how long each step of it lasts.
const BACKLOG: (u32, f64) = (10_000, 2.0);

/// Measures all, or the one part.
pub(crate) async fn run(servers: &'static Servers, only: Option<&str>) {
    let _ = servers;
    report::note(
        "engine: bare PostgreSQL transactions and RabbitMQ confirms on the same servers are the floor",
    );
    report::head();
    let wanted = |part: &str| only.is_none_or(|only| only == part);
    if wanted("submissions") {
        submissions().await;
    }
    if wanted("latency") {
        latency().await;
    }
    if wanted("steps") {
        for workers in [1, 2, 4] {
            steps(workers).await;
        }
    }
    if wanted("fairness") {
        fairness().await;
    }
}

async fn stack(workers: usize) -> Stack {
    let permits = PERMITS.to_string();
    let settings = [("LOG", "warn"), ("WORKER_PERMITS", permits.as_str()), ("LEASE_SECONDS", "30")];
    Stack::with_workers(workers, &settings).await
}

async fn probe(client: &Client, steps: u32, rest: f64) -> String {
    client.post("/v1/probes", &json!({"steps": steps, "seconds": rest})).await.expect(202).id()
}

/// Jobs a second that are accepted; the floor is one commit and one confirm for each.
async fn submissions() {
    let stack = stack(0).await;
    let ours = rate(|| async { drop(probe(&stack.client, 1, 0.0).await) }).await;
    let floor = Floor::new(&stack.control, &stack.broker.amqp_url).await;
    let lanes = join_all((0..CLIENTS).map(|_| floor.lane())).await;
    let began = Instant::now();
    let done = join_all(lanes.iter().map(|lane| async move {
        let mut done = 0;
        while began.elapsed() < SUBMITTING {
            lane.insert().await;
            lane.publish().await;
            done += 1;
        }
        done
    }));
    let theirs = f64::from(done.await.into_iter().sum::<u32>()) / SUBMITTING.as_secs_f64();
    report::line("submissions a second, 8 clients", "/s", ours, theirs, Bound::None);
}

async fn rate<F: Future<Output = ()>>(once: impl Fn() -> F) -> f64 {
    let began = Instant::now();
    let lanes = (0..CLIENTS).map(|_| async {
        let mut done = 0;
        while began.elapsed() < SUBMITTING {
            once().await;
            done += 1;
        }
        done
    });
    f64::from(join_all(lanes).await.into_iter().sum::<u32>()) / SUBMITTING.as_secs_f64()
}

/// From before the request to the claim of the job's first step, nothing else going on. The
/// floor: one commit, one confirm, one delivery, one claim.
async fn latency() {
    let stack = stack(2).await;
    let mut ours = started_after(&stack, &stack.client, SAMPLES).await;
    let floor = Floor::new(&stack.control, &stack.broker.amqp_url).await;
    let mut lane = floor.lane().await;
    let mut theirs = Vec::with_capacity(SAMPLES);
    for _ in 0..SAMPLES {
        let asked = clock::now();
        let id = lane.insert().await;
        lane.publish().await;
        lane.take().await;
        theirs.push(milliseconds(asked, lane.update(id).await));
    }
    for (percent, bound) in [(50, Bound::AtMost(3.0)), (99, Bound::None)] {
        let (ours, theirs) = (percentile(&mut ours, percent), percentile(&mut theirs, percent));
        report::line(&format!("submit to start, idle, p{percent}"), "ms", ours, theirs, bound);
    }
}

/// Submits one-step jobs, each after the last one's end; answers how long each waited.
async fn started_after(stack: &Stack, client: &Client, jobs: usize) -> Vec<f64> {
    let mut waits = Vec::with_capacity(jobs);
    for _ in 0..jobs {
        let asked = clock::now();
        let job = probe(client, 1, 0.0).await;
        client.completed(&job, seconds(60)).await;
        let sql = format!("SELECT started_at FROM jobs WHERE id = '{job}'");
        waits.push(milliseconds(asked, stack.control.value(&sql).await));
    }
    waits
}

fn milliseconds(from: DateTime<Utc>, to: DateTime<Utc>) -> f64 {
    (to - from).as_seconds_f64() * 1_000.0
}

/// Steps that do nothing, a second; the floor pays as many transactions and messages for
/// each as the engine does, with as many lanes as the workers have permits.
async fn steps(workers: usize) {
    let stack = stack(workers).await;
    let before = commits(&stack).await;
    let job = probe(&stack.client, STEPS, 0.0).await;
    until("the probe ends", seconds(600), async || {
        let state: String = stack.control.value(&format!("SELECT state FROM jobs WHERE id = '{job}'")).await;
        (state == "completed").then_some(())
    })
    .await;
    let took =
        "SELECT extract(epoch FROM max(ended_at) - min(started_at))::float8 FROM steps WHERE kind = 'probe'";
    let ours = f64::from(STEPS) / stack.control.value::<f64>(took).await;
    let transactions = (commits(&stack).await - before) / f64::from(STEPS);
    let messages: i64 = stack.control.value("SELECT count(*) FROM outbox").await;
    let theirs = bare_steps(&stack, workers * PERMITS, transactions).await;
    let bound = if workers == 2 { Bound::AtLeast(0.5) } else { Bound::None };
    report::line(&format!("no-op steps a second, {workers} worker(s)"), "/s", ours, theirs, bound);
    if workers == 2 {
        let messages = f64::from(u32::try_from(messages).unwrap()) / f64::from(STEPS);
        report::note(&format!("  a step costs {transactions:.1} transactions and {messages:.2} messages"));
    }
}

async fn bare_steps(stack: &Stack, lanes: usize, transactions: f64) -> f64 {
    let floor = Floor::new(&stack.control, &stack.broker.amqp_url).await;
    let lanes = join_all((0..lanes).map(|_| floor.lane())).await;
    let began = Instant::now();
    let done = join_all(lanes.into_iter().map(|mut lane| async move {
        let (mut done, mut paid) = (0, 0.0);
        while began.elapsed() < SUBMITTING {
            let id = lane.insert().await;
            lane.publish().await;
            lane.take().await;
            done += 1;
            paid += 1.0;
            // Over many steps exactly as many as the engine makes.
            while paid < f64::from(done) * transactions {
                lane.update(id).await;
                paid += 1.0;
            }
        }
        done
    }));
    f64::from(done.await.into_iter().sum::<u32>()) / SUBMITTING.as_secs_f64()
}

/// Transactions of the stack's database so far, once the sessions have told of them.
async fn commits(stack: &Stack) -> f64 {
    // A session tells at most once a second, and when it is idle.
    tokio::time::sleep(seconds(3)).await;
    let sql = "SELECT xact_commit::float8 FROM pg_stat_database WHERE datname = current_database()";
    stack.control.value(sql).await
}

/// While one organisation's backlog holds every permit, another one's jobs of one step.
async fn fairness() {
    let stack = stack(2).await;
    let (steps, rest) = BACKLOG;
    let heavy = probe(&stack.client, steps, rest).await;
    let sql = format!("SELECT count(*) FROM steps WHERE job_id = '{heavy}' AND state = 'running'");
    let permits = i64::try_from(2 * PERMITS).unwrap();
    until("all permits are taken", seconds(60), async || {
        (stack.control.value::<i64>(&sql).await >= permits).then_some(())
    })
    .await;
    let theirs = stack.control.organisation("other", "platform_admin").await;
    let theirs = stack.client.with_token(Some(&theirs));
    let mut waits = started_after(&stack, &theirs, SAMPLES).await;
    report::limit("submit to start beside 10,000 steps, p99", "ms", percentile(&mut waits, 99), 1_000.0);
    stack.client.post(&format!("/v1/jobs/{heavy}/cancel"), &json!({})).await.expect(202);
}
