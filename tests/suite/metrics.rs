//! What all processes measure, after a load of every kind: each metric is there with its
//! help, and the numbers are those of the rows.

use std::io::Write as _;
use std::process::{Command, Stdio};

use longshore_shared::telemetry::{Metric, PROCESS, Place, Program};
use longshore_tests::client::connection_body;
use longshore_tests::fleet::Process;
use longshore_tests::receiver::Receiver;
use longshore_tests::scrape::Scrape;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use nix::sys::signal::Signal;
use serde_json::json;

/// A scrape is no longer than this, in bytes.
const LONGEST: usize = 300_000;

/// A job of every kind and end; answers how many probes were sent.
async fn load(stack: &Stack) -> u32 {
    let client = &stack.client;
    let receiver = Receiver::start().await;
    client.post("/v1/webhooks", &json!({"url": receiver.url("/")})).await.expect(201);
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    stack.source.run("INSERT INTO t SELECT seq FROM seq_1_to_700").await;
    let task = stack.task(&json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"}})).await;
    stack.run_completed(&task).await;
    let due = "UPDATE schedules SET next_run_at = date_trunc('minute', now()), spec =
               jsonb_build_object('cron', extract(minute FROM now())::integer || ' * * * *', 'time_zone', 'UTC')";
    stack.control.run(due).await;
    ended(stack, "requested_by_kind = 'schedule' AND state = 'completed'", 1).await;
    // The second one lasts longer than the pause between two looks of the leader.
    for (steps, rest) in [(1, 0.0), (60, 0.5)] {
        let probe = client.post("/v1/probes", &json!({"steps": steps, "seconds": rest})).await.expect(202);
        client.completed(&probe.id(), seconds(60)).await;
    }
    let target = target_of(stack).await;
    // A wrong password is given up at once, a closed port is tried again.
    let mut body = connection_body(&stack.source);
    (body["name"], body["password"]) = (json!("wrong"), json!("wrong"));
    let wrong = client.post("/v1/connections", &body).await.expect(201).id();
    let failing = client.task(&wrong, &target, &json!({})).await;
    assert_eq!(stack.run(&failing).await.state, "failed");
    (body["name"], body["port"]) = (json!("closed"), json!(1));
    let closed = client.post("/v1/connections", &body).await.expect(201).id();
    let waiting = client.task(&closed, &target, &json!({})).await;
    let job = client.submit(&waiting).await;
    until("an attempt is made again", seconds(30), async || {
        let scrape = Scrape::of(&stack.workers).await;
        (scrape.sum(Metric::StepRetries.name(), &[("kind", "plan")]) > 0.0).then_some(())
    })
    .await;
    client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    assert_eq!(client.ended(&job, seconds(30)).await.state, "cancelled");
    let owed = "SELECT count(*) FROM webhook_deliveries WHERE state <> 'delivered'";
    until("the webhook is told of everything", seconds(30), async || {
        (stack.control.value::<i64>(owed).await == 0).then_some(())
    })
    .await;
    2
}

/// The target's connection, which the first task has registered.
async fn target_of(stack: &Stack) -> String {
    let listed = stack.client.get("/v1/connections").await;
    let items = listed.body["items"].as_array().unwrap();
    items.iter().find(|c| c["name"] == stack.target.name).unwrap()["id"].as_str().unwrap().to_owned()
}

async fn ended(stack: &Stack, which: &str, jobs: i64) {
    let sql = format!("SELECT count(*) FROM jobs WHERE {which}");
    until(&format!("{jobs} jobs: {which}"), seconds(60), async || {
        (stack.control.value::<i64>(&sql).await >= jobs).then_some(())
    })
    .await;
}

fn close(found: f64, expected: i64, what: &str) {
    let expected: f64 = expected.to_string().parse().unwrap();
    assert!((found - expected).abs() < 0.5, "{what}: {found} measured, {expected} in the rows");
}

#[tokio::test]
async fn every_metric_is_there_and_the_numbers_are_those_of_the_rows() {
    let stack = Stack::running().await;
    let probes = load(&stack).await;
    let api = Scrape::of(&stack.apis).await;
    // The leader has seen the end of it.
    let scheduler = until("the leader finds no active job", seconds(30), async || {
        let scrape = Scrape::of(&stack.schedulers).await;
        let active = scrape.sum(Metric::JobsActive.name(), &[]) + scrape.sum("longshore_outbox_backlog", &[]);
        (scrape.has(Metric::JobsActive.name()) && active == 0.0).then_some(scrape)
    })
    .await;
    for (program, processes) in [
        (Program::Api, &stack.apis),
        (Program::Worker, &stack.workers),
        (Program::Scheduler, &stack.schedulers),
    ] {
        for process in processes {
            stands_where_it_is_measured(program, process).await;
        }
    }
    // A message is counted before it is marked; one of a later moment may come between the two looks.
    let marked = "SELECT count(*)::float8 FROM outbox WHERE published_at IS NOT NULL";
    let marked: f64 = stack.control.value(marked).await;
    let all = Scrape::of(stack.apis.iter().chain(&stack.workers).chain(&stack.schedulers)).await;
    let published = all.sum(Metric::OutboxPublished.name(), &[]);
    assert!(published >= marked, "{published} published, {marked} marked");
    for metric in Metric::ALL {
        assert!(all.has(metric.name()), "nobody has {}", metric.name());
        assert_eq!(all.help.get(metric.name()).map(String::as_str), Some(metric.help()), "{}", metric.name());
    }
    adds_up(&stack, &all).await;
    let sent = [("route", "/v1/probes"), ("method", "POST"), ("status", "202")];
    close(api.sum(Metric::HttpRequests.name(), &sent), probes.into(), "probes");
    close(scheduler.sum(Metric::WorkersLive.name(), &[]), 2, "live workers");
    no_customers_word(&stack, &all).await;
    check_with_promtool(&stack).await;
}

/// A metric is there from the start if its labels are listed, and in no process that does not measure it.
async fn stands_where_it_is_measured(program: Program, process: &Process) {
    let text = process.metrics().await;
    assert!(text.len() <= LONGEST, "{}: a scrape of {} bytes", process.name, text.len());
    let scrape = Scrape::parse(&text);
    for metric in Metric::ALL {
        let (name, is_own) = (metric.name(), metric.is_of(program));
        assert!(is_own || !scrape.has(name), "{} shows {name}", process.name);
        let is_listed = metric.labels().iter().all(|label| label.values().is_some());
        assert!(scrape.has(name) || !(is_own && is_listed), "{} lacks {name}", process.name);
    }
    for name in PROCESS {
        assert!(scrape.has(name), "{} lacks {name}", process.name);
    }
}

/// The names of the leader's metrics that a scheduler shows.
async fn led(scheduler: &Process) -> Vec<&'static str> {
    let scrape = Scrape::of([scheduler]).await;
    let leaders = Metric::ALL.iter().filter(|metric| metric.place() == Place::Leader);
    leaders.map(|metric| metric.name()).filter(|name| scrape.has(name)).collect()
}

