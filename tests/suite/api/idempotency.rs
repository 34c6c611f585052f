//! Requests that come twice (W1, I36): one effect, one answer, whatever dies in between.

use std::time::Duration;

use futures::future::join_all;
use longshore_tests::client::{Client, connection_body};
use longshore_tests::place::fresh_name;
use longshore_tests::servers::Bucket;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::task::JoinSet;

/// Everything that a request could leave behind.
const EFFECTS: &str = "SELECT concat_ws(' ', (SELECT count(*) FROM connections),
    (SELECT count(*) FROM secrets), (SELECT count(*) FROM sync_tasks), (SELECT count(*) FROM jobs),
    (SELECT count(*) FROM steps), (SELECT count(*) FROM outbox), (SELECT count(*) FROM job_log),
    (SELECT count(*) FROM idempotency_keys), (SELECT count(*) FROM webhooks),
    (SELECT count(*) FROM webhook_deliveries), (SELECT count(*) FROM schedules),
    (SELECT sum(tests) FROM connection_test_counts), (SELECT sum(version) FROM connections))";

/// What is compared of an answer.
#[derive(Debug, PartialEq)]
struct Answer {
    status: u16,
    location: Option<String>,
    replayed: bool,
    body: Value,
}

async fn try_post(client: &Client, path: &str, key: &str, body: &Value) -> Result<Answer, reqwest::Error> {
    let request = client.request(Method::POST, path).header("Idempotency-Key", key).json(body);
    let answer = request.send().await?;
    let header = |name: &str| answer.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
    let (location, replayed) = (header("location"), header("idempotency-replayed").is_some());
    let status = answer.status().as_u16();
    Ok(Answer { status, location, replayed, body: answer.json().await? })
}

async fn post(client: &Client, path: &str, key: &str, body: &Value) -> Answer {
    try_post(client, path, key, body).await.unwrap_or_else(|why| panic!("POST {path}: {why}"))
}

async fn serving() -> Stack {
    let mut stack = Stack::prepared().await;
    let bucket = Bucket::of_the_run();
    stack.keep_packages(&bucket, bucket.port);
    stack.start_api();
    stack.ready().await;
    stack
}

