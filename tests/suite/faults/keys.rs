//! Keys that are missing or rotated while jobs run (F53).

use std::path::{Path, PathBuf};

use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

use super::{SLOW, all_is_well, in_hand, seed};

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

/// Adds a fresh key `k2` to both keyrings, as an operator does: the new key seals from now
/// on, the old one still opens.
fn rotate(stack: &Stack) {
    let (public, private) = rings(stack);
    let folder = stack.folder.path().join("fresh");
    std::fs::create_dir(&folder).unwrap();
    let fresh = (folder.join("public.json"), folder.join("private.json"));
    longshore_shared::vault::make_keys(&fresh.0, &fresh.1, "k2").unwrap();
    for (ring, fresh) in [(&private, &fresh.1), (&public, &fresh.0)] {
        let mut whole = read(ring);
        whole["keys"]["k2"] = read(fresh)["keys"]["k2"].clone();
        whole["current"] = json!("k2");
        write(ring, &whole);
    }
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

#[tokio::test]
async fn f53_a_rotation_under_load_fails_no_job() {
    let mut stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 1_500).await;
    let old_task = stack.task(&json!({})).await;
    let job = stack.client.submit(&old_task).await;
    in_hand(&stack, &job, "copy").await;
    rotate(&stack);
    // First whoever opens, then whoever seals.
    for worker in &mut stack.workers {
        worker.terminate(seconds(25)).await;
        worker.start_again();
        worker.ready().await;
    }
    stack.apis[0].terminate(seconds(20)).await;
    stack.apis[0].start_again();
    stack.ready().await;
    all_is_well(&stack, &job).await;

    // Sealed anew with the new key, by another registration of the same databases.
    let mut bodies = [&stack.source, &stack.target].map(longshore_tests::client::connection_body);
    let mut ids = Vec::new();
    for body in &mut bodies {
        body["name"] = json!(format!("{} with the new key", body["name"].as_str().unwrap()));
        ids.push(stack.client.post("/v1/connections", body).await.expect(201).id());
    }
    let keys: Vec<String> =
        stack.control.column("SELECT DISTINCT key_id FROM connection_secrets ORDER BY key_id").await;
    assert_eq!(keys, ["k1", "k2"]);
    let new_task = stack.client.task(&ids[0], &ids[1], &json!({})).await;
    for task in [&new_task, &old_task] {
        stack.target.run("DELETE FROM order_items").await;
        stack.run_completed(task).await;
    }
    invariants::hold(&stack).await;
}
