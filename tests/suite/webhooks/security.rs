//! Where webhooks never go (T12), and where their secrets never stand (T9).

use std::process::Command;

use longshore_tests::control_plane::pool;
use longshore_tests::receiver::Receiver;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::{hook, newest, probe, received};

#[tokio::test]
async fn t12_a_webhook_never_goes_inside() {
    let stack = Stack::running_with(&[("WEBHOOK_PRIVATE_ALLOWED", "false")]).await;
    let receiver = Receiver::start().await;
    for host in [
        "127.0.0.1",
        "127.1",
        "2130706433",
        "0x7f000001",
        "[::1]",
        "[::ffff:127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "10.0.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "2852039166",
        "[fd00:ec2::254]",
        "0",
    ] {
        let body = json!({"url": format!("http://{host}:{}/", receiver.port)});
        stack.client.post("/v1/webhooks", &body).await.expect_problem(422, "address_not_allowed");
    }
    // A name is looked at when it is resolved: at every try.
    let hook = hook(&stack, &format!("http://localhost:{}/", receiver.port), &["job.completed"]).await;
    probe(&stack).await;
    let told = newest(&stack, &hook, "a try was in vain", |one| one["last_error"].is_string()).await;
    assert_eq!(told["last_error"], "address_not_allowed", "{told}");
    // So is an address that was allowed when it was saved.
    stack.control.run(&format!("UPDATE webhooks SET url = 'http://127.0.0.1:{}/'", receiver.port)).await;
    stack.client.post(&format!("/v1/webhooks/{}/test", hook.id), &json!({})).await.expect(202);
    let told = newest(&stack, &hook, "the ping was tried", |one| {
        one["event"] == "ping" && one["last_error"].is_string()
    })
    .await;
    assert_eq!(told["last_error"], "address_not_allowed", "{told}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn t12_http_is_taken_only_where_a_setting_says_so() {
    let stack = Stack::running_with(&[("WEBHOOK_HTTP_ALLOWED", "false")]).await;
    let receiver = Receiver::start().await;
    let body = json!({"url": receiver.url("/")});
    stack.client.post("/v1/webhooks", &body).await.expect_problem(422, "http_not_allowed");
    let hook = hook(&stack, "https://hooks.example.com/", &["job.completed"]).await;
    stack.control.run(&format!("UPDATE webhooks SET url = '{}'", receiver.url("/"))).await;
    stack.client.post(&format!("/v1/webhooks/{}/test", hook.id), &json!({})).await.expect(202);
    let told = newest(&stack, &hook, "the ping was tried", |one| one["last_error"].is_string()).await;
    assert_eq!(told["last_error"], "http_not_allowed", "{told}");
    assert!(receiver.received().is_empty());
}

#[tokio::test]
async fn t9_a_webhooks_secret_stands_nowhere_but_in_its_first_answer() {
    let stack = Stack::running_with(&[("LOG", "trace")]).await;
    let receiver = Receiver::start().await;
    let hook = hook(&stack, &receiver.url("/?token=canary-in-the-url"), &["job.completed"]).await;
    probe(&stack).await;
    received(&receiver, 1).await;
    newest(&stack, &hook, "it is delivered", |one| one["state"] == "delivered").await;
    let mut places = vec![("logs", stack.logs())];
    for path in ["/v1/webhooks", &format!("/v1/webhooks/{}", hook.id), "/openapi.json"] {
        places.push(("answers", stack.client.get(path).await.expect(200).text));
    }
    let deliveries = format!("/v1/webhooks/{}/deliveries", hook.id);
    places.push(("answers", stack.client.get(&deliveries).await.expect(200).text));
    let dump = Command::new("pg_dump").arg(&stack.control.admin_url).output().unwrap();
    assert!(dump.status.success() && dump.stdout.len() > 10_000);
    places.push(("pg_dump", String::from_utf8_lossy(&dump.stdout).into_owned()));
    let bare = hook.secret.strip_prefix("whsec_").unwrap().trim_end_matches('=');
    for (place, content) in &places {
        assert!(!content.contains(bare), "the secret stands in: {place}");
    }
    assert!(!stack.logs().contains("canary-in-the-url"), "a URL may be a secret itself");
    // The API can write a sealed secret and not read it back.
    let api = pool(&stack.control.api_url, 1);
    assert!(sqlx::query("SELECT sealed FROM secrets").fetch_all(&api).await.is_err());
    for table in ["webhooks", "webhook_deliveries"] {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(sql).fetch_one(&api).await.unwrap();
        assert_eq!(seen, 0, "{table} without an organisation");
    }
}
