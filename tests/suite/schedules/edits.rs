//! Edits: what they change, what they must not race, what they are refused for.

use std::time::Duration;

use futures::future::join_all;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{nothing_due, scheduled, workless};

#[tokio::test]
async fn i37_an_edit_of_what_was_changed_since_is_refused() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({})).await;
    let path = format!("/v1/sync-tasks/{task}");
    let seen = stack.client.request(reqwest::Method::GET, &path).send().await.unwrap();
    assert_eq!(seen.headers()["etag"], "\"1\"");

    // Of ten who saw the first version one edits it.
    let edits = (0..10).map(|n| {
        let (client, path) = (&stack.client, &path);
        async move { client.patch(path, &json!({"name": format!("edit {n}")}), Some("\"1\"")).await.status }
    });
    let statuses = join_all(edits).await;
    assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
    assert_eq!(statuses.iter().filter(|status| **status == 412).count(), 9, "{statuses:?}");
    let stale = stack.client.patch(&path, &json!({"enabled": false}), Some("\"1\"")).await;
    let stale = stale.expect_problem(412, "stale_edit");
    assert!(stale.body["hint"].is_string(), "{}", stale.text);
    let now = stack.client.get(&path).await.expect(200);
    assert_eq!((&now.body["version"], &now.body["enabled"]), (&json!(2), &json!(true)));

    let after = stack.client.patch(&path, &json!({"enabled": false}), Some("\"2\"")).await.expect(200);
    assert_eq!((&after.body["version"], &after.body["next_runs"]), (&json!(3), &json!([])));
    let delete = stack.client.request(reqwest::Method::DELETE, &path).header("if-match", "\"2\"");
    assert_eq!(delete.send().await.unwrap().status(), 412);
    stack.client.delete(&path).await.expect(204);
    stack.client.patch(&path, &json!({}), None).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn an_edit_is_checked_like_a_new_task() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({})).await;
    let path = format!("/v1/sync-tasks/{task}");
    let wrong = json!({"name": "", "overlap": "both", "schedule": {"cron": "* * * *", "time_zone": "UTC"}});
    let answer = stack.client.patch(&path, &wrong, None).await.expect_problem(422, "invalid_fields");
    assert_eq!(answer.body["errors"].as_array().unwrap().len(), 3, "{}", answer.text);
    let answer = stack.client.patch(&path, &json!({"source_id": task}), None).await;
    assert_eq!(answer.expect_problem(422, "unknown_field").body["field"], "source_id");
    let other = json!({"name": "The other"});
    let connections = stack.client.get("/v1/connections").await.expect(200).body["items"].clone();
    let (one, two) = (connections[0]["id"].as_str().unwrap(), connections[1]["id"].as_str().unwrap());
    stack.client.task(one, two, &other).await;
    stack.client.patch(&path, &json!({"name": "the OTHER"}), None).await.expect_problem(409, "name_taken");
    let shown = stack.client.get(&path).await.expect(200);
    assert_eq!(shown.body["version"], json!(1), "nothing was changed: {}", shown.text);
}

#[tokio::test]
async fn i17_a_full_sync_is_not_scheduled_more_often_than_the_operator_allows() {
    let stack = workless(&[("FULL_SYNC_MIN_SECONDS", "3600")]).await;
    let task = scheduled(&stack, &json!({})).await;
    let path = format!("/v1/sync-tasks/{task}");
    let schedule = |cron: &str| json!({"schedule": {"cron": cron, "time_zone": "Europe/Berlin"}});
    for often in ["* * * * *", "*/30 * * * *", "0,59 3 * * *"] {
        let answer =
            stack.client.patch(&path, &schedule(often), None).await.expect_problem(422, "too_frequent");
        assert_eq!(answer.body["field"], "schedule", "{}", answer.text);
        assert!(answer.body["detail"].as_str().unwrap().contains("3600 seconds"), "{}", answer.text);
    }
    stack.client.patch(&path, &schedule("0 * * * *"), None).await.expect(200);
    // A selective sync is not bounded; it cannot become a full one that way.
    let selective = json!({
        "mode": "selective", "tables": ["t"], "schedule": {"cron": "* * * * *", "time_zone": "UTC"},
    });
    stack.client.patch(&path, &selective, None).await.expect(200);
    stack.client.patch(&path, &json!({"mode": "full"}), None).await.expect_problem(422, "too_frequent");
    let new = json!({
        "name": "new", "source_id": task, "target_id": task, "mode": "full", "policy": "source_first",
        "allow_untested": true,
    });
    let connections = stack.client.get("/v1/connections").await.expect(200).body["items"].clone();
    let mut new = new;
    (new["source_id"], new["target_id"]) = (connections[0]["id"].clone(), connections[1]["id"].clone());
    new["schedule"] = json!({"every": "hours", "hours": 1, "time_zone": "UTC"});
    stack.client.post("/v1/sync-tasks", &new).await.expect(201);
    (new["name"], new["schedule"]) = (json!("newer"), json!({"cron": "*/5 * * * *", "time_zone": "UTC"}));
    stack.client.post("/v1/sync-tasks", &new).await.expect_problem(422, "too_frequent");
}

