//! One writer for a target's tables (S11, F30, F32), whatever way leads to it.

use futures::future::join_all;
use longshore_tests::agree::agree;
use longshore_tests::client::{Job, Waiting, connection_body};
use longshore_tests::schema::{Blocker, Schema};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::{all_is_well, in_hand, knows_it_is_late, mid_statement, seed_keyless};

/// Tables with some rows on the source, and empty on the target.
async fn tables(source: &Schema, target: &Schema, names: &[&str]) {
    for name in names {
        let table = format!("CREATE TABLE {name} (id INT PRIMARY KEY, word VARCHAR(40))");
        source.run(&format!("{table}; INSERT INTO {name} SELECT seq, MD5(seq) FROM seq_1_to_300")).await;
        target.run(&table).await;
    }
}

/// A job that hangs in the middle of its copying until the blocker is released.
async fn stuck(stack: &Stack, task: &str, table: &str) -> (String, Blocker) {
    let blocker = stack.target.lock_rows(table).await;
    let job = stack.client.submit(task).await;
    in_hand(stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    (job, blocker)
}

async fn waits(stack: &Stack, job: &str) -> Waiting {
    until(&format!("job {job} waits"), seconds(30), async || stack.client.job(job).await.waiting_for).await
}

/// A task with one option over the usual ones, from the source to a connection.
async fn task_to(stack: &Stack, target: &Value, options: &Value) -> String {
    let source = changed(&stack.source, &json!({"name": "the source once more"}));
    let source = stack.client.post("/v1/connections", &source).await.expect(201).id();
    let target = stack.client.post("/v1/connections", target).await.expect(201).id();
    stack.client.task(&source, &target, options).await
}

fn changed(schema: &Schema, changes: &Value) -> Value {
    let mut body = connection_body(schema);
    for (name, value) in changes.as_object().unwrap() {
        body[name] = value.clone();
    }
    body
}

#[tokio::test]
async fn f30_t31_another_name_and_another_account_lead_to_the_same_server() {
    let stack = Stack::running().await;
    tables(&stack.source, &stack.target, &["t"]).await;
    let (server, name) = (&stack.target.server, &stack.target.name);
    stack
        .target
        .run(&format!(
            "CREATE USER 'o_{name}'@'127.0.0.1' IDENTIFIED BY 'other';
             GRANT ALL ON `{}`.* TO 'o_{name}'@'127.0.0.1'",
            name.replace('_', "\\_")
        ))
        .await;
    let task = stack.task(&json!({})).await;
    let other = json!({
        "name": "by another way", "host": "localhost", "port": server.port,
        "username": format!("o_{name}"), "password": "other",
    });
    let other = task_to(&stack, &changed(&stack.target, &other), &json!({})).await;
    let (first, blocker) = stuck(&stack, &task, "t").await;
    let second = stack.client.submit(&other).await;
    let expected = Waiting { reason: "target_busy".to_owned(), job_id: Some(first.clone()) };
    assert_eq!(waits(&stack, &second).await, expected);
    let shown = stack.client.job(&second).await;
    assert_eq!(
        (shown.state.as_str(), shown.progress.phase.as_deref()),
        ("running", Some("waiting for the target"))
    );
    let list = stack.client.get("/v1/jobs").await.expect(200);
    assert_eq!(list.body["items"][0]["waiting_for"]["job_id"], json!(first));
    let log = stack.client.log(&second).await;
    assert!(log.iter().any(|line| line.message.contains(&first)), "{log:#?}");

    // It occupies nobody: no step of it runs, and it did not ask again in the meantime.
    let claims = format!("SELECT token FROM steps WHERE job_id = '{second}'");
    let before: i64 = stack.control.value(&claims).await;
    let quiet = async || {
        let held = format!("SELECT count(*) FROM steps WHERE job_id = '{second}' AND state = 'running'");
        stack.control.value::<i64>(&held).await == 0 && stack.control.value::<i64>(&claims).await == before
    };
    holds_for("it waits quietly", seconds(2), quiet).await;
    blocker.release().await;
    all_is_well(&stack, &first).await;
    let ended = all_is_well(&stack, &second).await;
    assert_eq!(ended.waiting_for, None);
    stack.target.run(&format!("DROP USER 'o_{name}'@'127.0.0.1'")).await;
}

#[tokio::test]
async fn f30_twenty_jobs_on_one_target_take_turns() {
    let stack = Stack::running().await;
    tables(&stack.source, &stack.target, &["t", "u"]).await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    let options = json!({"delete_extra": true});
    let tasks = join_all((0..20).map(|_| stack.client.task(&source, &target, &options))).await;
    let jobs = join_all(tasks.iter().map(|task| stack.client.submit(task))).await;
    for job in &jobs {
        let job = stack.client.completed(job, seconds(180)).await;
        assert!(
            job.tables.iter().all(|t| t.verified.as_ref().is_some_and(|v| v.result == "equal")),
            "{job:#?}"
        );
    }
    agree(&stack.source, &stack.target).await;
    // From its first step after the plan to its end, a job has the target alone.
    let together = "WITH at_work AS (SELECT job_id, min(started_at) begun, max(ended_at) ended FROM steps
            WHERE kind <> 'plan' GROUP BY job_id)
        SELECT count(*) FROM at_work a JOIN at_work b ON a.job_id < b.job_id
            AND a.begun < b.ended AND b.begun < a.ended";
    assert_eq!(stack.control.value::<i64>(together).await, 0);
    assert_eq!(stack.control.value::<i32>("SELECT max(attempt) FROM steps").await, 1, "no attempt is burnt");
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM target_locks").await, 0);
}

