//! Every route that the OpenAPI document knows, asked by nobody and by those who may not.

use longshore_tests::client::Answer;
use longshore_tests::stack::Stack;
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

/// The routes that are promised; a new one is added here, and so asked for a token.
const ROUTES: &[&str] = &[
    "DELETE /v1/backups/{id}",
    "DELETE /v1/connections/{id}",
    "DELETE /v1/sync-tasks/{id}",
    "DELETE /v1/webhooks/{id}",
    "GET /v1/backups",
    "GET /v1/backups/{id}",
    "GET /v1/connections",
    "GET /v1/connections/{id}",
    "GET /v1/dead-letters",
    "GET /v1/jobs",
    "GET /v1/jobs/{id}",
    "GET /v1/jobs/{id}/events",
    "GET /v1/jobs/{id}/examination",
    "GET /v1/jobs/{id}/log",
    "GET /v1/jobs/{id}/tables",
    "GET /v1/organisation/limits",
    "GET /v1/sync-tasks",
    "GET /v1/sync-tasks/overdue",
    "GET /v1/sync-tasks/{id}",
    "GET /v1/sync-tasks/{id}/runs",
    "GET /v1/sync-tasks/{id}/schedule-events",
    "GET /v1/webhooks",
    "GET /v1/webhooks/{id}",
    "GET /v1/webhooks/{id}/deliveries",
    "PATCH /v1/connections/{id}",
    "PATCH /v1/sync-tasks/{id}",
    "PATCH /v1/webhooks/{id}",
    "POST /v1/backups",
    "POST /v1/backups/{id}/verifications",
    "POST /v1/connections",
    "POST /v1/connections/test",
    "POST /v1/connections/{id}/host-keys",
    "POST /v1/connections/{id}/test",
    "POST /v1/dead-letters/replay",
    "POST /v1/dead-letters/{id}/replay",
    "POST /v1/jobs/{id}/cancel",
    "POST /v1/probes",
    "POST /v1/sync-tasks",
    "POST /v1/sync-tasks/{id}/runs",
    "POST /v1/webhooks",
    "POST /v1/webhooks/{id}/test",
    "PUT /v1/organisation/limits",
];

/// A token of the first organisation with these permissions, or one that is out of date.
async fn token(stack: &Stack, name: &str, permissions: &str, expires: &str) -> String {
    let token = format!("ls_{name:x<43}");
    let digest: String = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
    let sql = format!(
        "INSERT INTO tokens (org_id, id, name, sha256, permissions, expires_at)
         SELECT id, gen_random_uuid(), '{name}', '\\x{digest}', '{{{permissions}}}', {expires} FROM organisations"
    );
    assert_eq!(stack.control.run(&sql).await, 1);
    token
}

async fn ask(stack: &Stack, token: Option<&str>, route: &str) -> Answer {
    let (method, path) = route.split_once(' ').unwrap();
    let path = path.replace("{id}", "00000000-0000-7000-8000-00000000000a");
    let method: Method = method.parse().unwrap();
    let body = matches!(method, Method::POST | Method::PATCH).then(|| json!({}));
    stack.client.with_token(token).send(method, &path, body.as_ref()).await
}

#[tokio::test]
async fn no_route_answers_without_a_right() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let document: Value = stack.client.with_token(None).get("/openapi.json").await.expect(200).body;
    let mut found: Vec<String> = Vec::new();
    for (path, methods) in document["paths"].as_object().unwrap() {
        let methods = methods.as_object().unwrap().keys();
        found.extend(methods.map(|method| format!("{} {path}", method.to_uppercase())));
    }
    found.retain(|route| route.contains("/v1/"));
    found.sort();
    assert_eq!(found, ROUTES);

    let none = token(&stack, "none", "", "NULL").await;
    let other = token(&stack, "other", "migration", "NULL").await;
    let old = token(&stack, "old", "platform_admin", "now() - interval '1 s'").await;
    for route in ROUTES {
        for wrong in [None, Some("ls_nonsense"), Some(""), Some(old.as_str())] {
            let answer = ask(&stack, wrong, route).await.expect(401);
            assert!(
                answer.body["code"].is_string() && answer.body["request_id"].is_string(),
                "{}",
                answer.text
            );
        }
        for weak in [&none, &other] {
            ask(&stack, Some(weak), route).await.expect_problem(403, "forbidden");
        }
    }
    // The health of the process is everybody's; what it measures is on a port of its own.
    let nobody = stack.client.with_token(None);
    nobody.get("/healthz").await.expect(200);
    nobody.get("/readyz").await.expect(200);
    nobody.get("/metrics").await.expect(404);
    nobody.get("/v1/nothing").await.expect(404);
}

#[tokio::test]
async fn each_permission_opens_its_own_doors() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let permissions = ["database", "sync", "org_admin"];
    let mut tokens = Vec::new();
    for permission in permissions {
        tokens.push(token(&stack, permission, permission, "NULL").await);
    }
    // What a route asks for: an answer that is not 403 means that the door is open.
    let cases = [
        ("POST /v1/connections", [true, false, true]),
        ("POST /v1/backups", [true, false, true]),
        ("GET /v1/backups", [true, false, true]),
        ("DELETE /v1/backups/{id}", [true, false, true]),
        ("POST /v1/backups/{id}/verifications", [true, false, true]),
        ("DELETE /v1/connections/{id}", [true, false, true]),
        ("PATCH /v1/connections/{id}", [true, false, true]),
        ("POST /v1/connections/test", [true, false, true]),
        ("POST /v1/connections/{id}/test", [true, false, true]),
        ("POST /v1/connections/{id}/host-keys", [true, false, true]),
        ("GET /v1/jobs/{id}/examination", [true, false, true]),
        ("POST /v1/sync-tasks", [false, true, true]),
        ("PATCH /v1/sync-tasks/{id}", [false, true, true]),
        ("GET /v1/sync-tasks/{id}/schedule-events", [false, true, true]),
        ("GET /v1/sync-tasks/overdue", [false, true, true]),
        ("POST /v1/sync-tasks/{id}/runs", [false, true, true]),
        // What job it is decides; there is none here.
        ("POST /v1/jobs/{id}/cancel", [true, true, true]),
        ("POST /v1/probes", [false, false, false]),
        ("GET /v1/dead-letters", [false, false, false]),
        ("POST /v1/dead-letters/replay", [false, false, false]),
        ("POST /v1/webhooks", [false, false, true]),
        ("PATCH /v1/webhooks/{id}", [false, false, true]),
        ("GET /v1/webhooks/{id}/deliveries", [false, false, true]),
    ];
    for (route, expected) in cases {
        for ((permission, token), open) in permissions.iter().zip(&tokens).zip(expected) {
            let answer = ask(&stack, Some(token), route).await;
            assert_eq!(answer.status != 403, open, "{route} with {permission}: {}", answer.text);
        }
    }
}
