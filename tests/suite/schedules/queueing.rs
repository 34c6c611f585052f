//! Runs of one task that overlap: refused, or one waits (S11).

use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use serde_json::{Value, json};

use super::{all_ended, cancel, events, make_due, nothing_due, scheduled, workless};

async fn job(stack: &Stack, id: &str) -> Value {
    stack.client.get(&format!("/v1/jobs/{id}")).await.expect(200).body
}

async fn waits(stack: &Stack, id: &str) -> bool {
    job(stack, id).await["waiting_for"].is_object()
}

async fn steps(stack: &Stack, id: &str) -> i64 {
    stack.control.value(&format!("SELECT count(*) FROM steps WHERE job_id = '{id}'")).await
}

#[tokio::test]
async fn s11_a_second_run_waits_for_the_first_and_no_third_is_taken() {
    let mut stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({"overlap": "queue"})).await;
    let runs = format!("/v1/sync-tasks/{task}/runs");
    let first = stack.client.submit(&task).await;
    let second = stack.client.submit(&task).await;
    let shown = job(&stack, &second).await;
    assert_eq!(shown["state"], "pending", "{shown}");
    assert_eq!(shown["waiting_for"], json!({"reason": "run_in_progress", "job_id": first}), "{shown}");
    let refused = stack.client.post(&runs, &json!({})).await.expect_problem(409, "run_queued");
    assert_eq!(refused.body["job_id"], json!(second), "{}", refused.text);
    assert_eq!(steps(&stack, &second).await, 0, "there is nothing that could be claimed");
    // A due time changes nothing: what a person asked for does the same.
    make_due(&stack, 1).await;
    nothing_due(&stack).await;
    let told = events(&stack, &task).await;
    assert_eq!((&told[0]["result"], &told[0]["job_id"]), (&json!("skipped"), &json!(second)));

    // The run does what the task says when it begins.
    let change = json!({"delete_extra": true});
    stack.client.patch(&format!("/v1/sync-tasks/{task}"), &change, None).await.expect(200);
    cancel(&stack, &first).await;
    assert!(!waits(&stack, &second).await, "it goes on in the transition that ended the first");
    assert_eq!(steps(&stack, &second).await, 1);
    let spec = format!("SELECT (spec->>'delete_extra')::boolean FROM jobs WHERE id = '{second}'");
    assert!(stack.control.value::<bool>(&spec).await);
    stack.start_worker();
    stack.ready().await;
    stack.client.completed(&second, seconds(60)).await;
}

#[tokio::test]
async fn s11_of_due_times_the_latest_waits() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({"overlap": "queue"})).await;
    let first = stack.client.submit(&task).await;
    for place in [3, 2, 1] {
        make_due(&stack, place).await;
        nothing_due(&stack).await;
    }
    let told = events(&stack, &task).await;
    let results: Vec<_> = told.iter().map(|event| event["result"].as_str().unwrap()).collect();
    assert_eq!(results, ["queued", "skipped", "skipped"], "{told:?}");
    let second = told[0]["job_id"].as_str().unwrap();
    let shown = job(&stack, second).await;
    assert_eq!((&shown["due_at"], &shown["trigger"]), (&told[0]["due_at"], &json!("schedule")));
    stack
        .client
        .post(&format!("/v1/sync-tasks/{task}/runs"), &json!({}))
        .await
        .expect_problem(409, "run_queued");

    // Pausing the schedule forgets what waits because of it.
    stack.client.patch(&format!("/v1/sync-tasks/{task}"), &json!({"enabled": false}), None).await.expect(200);
    assert_eq!(job(&stack, second).await["state"], "cancelled");
    // What a person asked for stays, until the task is deleted.
    let third = stack.client.submit(&task).await;
    stack.client.patch(&format!("/v1/sync-tasks/{task}"), &json!({"schedule": null}), None).await.expect(200);
    assert!(waits(&stack, &third).await);
    stack.client.delete(&format!("/v1/sync-tasks/{task}")).await.expect(204);
    assert_eq!(job(&stack, &third).await["state"], "cancelled");
    assert_eq!(job(&stack, &first).await["state"], "pending", "what goes on goes on");
}

#[tokio::test]
async fn s11_a_waiting_run_survives_every_process_and_runs_alone() {
    let mut stack = Stack::running().await;
    let task = scheduled(&stack, &json!({"overlap": "queue"})).await;
    // The first run cannot begin before there is a worker again.
    for worker in &mut stack.workers {
        worker.kill();
    }
    let first = stack.client.submit(&task).await;
    let second = stack.client.submit(&task).await;
    stack.apis[0].kill();
    stack.schedulers[0].kill();
    stack.apis[0].start_again();
    stack.schedulers[0].start_again();
    for worker in &mut stack.workers {
        worker.start_again();
    }
    stack.ready().await;
    let (first, second) = (
        stack.client.completed(&first, seconds(60)).await,
        stack.client.completed(&second, seconds(60)).await,
    );
    assert!(second.started_at >= first.ended_at, "{first:?} {second:?}");
    all_ended(&stack).await;
}

#[tokio::test]
async fn s11_what_waits_for_nothing_is_found() {
    let stack = workless(&[]).await;
    let task = scheduled(&stack, &json!({"overlap": "queue"})).await;
    let first = stack.client.submit(&task).await;
    let second = stack.client.submit(&task).await;
    holds_for("it waits", seconds(1), async || waits(&stack, &second).await).await;
    // As a release that knows no queue would end it.
    let past = format!("UPDATE jobs SET state = 'cancelled', ended_at = now() WHERE id = '{first}'");
    stack.control.run(&past).await;
    until("the scheduler lets it go", seconds(30), async || (!waits(&stack, &second).await).then_some(()))
        .await;
    assert_eq!(steps(&stack, &second).await, 1);
    until("its step is published", seconds(30), async || {
        let sql =
            format!("SELECT count(*) FROM outbox WHERE job_id = '{second}' AND published_at IS NOT NULL");
        (stack.control.value::<i64>(&sql).await == 1).then_some(())
    })
    .await;
}