#[tokio::test]
async fn f30_different_targets_and_different_tables_go_on_side_by_side() {
    let stack = Stack::running_with(&[("WORKER_PERMITS", "3")]).await;
    let other = Schema::make(&stack.target.server, "target").await;
    tables(&stack.source, &stack.target, &["a", "b"]).await;
    other.run("CREATE TABLE a (id INT PRIMARY KEY, word VARCHAR(40))").await;
    let only = |name: &str| json!({"mode": "selective", "tables": [name]});
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    let elsewhere = stack.client.connection(&other).await;
    let mut jobs = Vec::new();
    let blockers =
        [stack.target.lock_rows("a").await, stack.target.lock_rows("b").await, other.lock_rows("a").await];
    for (target, table) in [(&target, "a"), (&target, "b"), (&elsewhere, "a")] {
        let task = stack.client.task(&source, target, &only(table)).await;
        jobs.push(stack.client.submit(&task).await);
    }
    // All three are in the middle of their copying at one time.
    for job in &jobs {
        in_hand(&stack, job, "copy").await;
    }
    let copying = "SELECT count(*) FROM steps WHERE kind = 'copy' AND state = 'running'";
    assert_eq!(stack.control.value::<i64>(copying).await, 3);
    for blocker in blockers {
        blocker.release().await;
    }
    for job in &jobs {
        stack.client.completed(job, seconds(60)).await;
    }
    other.remove().await;
}

#[tokio::test]
async fn f30_t17_another_organisation_waits_too_and_learns_nothing() {
    let stack = Stack::running().await;
    tables(&stack.source, &stack.target, &["t"]).await;
    let theirs = stack.control.organisation("other", "org_admin").await;
    let theirs = stack.client.with_token(Some(&theirs));
    let (source, target) = (theirs.connection(&stack.source).await, theirs.connection(&stack.target).await);
    let task = theirs.task(&source, &target, &json!({})).await;
    let refusing = theirs.task(&source, &target, &json!({"target_busy": "refuse"})).await;
    let (first, blocker) = stuck(&stack, &stack.task(&json!({})).await, "t").await;

    let refused = theirs.submit(&refusing).await;
    let refused = theirs.ended(&refused, seconds(30)).await;
    assert_eq!(refused.why().code, "target_busy");
    let second = theirs.submit(&task).await;
    let waiting = until("it waits", seconds(30), async || theirs.job(&second).await.waiting_for).await;
    assert_eq!(waiting, Waiting { reason: "target_busy".to_owned(), job_id: None });
    let told = format!("{refused:?} {:?} {:?}", theirs.job(&second).await, theirs.log(&second).await);
    assert!(!told.contains(&first), "{told}");

    blocker.release().await;
    all_is_well(&stack, &first).await;
    theirs.completed(&second, seconds(60)).await;
}

