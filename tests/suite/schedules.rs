//! A schedule fires once for each due time, however many schedulers run.

use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use serde_json::json;

async fn jobs(stack: &Stack) -> i64 {
    stack.control.value("SELECT count(*) FROM jobs WHERE trigger = 'schedule'").await
}

/// The task is due since `minutes` ago, and next an hour later.
async fn make_due(stack: &Stack, minutes: i64) {
    let due = format!("date_trunc('minute', now()) - interval '{minutes} minutes'");
    let sql = format!(
        "UPDATE sync_tasks SET next_run_at = {due}, schedule = jsonb_build_object(
             'cron', extract(minute FROM {due})::integer || ' * * * *', 'time_zone', 'UTC')"
    );
    stack.control.run(&sql).await;
}

#[tokio::test]
async fn f19_each_due_time_fires_once_with_two_schedulers() {
    let mut stack = Stack::running().await;
    stack.start_scheduler();
    stack.ready().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    // Far from now, so that only what the test makes due fires.
    let schedule = json!({"cron": "0 0 1 1 *", "time_zone": "Europe/Berlin"});
    stack.task(&json!({"schedule": schedule})).await;
    for fired in 1..=3 {
        make_due(&stack, fired).await;
        until("the schedule fires", seconds(20), async || (jobs(&stack).await >= fired).then_some(())).await;
        holds_for("it fires once", seconds(2), async || jobs(&stack).await == fired).await;
        until("the run ends", seconds(30), async || {
            let open: i64 =
                stack.control.value("SELECT count(*) FROM jobs WHERE state IN ('pending', 'running')").await;
            (open == 0).then_some(())
        })
        .await;
    }
    let wrong: i64 = stack.control.value("SELECT count(*) FROM jobs WHERE state <> 'completed'").await;
    assert_eq!(wrong, 0);

    stack.schedulers[0].kill();
    make_due(&stack, 4).await;
    until("the other one takes over", seconds(30), async || (jobs(&stack).await == 4).then_some(())).await;
}
