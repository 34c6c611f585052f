//! Back-pressure: too few connections to PostgreSQL (F18), and a PostgreSQL that takes
//! every question and answers none (F16). What is asked is answered in bounded time, nothing
//! waits for itself, nothing spins, and everybody comes back by himself.

use std::time::{Duration, Instant};

use futures::future::join_all;
use longshore_tests::agree::agree;
use longshore_tests::fleet::Process;
use longshore_tests::servers::Held;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

use super::{SLOW, all_is_well, in_hand, seed};

/// What a client may have to wait at most; its own patience is longer.
const BOUND: Duration = seconds(29);

/// An answer's status, and whether it says when to come again.
async fn ask(request: RequestBuilder) -> (u16, bool) {
    let began = Instant::now();
    let answer = request.send().await.expect("there is an answer");
    let (status, again) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
    let text = answer.text().await.expect("the answer has an end");
    assert!(began.elapsed() < BOUND, "answered after {:?}: {status} {text}", began.elapsed());
    (status, again)
}

fn probe(stack: &Stack, key: &str) -> RequestBuilder {
    stack.client.request(Method::POST, "/v1/probes").header("Idempotency-Key", key).json(&json!({"steps": 2}))
}

#[tokio::test]
async fn f18_one_connection_for_each_process_is_enough() {
    let stack = Stack::running_with(&[("DATABASE_CONNECTIONS", "1"), ("CHUNK_ROWS", "250")]).await;
    seed(&stack.source, 300).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;

    let clients = (0..50).map(|number| {
        let stack = &stack;
        async move {
            let asked = if number % 2 == 0 {
                ask(probe(stack, &format!("probe-{number}"))).await
            } else {
                ask(stack.client.request(Method::GET, "/v1/jobs")).await
            };
            assert!(matches!(asked, (200 | 202, _) | (503, true)), "client {number}: {asked:?}");
            asked.0
        }
    });
    let answers = join_all(clients).await;
    let served = answers.iter().filter(|status| **status != 503).count();
    eprintln!("{served} of 50 were served at once");
    assert!(served > 0);
    all_is_well(&stack, &job).await;
    // Who was sent away comes again, and nothing was done twice.
    for number in (0..50).step_by(2) {
        until("the probe is accepted", seconds(20), async || {
            (ask(probe(&stack, &format!("probe-{number}"))).await.0 == 202).then_some(())
        })
        .await;
    }
    let probes = "SELECT count(*) FROM jobs WHERE kind = 'probe'";
    assert_eq!(stack.control.value::<i64>(probes).await, 25);
    until("every probe ends", seconds(60), async || {
        let open = "SELECT count(*) FROM jobs WHERE ended_at IS NULL";
        (stack.control.value::<i64>(open).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn f18_a_locked_table_exhausts_the_pool_and_nobody_hangs() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("DATABASE_CONNECTIONS", "2")]);
    stack.start_api();
    stack.ready().await;
    let mut lock = stack.control.admin.begin().await.unwrap();
    sqlx::query("LOCK TABLE jobs IN ACCESS EXCLUSIVE MODE").execute(&mut *lock).await.unwrap();
    let asked = (0..12).map(|number| {
        let stack = &stack;
        async move {
            if number % 2 == 0 {
                ask(probe(stack, &format!("locked-{number}"))).await
            } else {
                ask(stack.client.request(Method::GET, "/v1/jobs")).await
            }
        }
    });
    for (status, again) in join_all(asked).await {
        assert_eq!((status, again), (503, true));
    }
    // What needs no jobs is served as soon as a connection is free.
    until("other routes are served", seconds(20), async || {
        (ask(stack.client.request(Method::GET, "/v1/connections")).await.0 == 200).then_some(())
    })
    .await;
    lock.rollback().await.unwrap();
    until("the probe is accepted", seconds(20), async || {
        (ask(probe(&stack, "locked-0")).await.0 == 202).then_some(())
    })
    .await;
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs").await, 1);
}

/// A process and its children.
fn family(parent: i32) -> Vec<Pid> {
    let mut found = vec![Pid::from_raw(parent)];
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Ok(id) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let stat = std::fs::read_to_string(entry.path().join("stat")).unwrap_or_default();
        let after_name = stat.rsplit(") ").next().unwrap_or_default();
        if after_name.split(' ').nth(1) == Some(&parent.to_string()) {
            found.push(Pid::from_raw(id));
        }
    }
    found
}

/// Seconds of processor time that a process has used so far, from its `stat` in hundredths.
fn processor_seconds(process: &Process) -> f64 {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", process.pid())).unwrap();
    let after_name = stat.rsplit(") ").next().unwrap().split(' ');
    let ticks: f64 = after_name.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum();
    ticks / 100.0
}

#[tokio::test]
async fn f16_a_frozen_postgres_is_answered_for_and_nothing_spins() {
    let own = Held::start("postgres");
    let mut stack = Stack::prepared_with_postgres(&own).await;
    stack.set(SLOW);
    stack.start_all().await;
    seed(&stack.source, 1_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;

    let postgres = family(own.servers["postgres"].pid.unwrap());
    assert!(postgres.len() > 3, "{postgres:?}");
    // The postmaster first, so that it has no child that is not frozen.
    let tell = |signal| {
        for process in family(postgres[0].as_raw()) {
            kill(process, signal).unwrap();
        }
    };
    tell(Signal::SIGSTOP);
    let processes = || stack.apis.iter().chain(&stack.workers).chain(&stack.schedulers);
    let used: Vec<f64> = processes().map(processor_seconds).collect();
    let lines = stack.logs().lines().count();
    let began = Instant::now();

    let mut asked: Vec<_> = (0..10).map(|_| ask(probe(&stack, "frozen"))).collect();
    asked.extend((0..10).map(|_| ask(stack.client.request(Method::GET, "/v1/jobs"))));
    for (status, again) in join_all(asked).await {
        assert_eq!((status, again), (503, true));
    }
    let health = stack.client.request(Method::GET, "/healthz");
    assert_eq!(ask(health).await.0, 200);
    holds_for("PostgreSQL is away for a while", seconds(15), async || true).await;
    let past = began.elapsed().as_secs_f64();
    for (process, used) in processes().zip(used) {
        let share = (processor_seconds(process) - used) / past;
        eprintln!("{}: {:.1} % of a core for {past:.0} s", process.name, share * 100.0);
        assert!(share < 0.2, "{} spins: {share}", process.name);
    }
    let told = stack.logs().lines().count() - lines;
    eprintln!("{told} lines in {past:.0} s");
    // Five processes' worth of retries, a few a second each.
    assert!((told as f64) < 30.0 * past, "{told} lines in {past} s");

    tell(Signal::SIGCONT);
    all_is_well(&stack, &job).await;
    agree(&stack.source, &stack.target).await;
    until("the probe is accepted", seconds(30), async || {
        (ask(probe(&stack, "frozen")).await.0 == 202).then_some(())
    })
    .await;
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs WHERE kind = 'probe'").await, 1);
}
