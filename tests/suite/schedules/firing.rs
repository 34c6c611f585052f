//! Who fires, what is missed, what is skipped.

use longshore_tests::wait::{holds_for, seconds, until};
use nix::sys::signal::Signal;
use serde_json::json;

use super::{all_ended, cancel, events, fired, jobs, make_due, nothing_due, scheduled, workless};
use longshore_tests::stack::Stack;

#[tokio::test]
async fn f19_five_schedulers_fire_each_due_time_once() {
    let mut stack = Stack::running().await;
    for _ in 0..4 {
        stack.start_scheduler();
    }
    stack.ready().await;
    let task = scheduled(&stack, &json!({})).await;
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
    // Whoever leads is killed sooner or later: the others go on.
    for (place, count) in [(0, 4), (1, 5)] {
        stack.schedulers[place].kill();
        make_due(&stack, count).await;
        fired(&stack, count).await;
        all_ended(&stack).await;
        stack.schedulers[place].start_again();
        stack.ready().await;
    }
    let doubled =
        "SELECT count(*) FROM (SELECT 1 FROM jobs GROUP BY subject_id, due_at HAVING count(*) > 1) d";
    assert_eq!(stack.control.value::<i64>(doubled).await, 0);
    let told = events(&stack, &task).await;
    let fired: Vec<_> = told.iter().filter(|event| event["result"] == "fired").collect();
    assert_eq!(fired.len(), 5, "{told:?}");
    assert!(fired.iter().all(|event| event["job_id"].is_string() && event["times"] == 1), "{told:?}");
}

#[tokio::test]
async fn f20_a_leader_that_slept_fires_nothing_twice() {
    let mut stack = Stack::running().await;
    scheduled(&stack, &json!({})).await;
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
async fn f21_after_an_outage_the_latest_due_time_fires_and_the_others_are_told() {
    let mut stack = Stack::running().await;
    stack.schedulers[0].kill();
    let task = scheduled(&stack, &json!({})).await;
    let every_minute =
        "UPDATE schedules SET next_run_at = date_trunc('minute', now()) - interval '180 minutes',
        spec = '{\"cron\": \"* * * * *\", \"time_zone\": \"UTC\"}'";
    stack.control.run(every_minute).await;
    stack.schedulers[0].start_again();
    fired(&stack, 1).await;
    // Should a minute begin just now, its own firing may follow; older ones may not.
    let late = "SELECT count(*) FROM jobs WHERE due_at < created_at - interval '61 seconds'";
    assert_eq!(stack.control.value::<i64>(late).await, 0);
    assert!(jobs(&stack).await <= 2);
    all_ended(&stack).await;
    let told = events(&stack, &task).await;
    let missed: Vec<_> = told.iter().filter(|event| event["result"] == "missed").collect();
    assert_eq!(missed.len(), 1, "{told:?}");
    let times = missed[0]["times"].as_i64().unwrap();
    assert!((180..=182).contains(&times), "the three hours but the latest: {told:?}");
}

#[tokio::test]
async fn f21_a_task_says_how_late_is_too_late() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({"catch_up_seconds": 0})).await;
    make_due(&stack, 1).await;
    nothing_due(&stack).await;
    assert_eq!(jobs(&stack).await, 0, "ten minutes late is never caught up with");
    let told = events(&stack, &task).await;
    assert_eq!((told.len(), &told[0]["result"], &told[0]["times"]), (1, &json!("missed"), &json!(1)));
    assert!(stack.schedulers[0].log().contains("did not fire"), "a missed time is told");

    let path = format!("/v1/sync-tasks/{task}");
    stack.client.patch(&path, &json!({"catch_up_seconds": 86_400}), None).await.expect(200);
    let long_ago = "UPDATE schedules SET next_run_at = date_trunc('day', now() AT TIME ZONE 'UTC')
            AT TIME ZONE 'UTC' - interval '1 minute',
        spec = jsonb_build_object('cron', '59 23 * * *', 'time_zone', 'UTC')";
    stack.control.run(long_ago).await;
    fired(&stack, 1).await;
}

#[tokio::test]
async fn f22_a_due_time_is_skipped_while_the_last_run_goes_on() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({})).await;
    let job = stack.client.submit(&task).await;
    for place in [2, 1] {
        make_due(&stack, place).await;
        nothing_due(&stack).await;
    }
    assert_eq!(jobs(&stack).await, 0);
    let told = events(&stack, &task).await;
    assert_eq!(told.len(), 2, "{told:?}");
    for event in &told {
        assert_eq!((&event["result"], &event["job_id"]), (&json!("skipped"), &json!(job)), "{event}");
    }
    assert!(told[0]["due_at"].as_str() > told[1]["due_at"].as_str(), "newest first: {told:?}");
    // A page at a time.
    let path = format!("/v1/sync-tasks/{task}/schedule-events?limit=1");
    let page = stack.client.get(&path).await.expect(200).body;
    assert_eq!(page["items"], json!([told[0]]));
    let cursor = page["next_cursor"].as_str().unwrap();
    let page = stack.client.get(&format!("{path}&cursor={cursor}")).await.expect(200).body;
    assert_eq!((&page["items"], &page["next_cursor"]), (&json!([told[1]]), &json!(null)));
    assert!(stack.schedulers[0].log().contains("did not fire"), "a skipped time is told");

    cancel(&stack, &job).await;
    make_due(&stack, 0).await;
    fired(&stack, 1).await;
}

