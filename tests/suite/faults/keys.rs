//! Keys that are missing or rotated while jobs run (F53).

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use longshore_tests::fleet::{Settings, command, try_command};
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::{SLOW, again, all_is_well, in_hand, seed};

fn read(path: &Path) -> Value {
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn write(path: &Path, ring: &Value) {
    std::fs::write(path, ring.to_string()).unwrap();
}

/// The stack's two keyrings.
fn rings(stack: &Stack) -> (PathBuf, PathBuf) {
    (stack.folder.path().join("public.json"), stack.folder.path().join("private.json"))
}

/// Adds a fresh key to both keyrings, as an operator does.
fn rotate(stack: &Stack) {
    let (public, private) = rings(stack);
    let [public, private] = [&public, &private].map(|ring| ring.display().to_string());
    let words = ["rotate-keys", "--public", &public, "--private", &private];
    command("longshore-worker", &words, &Settings::new(), stack.folder.path());
}

/// How many secrets each key has sealed.
async fn sealed(stack: &Stack) -> Vec<String> {
    let sql = "SELECT key_id || ' ' || count(*) FROM secrets GROUP BY key_id ORDER BY key_id";
    stack.control.column(sql).await
}

#[tokio::test]
async fn f53_without_the_key_a_job_fails_and_nothing_is_half_done() {
    let mut stack = Stack::running().await;
    seed(&stack.source, 50).await;
    let task = stack.task(&json!({})).await;
    let (_, private) = rings(&stack);
    let (whole, mut poor) = (read(&private), read(&private));
    // Another key of the right form: the old one is lost.
    poor["keys"] = json!({"k9": whole["keys"]["k1"]});
    poor["current"] = json!("k9");
    write(&private, &poor);
    for worker in &mut stack.workers {
        worker.terminate(seconds(20)).await;
        worker.start_again();
    }
    stack.ready().await;
    let failed = stack.run(&task).await;
    let why = failed.failure.as_ref().map(|failure| failure.code.as_str());
    assert_eq!((failed.state.as_str(), why), ("failed", Some("key_unavailable")), "{failed:#?}");
    assert!(stack.target.tables().await.is_empty(), "nothing was begun");
    invariants::hold(&stack).await;

    write(&private, &whole);
    for worker in &mut stack.workers {
        worker.terminate(seconds(20)).await;
        worker.start_again();
    }
    stack.ready().await;
    stack.run_completed(&task).await;
    invariants::hold(&stack).await;
}

/// A task like this one whose schedule was confirmed for a protected target, and did not fire yet.
async fn confirmed(stack: &Stack, like: &str) {
    let like = stack.client.get(&format!("/v1/sync-tasks/{like}")).await.expect(200).body;
    let mut body = longshore_tests::client::connection_body(&stack.target);
    (body["name"], body["protected"]) = (json!("production"), json!(true));
    let target = stack.client.post("/v1/connections", &body).await.expect(201).id();
    let options = json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"},
        "confirm_target": "production", "target_password": stack.target.password});
    stack.client.task(like["source_id"].as_str().unwrap(), &target, &options).await;
}

#[tokio::test]
async fn f53_t07_a_rotation_under_load_fails_no_job_and_the_old_key_can_go() {
    let mut stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 1_500).await;
    let hook = json!({"url": "http://127.0.0.1:9/", "events": ["job.completed"]});
    stack.client.post("/v1/webhooks", &hook).await.expect(201);
    let old_task = stack.task(&json!({})).await;
    confirmed(&stack, &old_task).await;
    let job = stack.client.submit(&old_task).await;
    in_hand(&stack, &job, "copy").await;
    rotate(&stack);
    // No process was started again: who seals takes the new key, who opens finds it.
    let new_task = again(&stack, &json!({"target_busy": "wait"})).await;
    assert_eq!(sealed(&stack).await, ["k1 5", "k2 2"]);
    let second = stack.client.submit(&new_task).await;
    // Two that seal anew at once, while a run goes on.
    let settings = stack.worker_settings();
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| command("longshore-worker", &["reseal"], &settings, stack.folder.path()));
        }
    });
    assert_eq!(sealed(&stack).await, ["k2 7"]);
    command("longshore-worker", &["retire-keys"], &settings, stack.folder.path());
    let (public, private) = rings(&stack);
    for ring in [&public, &private] {
        assert_eq!(read(ring)["keys"].as_object().unwrap().keys().collect::<Vec<_>>(), ["k2"]);
    }
    let mode = std::fs::metadata(&private).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    stack.client.completed(&job, seconds(60)).await;
    all_is_well(&stack, &second).await;
    // With nothing but the new key.
    for worker in &mut stack.workers {
        worker.terminate(seconds(25)).await;
        worker.start_again();
    }
    stack.ready().await;
    for task in [&new_task, &old_task] {
        stack.target.run("DELETE FROM order_items").await;
        let job = stack.client.submit(task).await;
        all_is_well(&stack, &job).await;
    }
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f53_workers_seal_anew_by_themselves_and_leave_what_they_cannot_open() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    stack.task(&json!({})).await;
    rotate(&stack);
    // One value whose key nobody has, and one that was moved here from another row.
    let lost = "UPDATE secrets SET key_id = 'k0' WHERE connection_id = (SELECT min(connection_id::text)::uuid FROM secrets)";
    assert_eq!(stack.control.run(lost).await, 1);
    let mut body = longshore_tests::client::connection_body(&stack.source);
    body["name"] = json!("third");
    let third = stack.client.post("/v1/connections", &body).await.expect(201).id();
    let moved = format!(
        "UPDATE secrets SET key_id = 'k1', sealed = (SELECT sealed FROM secrets WHERE key_id = 'k1')
         WHERE connection_id = '{third}'"
    );
    assert_eq!(stack.control.run(&moved).await, 1);
    stack.start_worker();
    stack.start_worker();
    stack.ready().await;
    until("what opens is sealed anew", seconds(20), async || {
        (sealed(&stack).await == ["k0 1", "k1 1", "k2 1"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn f53_secrets_of_waiting_jobs_are_sealed_anew_and_nothing_that_would_not_open_again() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    stack.task(&json!({})).await;
    let mut body = longshore_tests::client::connection_body(&stack.source);
    body["name"] = json!("draft");
    let waiting = stack.client.post("/v1/connections/test", &body).await.expect(202).id();
    rotate(&stack);
    // The fresh private key has not come here yet.
    let (_, private) = rings(&stack);
    let (whole, mut old) = (read(&private), read(&private));
    old["keys"].as_object_mut().unwrap().remove("k2");
    old["current"] = json!("k1");
    write(&private, &old);
    let settings = stack.worker_settings();
    let reseal = || try_command("longshore-worker", &["reseal"], &settings, stack.folder.path());
    assert!(!reseal(), "what would not open again was called sealed anew");
    assert_eq!(sealed(&stack).await, ["k1 3"]);
    write(&private, &whole);
    // A key that something needs stays, whoever asks.
    assert!(!try_command("longshore-worker", &["retire-keys"], &settings, stack.folder.path()));
    assert_eq!(read(&private)["keys"].as_object().unwrap().len(), 2);
    assert!(reseal());
    assert_eq!(sealed(&stack).await, ["k2 3"]);
    command("longshore-worker", &["retire-keys"], &settings, stack.folder.path());
    stack.start_worker();
    stack.ready().await;
    stack.client.completed(&waiting, seconds(30)).await;
    let found = stack.client.get(&format!("/v1/jobs/{waiting}/examination")).await.expect(200).body;
    assert_eq!(found["examination"]["passed"], true, "{found:#}");
}
