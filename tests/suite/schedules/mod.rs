//! A schedule fires once for each due time, however many schedulers run (F19 to F25).

mod crowd;
mod edits;
mod firing;
mod overdue;
mod queueing;

use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

async fn jobs(stack: &Stack) -> i64 {
    stack.control.value("SELECT count(*) FROM jobs WHERE requested_by_kind = 'schedule'").await
}

async fn fired(stack: &Stack, count: i64) {
    let what = format!("schedules have fired {count} times");
    until(&what, seconds(60), async || (jobs(stack).await >= count).then_some(())).await;
}

/// The task is due since ten times `place` minutes, and next an hour later. Ten apart, so
/// that no two places name one minute when the clock moves on between them.
pub(crate) async fn make_due(stack: &Stack, place: i64) {
    let minutes = 10 * place;
    let due = format!("date_trunc('minute', now()) - interval '{minutes} minutes'");
    let sql = format!(
        "UPDATE schedules SET next_run_at = {due}, spec = jsonb_build_object(
             'cron', extract(minute FROM {due})::integer || ' * * * *', 'time_zone', 'UTC')"
    );
    stack.control.run(&sql).await;
}

/// Whatever was due has had its turn.
async fn nothing_due(stack: &Stack) {
    until("the due times have had their turn", seconds(60), async || {
        let due = "SELECT count(*) FROM schedules WHERE next_run_at <= now()";
        (stack.control.value::<i64>(due).await == 0).then_some(())
    })
    .await;
}

async fn all_ended(stack: &Stack) {
    until("the runs end", seconds(60), async || {
        let open = "SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')";
        (stack.control.value::<i64>(open).await == 0).then_some(())
    })
    .await;
}

/// A task that fires only when a test makes it due; its runs are short.
async fn scheduled(stack: &Stack, options: &Value) -> String {
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let mut all = json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "Europe/Berlin"}});
    for (name, value) in options.as_object().unwrap() {
        all[name] = value.clone();
    }
    stack.task(&all).await
}

/// One API and one scheduler: nobody works, so that a run does not end by itself.
async fn workless(settings: &[(&'static str, &str)]) -> Stack {
    let mut stack = Stack::prepared().await;
    stack.set(settings);
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    stack
}

async fn cancel(stack: &Stack, job: &str) {
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
}

/// What came of the task's due times, newest first.
async fn events(stack: &Stack, task: &str) -> Vec<Value> {
    let answer = stack.client.get(&format!("/v1/sync-tasks/{task}/schedule-events")).await.expect(200);
    answer.body["items"].as_array().unwrap().clone()
}