async fn fresh_connection(stack: &Stack) -> String {
    let mut body = connection_body(&stack.source);
    body["name"] = json!(fresh_name());
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

/// What to ask of each `POST`. A new route needs a line here: no `POST` without its key.
async fn case(stack: &Stack, path: &str) -> (String, Value) {
    match path {
        "/v1/connections" | "/v1/connections/test" => {
            let mut body = connection_body(&stack.source);
            body["name"] = json!(fresh_name());
            (path.to_owned(), body)
        }
        "/v1/connections/{id}/test" => {
            let connection: String = stack.control.value("SELECT id::text FROM connections LIMIT 1").await;
            (path.replace("{id}", &connection), json!({}))
        }
        "/v1/connections/{id}/host-keys" => {
            let mut body = connection_body(&stack.source);
            (body["name"], body["connection_type"]) = (json!(fresh_name()), json!("ssh"));
            body["hops"] = json!([{"host": "bastion.example.com", "username": "u", "password": "p"}]);
            let connection = stack.client.post("/v1/connections", &body).await.expect(201).id();
            let fingerprint = format!("SHA256:{}", "a".repeat(43));
            (path.replace("{id}", &connection), json!({"hop": 1, "fingerprint": fingerprint}))
        }
        "/v1/sync-tasks" => {
            let task = stack.task(&json!({})).await;
            let made = stack.client.get(&format!("/v1/sync-tasks/{task}")).await.expect(200).body;
            let (source, target) = (&made["source_id"], &made["target_id"]);
            let body = json!({"name": fresh_name(), "source_id": source, "target_id": target, "mode": "full",
                              "policy": "source_first", "allow_untested": true});
            (path.to_owned(), body)
        }
        "/v1/sync-tasks/{id}/runs" => {
            let task: String = stack.control.value("SELECT id::text FROM sync_tasks LIMIT 1").await;
            (path.replace("{id}", &task), json!({}))
        }
        "/v1/jobs/{id}/cancel" => {
            let job = stack.client.post("/v1/probes", &json!({"steps": 1})).await.expect(202).id();
            (path.replace("{id}", &job), json!({}))
        }
        "/v1/backups" => {
            let connection = fresh_connection(stack).await;
            (path.to_owned(), json!({"connection_id": connection, "name": "nightly", "allow_untested": true}))
        }
        "/v1/backups/{id}/verifications" => {
            let connection = fresh_connection(stack).await;
            let body = json!({"connection_id": connection, "name": "nightly", "allow_untested": true});
            let made = stack.client.post("/v1/backups", &body).await.expect(202).body;
            let backup = made["spec"]["backup_id"].as_str().unwrap().to_owned();
            let sql = format!(
                "UPDATE packages SET state = 'complete', manifest_key = 'k', manifest_hash = repeat('0', 64),
                     manifest_bytes = 1, completed_at = now() WHERE id = '{backup}'"
            );
            assert_eq!(stack.control.run(&sql).await, 1);
            (path.replace("{id}", &backup), json!({}))
        }
        "/v1/probes" => (path.to_owned(), json!({"steps": 3})),
        "/v1/dead-letters/replay" => (path.to_owned(), json!({})),
        "/v1/dead-letters/{id}/replay" => {
            stack.client.post("/v1/probes", &json!({"steps": 1})).await.expect(202);
            let sql = "INSERT INTO dead_letters (id, fingerprint, class, reason, queue, bytes, org_id, job_id, step_id)
                 SELECT gen_random_uuid(), sha256(id::text::bytea), 'other', 'a test', 'q', 1, org_id, job_id, id
                 FROM steps WHERE state = 'announced' ORDER BY id DESC LIMIT 1 RETURNING id::text";
            let letter: String = stack.control.value(sql).await;
            (path.replace("{id}", &letter), json!({}))
        }
        "/v1/webhooks" => (path.to_owned(), json!({"url": "https://hooks.example.com/"})),
        "/v1/webhooks/{id}/test" => {
            let body = json!({"url": "https://hooks.example.com/"});
            let hook = stack.client.post("/v1/webhooks", &body).await.expect(201).id();
            (path.replace("{id}", &hook), json!({}))
        }
        other => panic!("POST {other}: add a case that sends it twice"),
    }
}

#[tokio::test]
async fn w1_every_post_has_its_effect_once() {
    let stack = serving().await;
    let document: Value = stack.client.get("/openapi.json").await.expect(200).body;
    let posts = document["paths"].as_object().unwrap().iter().filter(|(_, item)| item["post"].is_object());
    // Tasks before their runs.
    let mut posts: Vec<_> = posts.collect();
    posts.sort_by_key(|(path, _)| path.matches('/').count());
    assert!(posts.len() >= 7);
    for (path, item) in posts {
        let operation = &item["post"];
        let parameters = operation["parameters"].as_array().unwrap();
        assert!(parameters.iter().any(|p| p["name"] == "Idempotency-Key" && p["in"] == "header"), "{path}");
        for status in ["409", "422"] {
            assert!(operation["responses"][status].is_object(), "{path} {status}");
        }
        let (path, body) = case(&stack, path).await;
        let key = fresh_name();
        let first = post(&stack.client, &path, &key, &body).await;
        assert!((200..300).contains(&first.status) && !first.replayed, "{path}: {first:?}");
        let before: String = stack.control.value(EFFECTS).await;
        let second = post(&stack.client, &path, &key, &body).await;
        let after: String = stack.control.value(EFFECTS).await;
        assert_eq!(before, after, "{path} has a second effect");
        if ["/v1/dead-letters/replay", "/v1/webhooks"].contains(&path.as_str()) {
            // The counts of the one and the secret of the other are kept nowhere.
            let told = (second.status, second.body["code"].as_str());
            assert_eq!(told, (409, Some("idempotency_answer_gone")), "{second:?}");
            continue;
        }
        assert!(second.replayed, "{path} does not say that its effect was there: {second:?}");
        assert_eq!((second.status, &second.location), (first.status, &first.location), "{path}");
        assert_eq!(second.body["id"], first.body["id"], "{path}");
        let unkeyed: i64 = stack.control.value("SELECT count(*) FROM idempotency_keys").await;
        assert!(unkeyed > 0, "{path} keeps no key");
    }
}

#[tokio::test]
async fn i36_a_key_is_for_one_request_of_one_bearer() {
    let stack = serving().await;
    let (client, probe) = (&stack.client, json!({"steps": 1}));
    let first = post(client, "/v1/probes", "the-key", &probe).await;
    assert_eq!(first.status, 202);
    // In quotes it is the same key.
    let again = post(client, "/v1/probes", "\"the-key\"", &probe).await;
    assert_eq!((again.status, &again.body["id"]), (202, &first.body["id"]));
    let job = first.body["id"].as_str().unwrap().to_owned();
    for (path, body) in [
        ("/v1/probes", json!({"steps": 2})),
        ("/v1/probes?again=1", probe.clone()),
        (&format!("/v1/jobs/{job}/cancel"), probe.clone()),
    ] {
        let answer = post(client, path, "the-key", &body).await;
        // The second has a body that the first's route refuses before it looks at keys.
        assert_eq!(answer.status, 422, "{path}: {answer:?}");
    }
    let reused = post(client, "/v1/probes", "the-key", &json!({"steps": 2})).await;
    assert_eq!(reused.body["code"], "idempotency_key_reused", "{reused:?}");
    assert_eq!(reused.body["field"], "Idempotency-Key");
    assert!(reused.body["detail"].as_str().unwrap().contains("POST /v1/probes"), "{reused:?}");

    for wrong in ["\"\"", &"x".repeat(256), "a b"] {
        let refused = post(client, "/v1/probes", wrong, &probe).await;
        let told = (refused.status, refused.body["code"].as_str(), refused.body["field"].as_str());
        assert_eq!(told, (422, Some("invalid_idempotency_key"), Some("Idempotency-Key")), "{wrong}");
    }
    // What fails leaves the key free.
    let refused = post(client, "/v1/probes", "fresh", &json!({"steps": 0})).await;
    assert_eq!(refused.status, 422, "{refused:?}");
    let nothing =
        post(client, "/v1/sync-tasks/00000000-0000-7000-8000-00000000000a/runs", "fresh", &json!({})).await;
    assert_eq!(nothing.status, 404, "{nothing:?}");
    let made = post(client, "/v1/probes", "fresh", &probe).await;
    assert_eq!((made.status, made.replayed), (202, false));

    // The same key of another organisation, and of another token of ours, is another key.
    let theirs = stack.control.organisation("elsewhere", "platform_admin").await;
    let ours = format!("ls_{:x<43}", "second");
    let digest: String = Sha256::digest(&ours).iter().map(|byte| format!("{byte:02x}")).collect();
    let sql = format!(
        "INSERT INTO tokens (org_id, id, name, sha256, permissions)
         SELECT org_id, gen_random_uuid(), 'second', '\\x{digest}', '{{platform_admin}}' FROM tokens
         WHERE name <> 'theirs' LIMIT 1"
    );
    assert_eq!(stack.control.run(&sql).await, 1);
    for token in [theirs, ours] {
        let other = post(&client.with_token(Some(&token)), "/v1/probes", "the-key", &probe).await;
        assert_eq!((other.status, other.replayed), (202, false), "{other:?}");
        assert_ne!(other.body["id"], first.body["id"]);
    }

    // After a day it is free again.
    stack.control.run("UPDATE idempotency_keys SET created_at = now() - interval '25 hours'").await;
    let next = post(client, "/v1/probes", "the-key", &json!({"steps": 2})).await;
    assert_eq!((next.status, next.replayed), (202, false), "{next:?}");

    // What was made can be gone by now.
    let mut body = connection_body(&stack.source);
    body["name"] = json!("to be deleted");
    let made = post(client, "/v1/connections", "gone", &body).await;
    client.delete(made.location.as_deref().unwrap()).await.expect(204);
    let gone = post(client, "/v1/connections", "gone", &body).await;
    assert_eq!((gone.status, gone.body["code"].as_str()), (409, Some("idempotency_resource_gone")));
}

/// A refused request is over when it is answered: nobody is told that it is in progress.
#[tokio::test]
async fn i36_a_refused_request_has_let_go_of_its_key() {
    let stack = serving().await;
    let ask = async |key: String| {
        assert_eq!(post(&stack.client, "/v1/probes", &key, &json!({"steps": 1})).await.status, 202);
        for _ in 0..60 {
            let reused = post(&stack.client, "/v1/probes", &key, &json!({"steps": 2})).await;
            assert_eq!(reused.body["code"], "idempotency_key_reused", "{reused:?}");
        }
    };
    join_all((0..12).map(|key| ask(format!("key-{key}")))).await;
}

#[tokio::test]
async fn i36_twenty_at_once_make_one_job() {
    let stack = serving().await;
    let body = json!({"steps": 1});
    let asked = join_all((0..20).map(|_| post(&stack.client, "/v1/probes", "twenty", &body))).await;
    let mut ids = Vec::new();
    for answer in &asked {
        match answer.status {
            202 => ids.push(answer.body["id"].clone()),
            409 => assert_eq!(answer.body["code"], "idempotency_in_progress", "{answer:?}"),
            _ => panic!("{answer:?}"),
        }
    }
    ids.push(post(&stack.client, "/v1/probes", "twenty", &body).await.body["id"].clone());
    ids.dedup();
    assert_eq!(ids.len(), 1, "{asked:?}");
    assert_eq!(asked.iter().filter(|answer| answer.status == 202 && !answer.replayed).count(), 1);
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs").await, 1);
}

/// The API dies at any instruction between the request and its answer.
#[tokio::test]
async fn i36_an_api_that_dies_before_its_answer_has_had_the_effect_once_or_not() {
    let mut stack = serving().await;
    let body = json!({"steps": 1});
    let (mut unanswered, rounds) = (0, 8_u64);
    for round in 0..rounds {
        let key = format!("round-{round}");
        let client = stack.client.clone();
        let (asked, body_of_it) = (key.clone(), body.clone());
        let mut request = JoinSet::new();
        request.spawn(async move { try_post(&client, "/v1/probes", &asked, &body_of_it).await });
        // Which instruction is the last differs from round to round.
        tokio::time::sleep(Duration::from_millis(round * 4)).await;
        stack.apis[0].kill();
        let first = request.join_next().await.unwrap().unwrap();
        unanswered += i32::from(first.is_err());
        stack.apis[0].start_again();
        stack.apis[0].ready().await;
        let second = until("the retry is answered", seconds(20), async || {
            let answer = try_post(&stack.client, "/v1/probes", &key, &body).await.ok()?;
            (answer.status == 202).then_some(answer)
        })
        .await;
        if let Ok(first) = first {
            assert_eq!(first.body["id"], second.body["id"]);
        }
        let jobs: i64 = stack.control.value("SELECT count(*) FROM jobs").await;
        assert_eq!(jobs, i64::try_from(round + 1).unwrap(), "one job for each key");
    }
    assert!(unanswered > 0, "no request was ever cut off");
}
