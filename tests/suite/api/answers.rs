//! What is answered to wrong input and to what does not fit (I list).

use longshore_tests::client::connection_body;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

async fn serving() -> Stack {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    stack
}

#[tokio::test]
async fn wrong_fields_are_named_and_nothing_is_made() {
    let stack = serving().await;
    let body = connection_body(&stack.source);
    let cases = [
        ("host", json!(""), "required"),
        ("host", json!("http://h"), "invalid_host"),
        ("host", json!("h:3306"), "invalid_host"),
        ("host", json!("a b"), "invalid_host"),
        ("host", json!("h\u{0}"), "invalid_value"),
        ("host", json!("169.254.169.254"), "address_not_allowed"),
        ("host", json!("0"), "address_not_allowed"),
        ("port", json!(0), "invalid_value"),
        ("port", json!(65_536), "invalid_value"),
        ("port", json!("3306"), "invalid_value"),
        ("engine", json!("oracle"), "invalid_value"),
        ("name", json!(""), "required"),
        ("name", json!("x".repeat(201)), "too_long"),
        ("database", json!(""), "required"),
        ("timeout_seconds", json!(0), "invalid_value"),
        ("surprise", json!(1), "unknown_field"),
    ];
    for (field, value, code) in cases {
        let mut wrong = body.clone();
        wrong[field] = value.clone();
        let answer = stack.client.post("/v1/connections", &wrong).await.expect_problem(422, code);
        assert_eq!(answer.body["field"], field, "{value}: {}", answer.text);
        assert!(!answer.text.contains(&stack.source.password), "{}", answer.text);
    }
    let many = stack.client.post("/v1/connections", &json!({})).await.expect_problem(422, "invalid_fields");
    assert!(many.body["errors"].as_array().unwrap().len() > 4, "everything is told at once: {}", many.text);
    assert_eq!(stack.client.get("/v1/connections").await.body["items"], json!([]));

    for (text, status) in [("", 400), ("{", 400), ("[]", 422), ("null", 422)] {
        let answer = raw(&stack, text).await;
        assert_eq!(answer.0, status, "{text}: {}", answer.1);
        assert!(!answer.1.contains("\"detail\":\":"), "{}", answer.1);
    }
}

async fn raw(stack: &Stack, body: &str) -> (u16, String) {
    let request = stack.client.request(reqwest::Method::POST, "/v1/connections");
    let answer =
        request.header("content-type", "application/json").body(body.to_owned()).send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

#[tokio::test]
async fn what_does_not_fit_is_a_conflict_and_what_is_gone_is_404() {
    let stack = serving().await;
    let source = stack.client.connection(&stack.source).await;
    let target = stack.client.connection(&stack.target).await;
    let twin = connection_body(&stack.source);
    stack.client.post("/v1/connections", &twin).await.expect_problem(409, "name_taken");

    let task = stack.client.task(&source, &target, &json!({"name": "The task"})).await;
    let again = json!({
        "name": "the TASK", "source_id": source, "target_id": target, "mode": "full", "policy": "source_first",
        "allow_untested": true,
    });
    stack.client.post("/v1/sync-tasks", &again).await.expect_problem(409, "name_taken");
    stack.client.delete(&format!("/v1/connections/{source}")).await.expect_problem(409, "connection_in_use");

    let job = stack.client.submit(&task).await;
    let runs = format!("/v1/sync-tasks/{task}/runs");
    let second = stack.client.post(&runs, &json!({})).await.expect_problem(409, "run_in_progress");
    assert_eq!(second.body["job_id"], json!(job), "{}", second.text);

    // Nobody works: a cancelled job ends at once, and never runs.
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    let ended = stack.client.ended(&job, seconds(5)).await;
    assert_eq!((ended.state.as_str(), ended.started_at), ("cancelled", None));
    let other = stack.client.submit(&task).await;
    assert_ne!(other, job);

    stack.client.post(&format!("/v1/jobs/{other}/cancel"), &json!({})).await.expect(202);
    stack.client.delete(&format!("/v1/sync-tasks/{task}")).await.expect(204);
    stack.client.get(&format!("/v1/sync-tasks/{task}")).await.expect_problem(404, "not_found");
    stack.client.post(&runs, &json!({})).await.expect_problem(404, "not_found");
    stack.client.delete(&format!("/v1/connections/{source}")).await.expect(204);
    stack.client.get(&format!("/v1/connections/{source}")).await.expect_problem(404, "not_found");
    let secrets: i64 = stack.control.value("SELECT count(*) FROM secrets").await;
    assert_eq!(secrets, 1, "a deleted connection's secret is gone");
    // The history stays.
    assert_eq!(stack.client.job(&job).await.state, "cancelled");
}

#[tokio::test]
async fn pages_of_jobs_hold_each_job_once() {
    let stack = serving().await;
    let task = stack.task(&json!({})).await;
    let mut made = Vec::new();
    for _ in 0..7 {
        let job = stack.client.submit(&task).await;
        stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
        made.push(job);
    }
    made.reverse();
    for path in ["/v1/jobs?limit=3", "/v1/jobs?limit=3&state=cancelled&kind=sync"] {
        let (mut found, mut cursor) = (Vec::new(), None::<String>);
        loop {
            let after = cursor.map_or(String::new(), |cursor| format!("&cursor={cursor}"));
            let page: Value = stack.client.get(&format!("{path}{after}")).await.expect(200).body;
            let items = page["items"].as_array().unwrap();
            assert!(items.len() <= 3);
            found.extend(items.iter().map(|job| job["id"].as_str().unwrap().to_owned()));
            cursor = page["next_cursor"].as_str().map(str::to_owned);
            if cursor.is_none() {
                break;
            }
        }
        assert_eq!(found, made, "{path}");
    }
    let none = stack.client.get("/v1/jobs?state=running").await.expect(200);
    assert_eq!(none.body["items"], json!([]));
    for wrong in ["limit=0", "limit=x", "cursor=%00", "state=done", "surprise=1"] {
        stack.client.get(&format!("/v1/jobs?{wrong}")).await.expect(422);
    }
}