/// Tasks that come due while they are edited, paused and deleted: what has not fired when
/// the answer is there never does.
#[tokio::test]
async fn f24_no_old_due_time_fires_after_the_answer() {
    let stack = workless(&[]).await;
    let first = scheduled(&stack, &json!({})).await;
    let copies = format!(
        "WITH copies AS (
             INSERT INTO sync_tasks (org_id, id, name, source_id, target_id, spec)
             SELECT org_id, gen_random_uuid(), 'copy ' || n, source_id, target_id, spec
             FROM sync_tasks, generate_series(1, 60) n WHERE id = '{first}' RETURNING org_id, id)
         INSERT INTO schedules (org_id, id, subject_kind, subject_id, spec, enabled, overlap, catch_up_seconds)
         SELECT c.org_id, gen_random_uuid(), s.subject_kind, c.id, s.spec, s.enabled, s.overlap, s.catch_up_seconds
         FROM copies c, schedules s WHERE s.subject_id = '{first}'"
    );
    stack.control.run(&copies).await;
    let first_one = format!("UPDATE schedules SET next_run_at = NULL WHERE subject_id = '{first}'");
    stack.control.run(&first_one).await;
    let ids = "SELECT id::text FROM sync_tasks WHERE name LIKE 'copy %' ORDER BY id";
    let tasks: Vec<String> = stack.control.column(ids).await;
    let due = "UPDATE schedules SET next_run_at = date_trunc('minute', now()),
            spec = jsonb_build_object('cron', '* * * * *', 'time_zone', 'UTC')
        WHERE subject_id IN (SELECT id FROM sync_tasks WHERE name LIKE 'copy %')";
    // Not just before a minute, which would be due by itself.
    until("a minute is young", seconds(70), async || {
        let young = "SELECT extract(second FROM now()) < 40";
        stack.control.value::<bool>(young).await.then_some(())
    })
    .await;
    stack.control.run(due).await;
    let edits = tasks.iter().enumerate().map(|(n, task)| edited(&stack, n, task));
    let at_the_answer = join_all(edits).await;
    // A round of the scheduler has begun and ended since.
    stack
        .control
        .run(&format!("UPDATE schedules SET next_run_at = now() WHERE subject_id = '{first}'"))
        .await;
    nothing_due(&stack).await;
    for (task, before) in tasks.iter().zip(&at_the_answer) {
        assert_eq!(runs(&stack, task).await, *before, "task {task} fired after its edit was answered");
    }
    let fired = at_the_answer.iter().sum::<i64>();
    assert!(fired > 0 && fired < 60, "{fired} of 60 fired first: no race was run");
}

/// Edits the task some time after it came due; how often it had fired when that was answered.
async fn edited(stack: &Stack, n: usize, task: &str) -> i64 {
    tokio::time::sleep(Duration::from_millis(u64::try_from(n).unwrap() * 20)).await;
    let path = format!("/v1/sync-tasks/{task}");
    match n % 4 {
        0 => stack.client.delete(&path).await.expect(204),
        1 => stack.client.patch(&path, &json!({"enabled": false}), None).await.expect(200),
        2 => stack.client.patch(&path, &json!({"schedule": null}), None).await.expect(200),
        _ => {
            let yearly = json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"}});
            stack.client.patch(&path, &yearly, None).await.expect(200)
        }
    };
    runs(stack, task).await
}

async fn runs(stack: &Stack, task: &str) -> i64 {
    stack.control.value(&format!("SELECT count(*) FROM jobs WHERE subject_id = '{task}'")).await
}