#[tokio::test]
async fn s11_a_task_that_will_not_wait_fails_and_names_the_job() {
    let stack = Stack::running().await;
    tables(&stack.source, &stack.target, &["t"]).await;
    let refusing = stack.task(&json!({"target_busy": "refuse"})).await;
    let (first, blocker) = stuck(&stack, &super::again(&stack, &json!({})).await, "t").await;
    let job: Job = stack.run(&refusing).await;
    assert_eq!((job.why().class.as_str(), job.why().code.as_str()), ("target_busy", "target_busy"));
    assert!(job.why().message.contains(&first), "{:?}", job.why());
    blocker.release().await;
    all_is_well(&stack, &first).await;
    let job = stack.client.submit(&refusing).await;
    all_is_well(&stack, &job).await;
}

#[tokio::test]
async fn f32_a_scheduled_run_and_a_persons_run_of_other_tasks_take_turns() {
    let stack = Stack::running().await;
    tables(&stack.source, &stack.target, &["t"]).await;
    let daily = json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "Europe/Berlin"}});
    stack.task(&daily).await;
    let (first, blocker) = stuck(&stack, &super::again(&stack, &json!({})).await, "t").await;
    let due = "date_trunc('minute', now())";
    let fire = format!(
        "UPDATE schedules SET next_run_at = {due}, spec = jsonb_build_object(
             'cron', extract(minute FROM {due})::integer || ' * * * *', 'time_zone', 'UTC')
         WHERE spec IS NOT NULL"
    );
    stack.control.run(&fire).await;
    let scheduled = until("the schedule fires", seconds(30), async || {
        let fired = "SELECT id::text FROM jobs WHERE requested_by_kind = 'schedule'";
        stack.control.column::<String>(fired).await.pop()
    })
    .await;
    assert_eq!(waits(&stack, &scheduled).await.job_id, Some(first.clone()));
    blocker.release().await;
    all_is_well(&stack, &first).await;
    all_is_well(&stack, &scheduled).await;
}

/// A frozen worker's session outlives its cancelled job; the next job ends it before it
/// looks at anything, and the worker that wakes up can write nothing.
#[tokio::test]
async fn f14_f30_a_session_of_an_ended_job_is_ended_by_the_next_one() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2")]);
    stack.start_all().await;
    seed_keyless(&stack.source, 200_000).await;
    let (task, next) = (stack.task(&json!({})).await, super::again(&stack, &json!({})).await);
    let job = stack.client.submit(&task).await;
    let place = in_hand(&stack, &job, "copy").await;
    mid_statement(&stack.target).await;
    stack.workers[place].signal(Signal::SIGSTOP);
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let second = stack.client.submit(&next).await;
    assert_eq!(stack.client.ended(&job, seconds(30)).await.state, "cancelled");
    all_is_well(&stack, &second).await;
    let sleeper = format!(
        "SELECT count(*) FROM information_schema.processlist WHERE user = '{}' AND command <> 'Sleep' AND time > 2",
        stack.target.username
    );
    assert_eq!(stack.target.value::<i64>(&sleeper).await, 0, "the frozen worker's statement is over");
    stack.workers[place].signal(Signal::SIGCONT);
    until("the sleeper notices", seconds(20), async || knows_it_is_late(&stack.workers[place]).then_some(()))
        .await;
    agree(&stack.source, &stack.target).await;
}
