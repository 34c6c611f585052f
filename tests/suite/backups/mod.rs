//! Backups (B1, B4, B5, B6): one point, everything that the source has, proven, and nothing half.

mod content;
mod damage;
mod money;
mod requests;

use longshore_tests::servers::Bucket;
use longshore_tests::shelf::Shelf;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

/// A stack with so many workers that keeps packages.
async fn stack(workers: usize, settings: &[(&'static str, &str)]) -> (Stack, Shelf) {
    let mut stack = Stack::prepared().await;
    let bucket = Bucket::of_the_run();
    let shelf = stack.keep_packages(&bucket, bucket.port);
    stack.set(settings);
    stack.start_api();
    stack.start_scheduler();
    for _ in 0..workers {
        stack.start_worker();
    }
    stack.ready().await;
    (stack, shelf)
}

/// Asks for a backup of the source; answers the job's and the backup's id.
async fn ask(stack: &Stack, more: &Value) -> (String, String) {
    let connection = stack.client.connection(&stack.source).await;
    ask_of(stack, &connection, more).await
}

async fn ask_of(stack: &Stack, connection: &str, more: &Value) -> (String, String) {
    let mut body = json!({"connection_id": connection, "name": "nightly", "allow_untested": true});
    body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let job = stack.client.post("/v1/backups", &body).await.expect(202);
    let backup = job.body["spec"]["backup_id"].as_str().unwrap().to_owned();
    (job.id(), backup)
}

/// A complete backup of the source: its id.
async fn made(stack: &Stack, more: &Value) -> String {
    let (job, backup) = ask(stack, more).await;
    stack.client.completed(&job, seconds(60)).await;
    backup
}

async fn shown(stack: &Stack, backup: &str) -> Value {
    stack.client.get(&format!("/v1/backups/{backup}")).await.expect(200).body
}

/// Asks for a verification; answers the job's id.
async fn verify(stack: &Stack, backup: &str) -> String {
    stack.client.post(&format!("/v1/backups/{backup}/verifications"), &json!({})).await.expect(202).id()
}
