//! A scheduled task that had no success since a due time of an hour ago is overdue.

use longshore_tests::scrape::Scrape;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::{cancel, scheduled};

/// The tasks that the API calls overdue.
async fn overdue(stack: &Stack) -> Vec<Value> {
    let answer = stack.client.get("/v1/sync-tasks/overdue").await.expect(200);
    let items = answer.body["items"].as_array().unwrap().clone();
    assert_eq!(answer.body["total"], items.len());
    items
}

async fn is_overdue(stack: &Stack, expected: bool, why: &str) {
    let found = overdue(stack).await;
    assert_eq!(!found.is_empty(), expected, "{why}: {found:?}");
}

/// What the schedule has come to, by how many minutes ago it was due.
async fn events(stack: &Stack, told: &[(i64, &str)]) {
    stack.control.run("DELETE FROM schedule_events").await;
    for (minutes, result) in told {
        let due = format!("now() - interval '{minutes} minutes'");
        let sql = format!(
            "INSERT INTO schedule_events (org_id, schedule_id, due_at, last_due_at, times, result)
             SELECT org_id, id, {due}, {due}, 1, '{result}' FROM schedules"
        );
        stack.control.run(&sql).await;
    }
}

/// The task's only run, as if it had succeeded; by how many minutes ago it was made and ended.
async fn succeeded(stack: &Stack, made: i64, ended: i64) {
    let sql = format!(
        "UPDATE jobs SET state = 'completed', ending = NULL, created_at = now() - interval '{made} minutes',
             started_at = now() - interval '{made} minutes', ended_at = now() - interval '{ended} minutes'"
    );
    assert_eq!(stack.control.run(&sql).await, 1);
}

#[tokio::test]
async fn a_task_is_overdue_an_hour_after_a_due_time_without_a_success() {
    // Nobody fires and nobody works: what there is, the test has made.
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let task = scheduled(&stack, &json!({})).await;
    is_overdue(&stack, false, "it was never due").await;
    events(&stack, &[(30, "missed")]).await;
    is_overdue(&stack, false, "half an hour is not long").await;

    events(&stack, &[(300, "missed"), (90, "fired"), (30, "fired")]).await;
    let found = overdue(&stack).await;
    let since = "SELECT floor(extract(epoch FROM min(due_at)))::bigint FROM schedule_events";
    let since: i64 = stack.control.value(since).await;
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((&found[0]["id"], &found[0]["last_success_at"]), (&json!(task), &Value::Null));
    let told = found[0]["overdue_since"].as_str().unwrap();
    let told = chrono::DateTime::parse_from_rfc3339(told).unwrap().timestamp();
    assert_eq!(told, since, "the first of the due times that wait for a success");
    let other = stack.control.organisation("other", "sync").await;
    let theirs = stack.client.with_token(Some(&other)).get("/v1/sync-tasks/overdue").await.expect(200);
    assert_eq!(theirs.body, json!({"total": 0, "items": []}));

    let run = stack.client.submit(&task).await;
    is_overdue(&stack, false, "a run is under way").await;
    cancel(&stack, &run).await;
    is_overdue(&stack, true, "that run was no success").await;
    succeeded(&stack, 80, 70).await;
    is_overdue(&stack, false, "a run that was made after the due time succeeded").await;
    succeeded(&stack, 100, 70).await;
    let found = overdue(&stack).await;
    assert!(found[0]["last_success_at"].is_string(), "made before the due time of 90 minutes ago: {found:?}");
    events(&stack, &[(90, "skipped")]).await;
    is_overdue(&stack, false, "it was skipped for the very run that succeeded").await;

    succeeded(&stack, 400, 390).await;
    is_overdue(&stack, true, "the skipped one's run ended long before").await;
    stack.control.run("UPDATE schedules SET enabled = false, next_run_at = NULL").await;
    is_overdue(&stack, false, "its schedule does not fire").await;
    stack.control.run("UPDATE schedules SET enabled = true, next_run_at = now() - interval '2 hours'").await;
    events(&stack, &[]).await;
    is_overdue(&stack, true, "nobody has fired it").await;
    stack.control.run("UPDATE schedules SET next_run_at = now() + interval '1 day'").await;
    is_overdue(&stack, false, "it is not due").await;

    events(&stack, &[(120, "missed")]).await;
    stack.start_scheduler();
    stack.ready().await;
    let scrape = until("the leader has counted", seconds(30), async || {
        Some(Scrape::of(&stack.schedulers).await).filter(|scrape| scrape.has("longshore_tasks_overdue"))
    })
    .await;
    assert_eq!(scrape.sum("longshore_tasks_overdue", &[]), 1.0);
    let age = scrape.sum("longshore_task_overdue_seconds", &[]);
    assert!((7_200.0..7_300.0).contains(&age), "{age}");
}