/// What is shown, what is stored to fire, and what the scheduler sets next are one.
#[tokio::test]
async fn f23_what_is_shown_is_what_fires() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({"overlap": "skip"})).await;
    let forms = [
        json!({"every": "hours", "hours": 5, "time_zone": "Australia/Lord_Howe"}),
        json!({"every": "day", "at": "02:30", "time_zone": "America/New_York"}),
        json!({"every": "week", "on": ["mon", "sun"], "at": "00:00", "time_zone": "Africa/Cairo"}),
        json!({"every": "month", "on": [1, "last"], "at": "01:30", "time_zone": "Europe/Berlin"}),
        json!({"cron": "*/30 2 * * *", "time_zone": "Asia/Seoul"}),
    ];
    let path = format!("/v1/sync-tasks/{task}");
    for form in forms {
        let made = stack.client.patch(&path, &json!({"schedule": form}), None).await.expect(200);
        for (field, value) in form.as_object().unwrap() {
            assert_eq!(&made.body["schedule"][field], value, "{}", made.text);
        }
        let stored: bool = stack.control.value(&next_run_is(&made.body["next_runs"][0])).await;
        assert!(stored, "{}", made.text);
        stack.control.run("UPDATE schedules SET next_run_at = now() - interval '1 second'").await;
        nothing_due(&stack).await;
        let shown = stack.client.get(&path).await.expect(200);
        assert!(stack.control.value::<bool>(&next_run_is(&shown.body["next_runs"][0])).await, "{form}");
    }
}

fn next_run_is(shown: &serde_json::Value) -> String {
    format!("SELECT next_run_at = '{}'::timestamptz FROM schedules", shown.as_str().unwrap())
}

#[tokio::test]
async fn f24_what_is_paused_deleted_or_long_past_does_not_fire() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({})).await;
    stack.control.run("UPDATE schedules SET next_run_at = now() - interval '5 hours'").await;
    nothing_due(&stack).await;
    assert_eq!(jobs(&stack).await, 0, "the time of long ago is given up");
    let path = format!("/v1/sync-tasks/{task}");
    let next = "SELECT next_run_at IS NULL FROM schedules";
    // Once it is paused or deleted nothing is due, and the store takes no other time.
    let due = "UPDATE schedules SET next_run_at = now()";
    stack.client.patch(&path, &json!({"enabled": false}), None).await.expect(200);
    assert!(stack.control.value::<bool>(next).await, "a paused task does not fire");
    sqlx::query(due).execute(&stack.control.admin).await.expect_err("a paused task is never due");
    stack.client.patch(&path, &json!({"enabled": true}), None).await.expect(200);
    assert!(!stack.control.value::<bool>(next).await);
    stack.client.delete(&path).await.expect(204);
    assert!(stack.control.value::<bool>(next).await, "a deleted task does not fire");
    sqlx::query(due).execute(&stack.control.admin).await.expect_err("a deleted task is never due");
    holds_for("nothing fires", seconds(2), async || jobs(&stack).await == 0).await;
}

/// A row that an older release or a hand left unreadable keeps nobody else from firing.
#[tokio::test]
async fn a_task_that_does_not_read_is_told_and_the_others_fire() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({})).await;
    let connections = stack.client.get("/v1/connections").await.expect(200).body["items"].clone();
    let other = stack
        .client
        .task(connections[0]["id"].as_str().unwrap(), connections[1]["id"].as_str().unwrap(), &json!({}))
        .await;
    make_due(&stack, 1).await;
    stack.control.run(&format!("UPDATE sync_tasks SET spec = '{{}}' WHERE id = '{task}'")).await;
    let long_due = format!(
        "UPDATE schedules SET next_run_at = now() - interval '20 minutes' WHERE subject_id = '{task}'"
    );
    stack.control.run(&long_due).await;
    until("the other one fires", seconds(30), async || {
        let found = format!("SELECT count(*) FROM jobs WHERE subject_id = '{other}'");
        (stack.control.value::<i64>(&found).await == 1).then_some(())
    })
    .await;
    nothing_due(&stack).await;
    let told = format!(
        "SELECT result FROM schedule_events WHERE schedule_id = (SELECT id FROM schedules WHERE subject_id = '{task}') ORDER BY id DESC LIMIT 1"
    );
    assert_eq!(stack.control.value::<String>(&told).await, "unreadable");
}
