//! What the API answers about backups.

use bytes::Bytes;
use longshore_tests::proxy::{End, Flow, Proxy};
use longshore_tests::seeds;
use longshore_tests::servers::Bucket;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{ask_of, shown, stack, verify};

#[tokio::test]
async fn b01_backups_are_listed_verified_and_deleted_for_good() {
    let (stack, shelf) = stack(1, &[]).await;
    seeds::shop(&stack.source, 20).await;
    let connection = stack.client.connection(&stack.source).await;
    let (job, backup) = ask_of(&stack, &connection, &json!({"tables": ["orders", "cust*"]})).await;
    stack.client.completed(&job, seconds(60)).await;
    let view = shown(&stack, &backup).await;
    let tables: Vec<&str> =
        view["tables"].as_array().unwrap().iter().map(|table| table["name"].as_str().unwrap()).collect();
    assert_eq!(tables, ["customers", "orders"]);
    let listed = stack.client.get(&format!("/v1/backups?connection_id={connection}&state=complete")).await;
    assert_eq!(listed.expect(200).body["items"][0]["id"], backup);
    let none = stack.client.get("/v1/backups?state=failed").await.expect(200);
    assert_eq!(none.body["items"], json!([]));
    stack.client.completed(&verify(&stack, &backup).await, seconds(30)).await;
    assert!(!shelf.objects().await.is_empty());
    let deleted = stack.client.delete(&format!("/v1/backups/{backup}")).await.expect(200);
    assert_eq!(deleted.body["state"], "deleted");
    stack.client.delete(&format!("/v1/backups/{backup}")).await.expect_problem(409, "backup_deleted");
    stack
        .client
        .post(&format!("/v1/backups/{backup}/verifications"), &json!({}))
        .await
        .expect_problem(409, "backup_deleted");
    until("its bytes are gone", seconds(30), async || shelf.objects().await.is_empty().then_some(())).await;
}

#[tokio::test]
async fn b01_a_backup_that_fails_says_why_and_leaves_nothing() {
    let (stack, shelf) = stack(1, &[]).await;
    seeds::shop(&stack.source, 20).await;
    let connection = stack.client.connection(&stack.source).await;
    let (job, backup) = ask_of(&stack, &connection, &json!({"tables": ["orders", "no_such"]})).await;
    let ended = stack.client.ended(&job, seconds(60)).await;
    assert_eq!(ended.failure.unwrap().code, "unknown_table");
    let view = shown(&stack, &backup).await;
    assert_eq!(
        (view["state"].as_str(), view["failure"]["code"].as_str()),
        (Some("failed"), Some("unknown_table"))
    );
    stack
        .client
        .post(&format!("/v1/backups/{backup}/verifications"), &json!({}))
        .await
        .expect_problem(409, "backup_not_complete");
    assert_eq!(shelf.objects().await, Vec::<String>::new());
}

#[tokio::test]
async fn b01_what_cannot_be_backed_up_is_told_at_once() {
    let stack = Stack::running().await;
    let connection = stack.client.connection(&stack.source).await;
    let body = |connection: &str| json!({"connection_id": connection, "name": "n", "allow_untested": true});
    stack.client.post("/v1/backups", &body(&connection)).await.expect_problem(409, "no_store");
    let (stack, _) = self::stack(0, &[]).await;
    let connection = stack.client.connection(&stack.source).await;
    let nobody = "0190bc2a-0000-7000-8000-000000000000";
    stack.client.post("/v1/backups", &body(nobody)).await.expect_problem(422, "unknown_connection");
    stack
        .client
        .post("/v1/backups", &json!({"connection_id": connection, "name": "n"}))
        .await
        .expect_problem(409, "connection_not_verified");
    stack.client.get(&format!("/v1/backups/{nobody}")).await.expect_problem(404, "not_found");
}

#[tokio::test]
async fn f40_a_store_that_is_away_is_waited_for() {
    let mut stack = Stack::prepared().await;
    let bucket = Bucket::of_the_run();
    let proxy = Proxy::before(bucket.port);
    let shelf = stack.keep_packages(&bucket, proxy.port);
    stack.start_all().await;
    seeds::shop(&stack.source, 50).await;
    let connection = stack.client.connection(&stack.source).await;
    proxy.set(Flow::CutEach(0, End::Reset));
    let (job, backup) = ask_of(&stack, &connection, &json!({})).await;
    let tried = async || stack.logs().contains("store_away").then_some(());
    until("a part could not be stored", seconds(60), tried).await;
    proxy.set(Flow::Pass);
    stack.client.completed(&job, seconds(90)).await;
    assert_eq!(shown(&stack, &backup).await["state"], "complete");
    assert!(!shelf.objects().await.is_empty());
}

#[tokio::test]
async fn f41_f42_what_nobody_knows_of_is_swept() {
    let (mut stack, shelf) = stack(1, &[("STORE_GRACE_SECONDS", "0")]).await;
    seeds::shop(&stack.source, 20).await;
    let connection = stack.client.connection(&stack.source).await;
    let (job, backup) = ask_of(&stack, &connection, &json!({})).await;
    stack.client.completed(&job, seconds(60)).await;
    let kept = shelf.objects().await;
    let store = shelf.store().await;
    let org: uuid::Uuid = stack.control.value("SELECT org_id FROM packages").await;
    let orphan = format!("org/{org}/packages/0190bc2a-0000-7000-8000-000000000000/x-1/0");
    store.put(&orphan, Bytes::from_static(b"bytes")).await.unwrap();
    store.put("elsewhere/1", Bytes::from_static(b"bytes")).await.unwrap();
    let mut upload = store.upload(&format!("org/{org}/packages/{backup}/y-1/0"));
    upload.write(vec![7; 20 << 20].into()).await.unwrap();
    std::mem::forget(upload);
    let begun = async || (!store.begun().await.unwrap().is_empty()).then_some(());
    until("the upload is begun", seconds(10), begun).await;
    stack.schedulers[0].terminate(seconds(10)).await;
    stack.start_scheduler().ready().await;
    let swept = async || {
        let there = shelf.objects().await.contains(&orphan) || !store.begun().await.unwrap().is_empty();
        (!there).then_some(())
    };
    until("what nobody knows of is gone", seconds(30), swept).await;
    let mut left = shelf.objects().await;
    left.retain(|key| key != "elsewhere/1");
    assert_eq!(left, kept, "a complete package keeps its objects, and other keys are not touched");
}
