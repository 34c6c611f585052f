//! Webhooks are registered, shown, changed and deleted, by those who may, each
//! organisation's its own.

use longshore_tests::receiver::Receiver;
use longshore_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};

use super::{hook, newest, probe};

#[tokio::test]
async fn a_webhook_is_made_shown_changed_and_deleted() {
    let stack = Stack::running().await;
    let client = &stack.client;
    let receiver = Receiver::start().await;
    let made = client.post("/v1/webhooks", &json!({"url": receiver.url("/a")})).await.expect(201);
    let path = format!("/v1/webhooks/{}", made.id());
    assert!(made.body["secret"].as_str().unwrap().starts_with("whsec_"), "{}", made.text);
    assert_eq!(made.body["events"], json!(["job.completed", "job.failed", "job.cancelled"]));
    let shown = client.get(&path).await.expect(200);
    let mut whole = made.body.clone();
    whole.as_object_mut().unwrap().remove("secret");
    assert_eq!(shown.body, whole, "all but the secret");

    let change = json!({"url": receiver.url("/b"), "events": ["job.failed", "job.failed"]});
    let changed = client.send(Method::PATCH, &path, Some(&change)).await.expect(200);
    assert_eq!(
        (&changed.body["url"], &changed.body["events"]),
        (&json!(receiver.url("/b")), &json!(["job.failed"]))
    );
    assert_eq!(client.get(&path).await.expect(200).body, changed.body);
    let none = client.send(Method::PATCH, &path, Some(&json!({}))).await.expect(200);
    assert_eq!(none.body, changed.body, "what is not named stays");
    probe(&stack).await;
    client.post(&format!("{path}/test"), &json!({})).await.expect(202);
    let listed = client.get(&format!("{path}/deliveries")).await.expect(200);
    let events: Vec<_> = listed.body["items"].as_array().unwrap().iter().map(|one| &one["event"]).collect();
    assert_eq!(events, [&json!("ping")], "a completed job is not told");

    client.delete(&path).await.expect(204);
    for request in [Method::GET, Method::DELETE] {
        client.send(request, &path, None).await.expect_problem(404, "not_found");
    }
    client.get(&format!("{path}/deliveries")).await.expect_problem(404, "not_found");
    let secrets = "SELECT count(*) FROM secrets WHERE owner_kind = 'webhook'";
    assert_eq!(stack.control.value::<i64>(secrets).await, 0, "its secret is gone");
}

#[tokio::test]
async fn wrong_fields_are_named() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let check = async |body: Value, field: &str, code: &str| {
        let answer = stack.client.post("/v1/webhooks", &body).await.expect_problem(422, code);
        assert_eq!(answer.body["field"], field, "{}", answer.text);
    };
    let url = "https://hooks.example.com/";
    check(json!({}), "url", "required").await;
    check(json!({"url": 1}), "url", "invalid_value").await;
    check(json!({"url": "hooks.example.com"}), "url", "invalid_url").await;
    check(json!({"url": url, "events": []}), "events", "required").await;
    check(json!({"url": url, "events": ["job.eaten"]}), "events", "invalid_value").await;
    check(json!({"url": url, "events": "job.failed"}), "events", "invalid_value").await;
    check(json!({"url": url, "enabled": "yes"}), "enabled", "invalid_value").await;
    check(json!({"url": url, "secret": "whsec_mine"}), "secret", "unknown_field").await;
    let none: i64 = stack.control.value("SELECT count(*) FROM webhooks").await;
    assert_eq!(none, 0);
    let made = stack.client.post("/v1/webhooks", &json!({"url": url})).await.expect(201).id();
    let patch = async |body: Value, code: &str| {
        let path = format!("/v1/webhooks/{made}");
        stack.client.send(Method::PATCH, &path, Some(&body)).await.expect_problem(422, code);
    };
    patch(json!({"url": "ftp://a"}), "invalid_url").await;
    patch(json!({"events": []}), "required").await;
    patch(json!({"enabled": 1}), "invalid_value").await;
    for _ in 1..20 {
        stack.client.post("/v1/webhooks", &json!({"url": url})).await.expect(201);
    }
    stack.client.post("/v1/webhooks", &json!({"url": url})).await.expect_problem(409, "too_many_webhooks");
    let first = stack.client.get("/v1/webhooks?limit=15").await.expect(200);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = stack.client.get(&format!("/v1/webhooks?limit=15&cursor={cursor}")).await.expect(200);
    let ids = |page: &Value| {
        page["items"].as_array().unwrap().iter().map(|w| w["id"].to_string()).collect::<Vec<_>>()
    };
    let all: std::collections::BTreeSet<_> =
        [ids(&first.body), ids(&second.body)].concat().into_iter().collect();
    assert_eq!((all.len(), second.body["next_cursor"].is_null()), (20, true));
    stack.client.get("/v1/webhooks?cursor=x").await.expect_problem(422, "invalid_cursor");
}

#[tokio::test]
async fn switching_off_drops_what_is_owed() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let hook = hook(&stack, "https://hooks.example.com/", &["job.failed"]).await;
    let path = format!("/v1/webhooks/{}", hook.id);
    for _ in 0..5 {
        stack.client.post(&format!("{path}/test"), &json!({})).await.expect(202);
    }
    let first = stack.client.get(&format!("{path}/deliveries?limit=3")).await.expect(200);
    let cursor = first.body["next_cursor"].as_str().unwrap();
    let second = stack.client.get(&format!("{path}/deliveries?limit=3&cursor={cursor}")).await.expect(200);
    assert_eq!(second.body["items"].as_array().unwrap().len(), 2);
    stack.client.send(Method::PATCH, &path, Some(&json!({"enabled": false}))).await.expect(200);
    let dropped = newest(&stack, &hook, "it is dropped", |one| one["state"] == "failed").await;
    assert_eq!((&dropped["last_error"], &dropped["attempts"]), (&json!("disabled"), &json!(0)), "{dropped}");
    assert_eq!(
        stack.control.value::<i64>("SELECT count(*) FROM webhook_deliveries WHERE state = 'pending'").await,
        0
    );
}

#[tokio::test]
async fn t17_webhooks_of_another_organisation_are_not_there() {
    let stack = Stack::running().await;
    let (ours, theirs) = (Receiver::start().await, Receiver::start().await);
    let our = hook(&stack, &ours.url("/"), &["job.completed"]).await;
    let token = stack.control.organisation("other", "org_admin").await;
    let them = stack.client.with_token(Some(&token));
    them.post("/v1/webhooks", &json!({"url": theirs.url("/")})).await.expect(201);
    assert_eq!(them.get("/v1/webhooks").await.expect(200).body["items"].as_array().unwrap().len(), 1);
    let path = format!("/v1/webhooks/{}", our.id);
    them.get(&path).await.expect(404);
    them.get(&format!("{path}/deliveries")).await.expect(404);
    them.delete(&path).await.expect(404);
    them.send(Method::PATCH, &path, Some(&json!({"enabled": false}))).await.expect(404);
    them.post(&format!("{path}/test"), &json!({})).await.expect(404);
    probe(&stack).await;
    newest(&stack, &our, "ours is told", |one| one["state"] == "delivered").await;
    assert_eq!((ours.received().len(), theirs.received().len()), (1, 0), "nobody hears of others' jobs");
}
