//! A schedule fires once for each due time, however many schedulers run (F19 to F24).

use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use nix::sys::signal::Signal;
use serde_json::json;

async fn jobs(stack: &Stack) -> i64 {
    stack.control.value("SELECT count(*) FROM jobs WHERE trigger = 'schedule'").await
}

async fn fired(stack: &Stack, count: i64) {
    let what = format!("schedules have fired {count} times");
    until(&what, seconds(30), async || (jobs(stack).await >= count).then_some(())).await;
}

/// The task is due since ten times `place` minutes, and next an hour later. Ten apart, so
/// that no two places name one minute when the clock moves on between them.
async fn make_due(stack: &Stack, place: i64) {
    let minutes = 10 * place;
    let due = format!("date_trunc('minute', now()) - interval '{minutes} minutes'");
    let sql = format!(
        "UPDATE sync_tasks SET next_run_at = {due}, schedule = jsonb_build_object(
             'cron', extract(minute FROM {due})::integer || ' * * * *', 'time_zone', 'UTC')"
    );
    stack.control.run(&sql).await;
}

async fn all_ended(stack: &Stack) {
    until("the runs end", seconds(30), async || {
        let open = "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')";
        (stack.control.value::<i64>(open).await == 0).then_some(())
    })
    .await;
}

/// A task that fires only when a test makes it due; its runs are short.
async fn scheduled(stack: &Stack) -> String {
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    stack.task(&json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "Europe/Berlin"}})).await
}

#[tokio::test]
async fn each_due_time_fires_once_with_two_schedulers() {
    let mut stack = Stack::running().await;
    stack.start_scheduler();
    stack.ready().await;
    let task = scheduled(&stack).await;
    for count in 1..=3 {
        make_due(&stack, count).await;
        fired(&stack, count).await;
        holds_for("it fires once", seconds(2), async || jobs(&stack).await == count).await;
        all_ended(&stack).await;
    }
    let runs = stack.client.get(&format!("/v1/sync-tasks/{task}/runs")).await.expect(200);
    for run in runs.body["items"].as_array().unwrap() {
        assert_eq!((&run["state"], &run["trigger"]), (&json!("completed"), &json!("schedule")), "{run}");
        assert!(run["due_at"].is_string(), "{run}");
    }
    // The first one leads, or the second does: each is killed once.
    for (place, count) in [(0, 4), (1, 5)] {
        stack.schedulers[place].kill();
        make_due(&stack, count).await;
        fired(&stack, count).await;
        all_ended(&stack).await;
        stack.schedulers[place].start_again();
        stack.ready().await;
    }
    let doubled = "SELECT count(*) FROM (SELECT 1 FROM jobs GROUP BY task_id, due_at HAVING count(*) > 1) d";
    assert_eq!(stack.control.value::<i64>(doubled).await, 0);
}

#[tokio::test]
async fn a_leader_that_slept_fires_nothing_twice() {
    let mut stack = Stack::running().await;
    scheduled(&stack).await;
    make_due(&stack, 1).await;
    fired(&stack, 1).await;
    stack.start_scheduler();
    stack.ready().await;
    stack.schedulers[0].signal(Signal::SIGSTOP);
    make_due(&stack, 2).await;
    fired(&stack, 2).await;
    stack.schedulers[0].signal(Signal::SIGCONT);
    holds_for("the sleeper fires nothing", seconds(3), async || jobs(&stack).await == 2).await;
    all_ended(&stack).await;
}

#[tokio::test]
async fn a_due_time_is_skipped_while_the_last_run_goes_on() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    let task = scheduled(&stack).await;
    // Nobody works, so the run does not end.
    let job = stack.client.submit(&task).await;
    make_due(&stack, 1).await;
    until("the due time has passed", seconds(20), async || {
        let next = "SELECT next_run_at > now() FROM sync_tasks";
        stack.control.value::<bool>(next).await.then_some(())
    })
    .await;
    assert_eq!(jobs(&stack).await, 0);
    assert!(stack.schedulers[0].log().contains("did not fire"), "a skipped time is told");
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    make_due(&stack, 0).await;
    fired(&stack, 1).await;
}

#[tokio::test]
async fn after_an_outage_the_latest_due_time_fires_and_only_that() {
    let mut stack = Stack::running().await;
    stack.schedulers[0].kill();
    scheduled(&stack).await;
    let every_minute =
        "UPDATE sync_tasks SET next_run_at = date_trunc('minute', now()) - interval '20 minutes',
        schedule = '{\"cron\": \"* * * * *\", \"time_zone\": \"UTC\"}'";
    stack.control.run(every_minute).await;
    stack.schedulers[0].start_again();
    fired(&stack, 1).await;
    // Should a minute begin just now, its own firing may follow; older ones may not.
    let late = "SELECT count(*) FROM jobs WHERE due_at < created_at - interval '61 seconds'";
    assert_eq!(stack.control.value::<i64>(late).await, 0);
    assert!(jobs(&stack).await <= 2);
    all_ended(&stack).await;
}

#[tokio::test]
async fn what_is_paused_deleted_or_long_past_does_not_fire() {
    let stack = Stack::running().await;
    let task = scheduled(&stack).await;
    stack.control.run("UPDATE sync_tasks SET next_run_at = now() - interval '5 hours'").await;
    let next = "SELECT next_run_at > now() FROM sync_tasks";
    until("the time of long ago is given up", seconds(20), async || {
        stack.control.value::<bool>(next).await.then_some(())
    })
    .await;
    stack.control.run("UPDATE sync_tasks SET enabled = false").await;
    make_due(&stack, 1).await;
    holds_for("a paused task does not fire", seconds(2), async || jobs(&stack).await == 0).await;
    stack.client.delete(&format!("/v1/sync-tasks/{task}")).await.expect(204);
    stack.control.run("UPDATE sync_tasks SET enabled = true, next_run_at = now()").await;
    holds_for("a deleted task does not fire", seconds(2), async || jobs(&stack).await == 0).await;
}
