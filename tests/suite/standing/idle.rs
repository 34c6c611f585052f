//! A fleet with nothing to do: how often it asks PostgreSQL whether there is something.

use std::time::Duration;

use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;
use tokio::time::sleep;

use crate::schedules::make_due;

/// Long enough that what happens each five seconds is in it twice.
const WATCHED: Duration = Duration::from_secs(10);
/// Transactions a second of an API, a scheduler, two workers and this test. Before the scheduler
/// rested they were 25; 11 were seen here beside other tests, and 18 with a second scheduler.
const MOST: i64 = 14;

/// Transactions of the fleet's processes so far, however they ended.
async fn transactions(stack: &Stack) -> i64 {
    let sql = "SELECT (xact_commit + xact_rollback)::bigint FROM pg_stat_database WHERE datname = current_database()";
    stack.control.value(sql).await
}

/// Transactions a second, once the start of what has just started is over.
async fn a_second(stack: &Stack) -> i64 {
    let mut found = Vec::new();
    for _ in 0..3 {
        let before = transactions(stack).await;
        sleep(WATCHED).await;
        found.push((transactions(stack).await - before) / i64::try_from(WATCHED.as_secs()).unwrap());
        if found.last().is_some_and(|&found| found <= MOST) {
            break;
        }
    }
    found.into_iter().min().unwrap()
}

/// Nothing is open, owed or due, and what ended is not looked at any more.
async fn is_at_rest(stack: &Stack) {
    let sql =
        "SELECT (SELECT count(*) FROM jobs WHERE ended_at IS NULL OR ended_at > now() - interval '30 s')
                   + (SELECT count(*) FROM outbox WHERE published_at IS NULL)";
    until("the fleet is at rest", seconds(60), async || {
        (stack.control.value::<i64>(sql).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn n24_a_fleet_at_rest_asks_postgresql_seldom_and_wakes_at_once() {
    let mut stack = Stack::running().await;
    let found = a_second(&stack).await;
    assert!(found <= MOST, "a fresh fleet: {found} transactions a second");

    // A second scheduler asks what the first one asks, and no more.
    stack.start_scheduler();
    stack.ready().await;
    let found = a_second(&stack).await;
    assert!(found <= MOST + 8, "two schedulers: {found} transactions a second");

    // With what waits for its time: saved connections and a schedule.
    let task = stack.task(&json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"}})).await;
    is_at_rest(&stack).await;
    let found = a_second(&stack).await;
    assert!(found <= MOST + 8, "with a schedule that is not due: {found} transactions a second");

    // It is due from one moment to the next, and nobody tells the schedulers.
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let asked: f64 = stack.control.value("SELECT extract(epoch FROM clock_timestamp())::float8").await;
    make_due(&stack, 0).await;
    let fired = format!("SELECT count(*) FROM jobs WHERE subject_id = '{task}' AND state = 'completed'");
    until("the schedule fired", seconds(30), async || {
        (stack.control.value::<i64>(&fired).await == 1).then_some(())
    })
    .await;
    let began =
        format!("SELECT extract(epoch FROM max(created_at))::float8 FROM jobs WHERE subject_id = '{task}'");
    let late = stack.control.value::<f64>(&began).await - asked;
    assert!(late < 2.0, "fired {late} s late");
}
