//! A cancel while something is away, and one that meets the job's end (F29).

use futures::future::join_all;
use longshore_tests::agree::agree;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use serde_json::json;

use super::super::{in_hand, mid_statement, seed_keyless};
use super::{Case, KEYED, ROWS, no_session};

#[tokio::test]
async fn f28_while_rabbitmq_is_away() {
    let held = Held::start("rabbitmq");
    let mut stack = Stack::prepared_with_broker(&held).await;
    // No renewal tells it in time.
    stack.set(&[("LEASE_SECONDS", "120")]);
    stack.start_all().await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let blocker = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("copy", &stack.target).await;
    held.order("stop", "rabbitmq").await;
    let ended = case.end().await;
    assert_eq!(ended.table("t").state, "pending");
    blocker.release().await;
    case.is_as_told(&ended).await;
    held.order("start", "rabbitmq").await;
    stack.run_completed(&case.task).await;
    agree(&stack.source, &stack.target).await;
}

/// PostgreSQL answers again some seconds after the cancel: the workers were told by RabbitMQ.
#[tokio::test]
async fn f28_while_postgresql_hiccups() {
    let held = Held::start("postgres");
    let mut stack = Stack::prepared_with_postgres(&held).await;
    stack.set(&[("LEASE_SECONDS", "30")]);
    stack.start_all().await;
    stack.source.run(&format!("{KEYED}; {ROWS}")).await;
    stack.target.run(KEYED).await;
    let blocker = stack.target.lock_rows("t").await;
    let case = Case::submit(&stack, &json!({})).await;
    case.hangs("copy", &stack.target).await;
    stack.client.post(&format!("/v1/jobs/{}/cancel", case.job), &json!({})).await.expect(202);
    held.order("stop", "postgres").await;
    for schema in [&stack.source, &stack.target] {
        no_session(schema).await;
    }
    held.order("start", "postgres").await;
    let path = format!("/v1/jobs/{}", case.job);
    until("the API answers again", seconds(30), async || {
        (stack.client.get(&path).await.status == 200).then_some(())
    })
    .await;
    let ended = stack.client.ended(&case.job, seconds(10)).await;
    assert_eq!((ended.state.as_str(), ended.table("t").state.as_str()), ("cancelled", "pending"));
    blocker.release().await;
    case.is_as_told(&ended).await;
    stack.run_completed(&case.task).await;
    agree(&stack.source, &stack.target).await;
}

/// The target answers nothing, not even a kill: the job ends all the same, and the session
/// that is left behind commits nothing when the server goes on.
#[tokio::test]
async fn f28_while_the_target_is_frozen() {
    let held = Held::start("mariadb:1");
    let stack = Stack::running().await;
    let frozen = Schema::make(&held.mariadb[0], "target").await;
    seed_keyless(&stack.source, 250_000).await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&frozen).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    mid_statement(&frozen).await;
    let pid = Pid::from_raw(server_pid(&held));
    kill(pid, Signal::SIGSTOP).unwrap();
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, seconds(10)).await;
    kill(pid, Signal::SIGCONT).unwrap();
    assert_eq!((ended.state.as_str(), ended.table("log_lines").state.as_str()), ("cancelled", "pending"));
    no_session(&frozen).await;
    assert_eq!(frozen.value::<i64>("SELECT COUNT(*) FROM log_lines").await, 0);
    let next = stack.client.submit(&task).await;
    stack.client.completed(&next, seconds(90)).await;
    agree(&stack.source, &frozen).await;
}

fn server_pid(servers: &Servers) -> i32 {
    let server = &servers.servers[&servers.mariadb[0].name];
    server.pid.expect("the launcher knows its process")
}

#[tokio::test]
async fn f29_a_cancel_that_races_the_end_leaves_one_final_state() {
    let stack = Stack::running().await;
    let lanes = join_all((0..4).map(|lane| races(&stack, lane))).await;
    let seen: Vec<String> = lanes.into_iter().flatten().collect();
    assert_eq!(seen.len(), 200);
    let cancelled = seen.iter().filter(|state| *state == "cancelled").count();
    eprintln!("{cancelled} of {} were cancelled", seen.len());
    // The rows agree with what was told, and what was told first stays.
    let odd = "SELECT count(*) FROM jobs j WHERE state NOT IN ('completed', 'cancelled') OR EXISTS (
        SELECT FROM steps s WHERE s.job_id = j.id AND s.state NOT IN ('done', 'cancelled'))
        OR (SELECT count(*) FROM job_log l WHERE l.job_id = j.id AND l.message LIKE 'the job is %') <> 1";
    assert_eq!(stack.control.value::<i64>(odd).await, 0);
}

async fn races(stack: &Stack, lane: u64) -> Vec<String> {
    let mut rng = StdRng::seed_from_u64(29 + lane);
    let mut seen = Vec::new();
    for round in 0..50 {
        let probe = json!({"steps": 1 + round % 3});
        let job = stack.client.post("/v1/probes", &probe).await.expect(202).id();
        tokio::time::sleep(std::time::Duration::from_millis(rng.random_range(0..40))).await;
        let answer = stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await;
        let told = answer.status.as_u16();
        let ended = stack.client.ended(&job, seconds(20)).await;
        match told {
            202 => assert_eq!(ended.state, "cancelled", "{ended:#?}"),
            409 => assert_eq!(ended.state, "completed", "{ended:#?}"),
            other => panic!("{other}: {}", answer.text),
        }
        seen.push(ended.state);
    }
    seen
}