#[tokio::test]
async fn what_the_leader_measures_stands_on_the_leader_alone() {
    let mut stack = Stack::prepared().await;
    stack.start_scheduler();
    stack.ready().await;
    let first = &stack.schedulers[0];
    let all = until("the first one leads and has measured", seconds(30), async || {
        Some(led(first).await).filter(|led| !led.is_empty())
    })
    .await;
    assert_eq!(all.len(), Metric::ALL.iter().filter(|metric| metric.place() == Place::Leader).count());
    stack.start_scheduler();
    stack.ready().await;
    let (first, second) = (&stack.schedulers[0], &stack.schedulers[1]);
    assert_eq!(Scrape::of([first, second]).await.sum(Metric::SchedulerLeader.name(), &[]), 1.0);
    assert!(led(second).await.is_empty(), "it stands by");
    first.signal(Signal::SIGSTOP);
    until("the second one leads and has measured", seconds(60), async || {
        (led(second).await == all).then_some(())
    })
    .await;
    first.signal(Signal::SIGCONT);
    // Before it has heard that it leads no longer.
    assert!(led(first).await.is_empty(), "its term is over");
    assert_eq!(Scrape::of([first, second]).await.sum(Metric::SchedulerLeader.name(), &[]), 1.0);
}

async fn adds_up(stack: &Stack, all: &Scrape) {
    let ends = "SELECT DISTINCT kind || ' ' || state FROM jobs WHERE ended_at IS NOT NULL";
    let ends: Vec<String> = stack.control.column(ends).await;
    assert_eq!(ends.len(), 4, "{ends:?}");
    for end in ends {
        let (kind, state) = end.split_once(' ').unwrap();
        let sql = format!("SELECT count(*) FROM jobs WHERE kind = '{kind}' AND state = '{state}'");
        let counted = all.sum(Metric::Jobs.name(), &[("kind", kind), ("state", state)]);
        close(counted, stack.control.value(&sql).await, &end);
    }
    let rows = async |sql: &str| stack.control.value::<i64>(sql).await;
    let finished = rows("SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL").await;
    close(all.sum(Metric::Jobs.name(), &[]), finished, "jobs in all");
    let classes = "SELECT DISTINCT failure ->> 'class' FROM jobs WHERE state = 'failed'";
    for class in stack.control.column::<String>(classes).await {
        let sql =
            format!("SELECT count(*) FROM jobs WHERE state = 'failed' AND failure ->> 'class' = '{class}'");
        let counted = all.sum(Metric::JobFailures.name(), &[("kind", "sync"), ("class", &class)]);
        close(counted, stack.control.value(&sql).await, &class);
    }
    let begun = rows("SELECT count(*) FROM jobs WHERE ended_at IS NOT NULL AND started_at IS NOT NULL").await;
    close(all.sum("longshore_job_duration_seconds_count", &[]), begun, "durations of jobs");
    let done = rows("SELECT count(*) FROM steps WHERE state = 'done'").await;
    close(all.sum(Metric::StepsSettled.name(), &[("outcome", "done")]), done, "steps");
    let claims = rows("SELECT sum(token)::bigint FROM steps").await;
    close(all.sum("longshore_claim_latency_seconds_count", &[]), claims, "claims");
    close(all.sum("longshore_step_duration_seconds_count", &[]), claims, "durations");
    let written = rows("SELECT sum(inserted + updated)::bigint FROM steps").await;
    assert!(written >= 700);
    close(all.sum(Metric::RowsMoved.name(), &[]), written, "rows");
    let told = rows("SELECT count(*) FROM webhook_deliveries WHERE state = 'delivered'").await;
    close(all.sum(Metric::WebhookDeliveries.name(), &[("result", "delivered")]), told, "deliveries");
    assert_eq!(told, finished, "each end is told once");
}

/// No label holds an identifier or a name of a customer.
async fn no_customers_word(stack: &Stack, all: &Scrape) {
    let mut words: Vec<String> = stack.control.column("SELECT id::text FROM jobs").await;
    words.extend(stack.control.column::<String>("SELECT name FROM connections").await);
    for value in all.label_values() {
        assert!(!words.iter().any(|word| value.contains(word)), "a label holds {value}");
    }
}

/// Prometheus's own judge.
async fn check_with_promtool(stack: &Stack) {
    for process in stack.apis.iter().chain(&stack.workers).chain(&stack.schedulers) {
        let mut judge = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool (Debian's package prometheus) runs");
        judge.stdin.take().unwrap().write_all(process.metrics().await.as_bytes()).unwrap();
        let said = judge.wait_with_output().unwrap();
        assert!(said.status.success(), "{}: {}", process.name, String::from_utf8_lossy(&said.stderr));
    }
}
