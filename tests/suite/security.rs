//! No secret leaves its place, and no organisation sees another's things.

use std::process::Command;

use longshore_tests::broker::FIRST;
use longshore_tests::client::connection_body;
use longshore_tests::control_plane::pool;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::json;

const CANARY: &str = "canary-7f3a9c-in-the-coal-mine";

#[tokio::test]
async fn t9_no_password_stands_anywhere() {
    let stack = Stack::running_with(&[("LOG", "trace")]).await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    let task = stack.task(&json!({})).await;
    let good = stack.run_completed(&task).await;
    let mut body = connection_body(&stack.source);
    (body["name"], body["password"]) = (json!("wrong"), json!(CANARY));
    let mut answers = vec![stack.client.post("/v1/connections", &body).await.expect(201)];
    let wrong = answers[0].id();
    // Refused, with the password in the body.
    answers.push(stack.client.post("/v1/connections", &body).await.expect(409));
    body["port"] = json!("no number");
    answers.push(stack.client.post("/v1/connections", &body).await);
    let listed = stack.client.get("/v1/connections").await;
    let target = listed.body["items"].as_array().unwrap().iter().find(|c| c["name"] == stack.target.name);
    let target = target.and_then(|c| c["id"].as_str()).unwrap();
    let failing = stack.client.task(&wrong, target, &json!({})).await;
    let failed = stack.client.submit(&failing).await;
    stack.client.ended(&failed, seconds(15)).await;
    let connection = format!("/v1/connections/{wrong}");
    for path in ["/v1/connections", &connection, "/v1/sync-tasks", "/v1/jobs", "/openapi.json"] {
        answers.push(stack.client.get(path).await.expect(200));
    }
    for job in [&good.id, &failed] {
        answers.push(stack.client.get(&format!("/v1/jobs/{job}")).await.expect(200));
        answers.push(stack.client.get(&format!("/v1/jobs/{job}/log")).await.expect(200));
    }

    let mut places: Vec<(String, Vec<u8>)> = vec![("logs".into(), stack.logs().into_bytes())];
    places.extend(answers.into_iter().map(|answer| (answer.asked, answer.text.into_bytes())));
    let dump = Command::new("pg_dump").env("PGOPTIONS", "").arg(&stack.control.admin_url).output().unwrap();
    assert!(dump.status.success() && dump.stdout.len() > 10_000);
    places.push(("pg_dump".into(), dump.stdout));
    for process in stack.apis.iter().chain(&stack.workers).chain(&stack.schedulers) {
        let of = |file: &str| std::fs::read(format!("/proc/{}/{file}", process.pid())).unwrap();
        places.push((format!("{} arguments", process.name), of("cmdline")));
        places.push((format!("{} environment", process.name), of("environ")));
    }
    let messages: Vec<String> = stack.control.column("SELECT body::text FROM outbox").await;
    assert!(!messages.is_empty());
    places.push(("messages".into(), messages.concat().into_bytes()));
    for secret in [CANARY, &stack.source.password, &stack.target.password] {
        // As it is, as JSON writes it, and the part that no escaping changes.
        let plain = secret.rsplit(' ').next().unwrap();
        for (place, content) in &places {
            let found = content.windows(plain.len()).any(|window| window == plain.as_bytes());
            assert!(!found, "a password stands in: {place}");
        }
    }
    assert!(stack.logs().contains("longshore"), "there are logs to search");
}

#[tokio::test]
async fn t17_t18_organisations_see_nothing_of_each_other() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let connection =
        stack.client.get("/v1/connections").await.body["items"][0]["id"].as_str().unwrap().to_owned();

    let token = stack.control.organisation("other", "org_admin").await;
    let them = stack.client.with_token(Some(&token));
    for list in ["/v1/connections", "/v1/sync-tasks", "/v1/jobs"] {
        assert_eq!(them.get(list).await.expect(200).body["items"], json!([]), "{list}");
        let ours = stack.client.get(list).await.expect(200).body["items"].as_array().map(Vec::len);
        assert!(ours > Some(0), "{list}");
    }
    for path in [
        format!("/v1/connections/{connection}"),
        format!("/v1/sync-tasks/{task}"),
        format!("/v1/jobs/{job}"),
        format!("/v1/jobs/{job}/log"),
        format!("/v1/jobs/{job}/events"),
    ] {
        them.get(&path).await.expect(404);
    }
    them.post(&format!("/v1/sync-tasks/{task}/runs"), &json!({})).await.expect(404);
    them.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(404);
    them.post(&format!("/v1/connections/{connection}/test"), &json!({})).await.expect(404);
    let key = json!({"hop": 1, "fingerprint": format!("SHA256:{}", "a".repeat(43))});
    them.post(&format!("/v1/connections/{connection}/host-keys"), &key).await.expect(404);
    let test =
        stack.client.post(&format!("/v1/connections/{connection}/test"), &json!({})).await.expect(202).id();
    them.get(&format!("/v1/jobs/{test}/examination")).await.expect(404);
    them.delete(&format!("/v1/connections/{connection}")).await.expect(404);
    them.delete(&format!("/v1/sync-tasks/{task}")).await.expect(404);

    // Without the organisation in the transaction the API's role sees no row, and it can
    // never read a sealed secret.
    let api = pool(&stack.control.api_url, 1);
    for table in
        ["connections", "sync_tasks", "schedules", "secrets", "jobs", "steps", "outbox", "job_log", "tokens"]
    {
        let sql = sqlx::AssertSqlSafe(format!("SELECT count(*) FROM {table}"));
        let seen: i64 = sqlx::query_scalar(sql).fetch_one(&api).await.unwrap();
        assert_eq!(seen, 0, "{table}");
    }
    let sealed = sqlx::query("SELECT sealed FROM secrets").fetch_all(&api).await;
    assert!(sealed.is_err(), "the API's role may not read sealed secrets");
    // Nobody without a token.
    stack.client.with_token(None).get("/v1/jobs").await.expect(401);
}

#[tokio::test]
async fn t29_a_message_holds_ids_and_nothing_else() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    let found = longshore_tests::wait::until("the message is out", seconds(10), async || {
        stack.broker.peek(FIRST).await.pop()
    })
    .await;
    let body: serde_json::Value = serde_json::from_str(found.body()).unwrap();
    let names: Vec<_> = body.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, ["job", "kind", "org", "step", "trace", "v"], "{body}");
    assert_eq!((&body["job"], &body["kind"], &body["v"]), (&json!(job), &json!("plan"), &json!(1)));
}

#[tokio::test]
async fn t7_a_sealed_password_opens_in_its_own_row_only() {
    let stack = Stack::running().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
    let task = stack.task(&json!({})).await;
    let swap = "UPDATE secrets s SET sealed = o.sealed FROM secrets o WHERE o.owner_id <> s.owner_id";
    assert_eq!(stack.control.run(swap).await, 2);
    let job = stack.run(&task).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "key_unavailable"), "{job:#?}");
}

#[tokio::test]
async fn t30_only_workers_know_where_the_private_keys_are() {
    use std::os::unix::fs::PermissionsExt as _;
    let stack = Stack::running().await;
    let key = stack.folder.path().join("private.json");
    assert_eq!(std::fs::metadata(&key).unwrap().permissions().mode() & 0o777, 0o600);
    let knows = |pid| {
        let environment = std::fs::read(format!("/proc/{pid}/environ")).unwrap();
        String::from_utf8_lossy(&environment).contains("PRIVATE_KEYS")
    };
    assert!(stack.workers.iter().all(|worker| knows(worker.pid())));
    assert!(!stack.apis.iter().chain(&stack.schedulers).any(|process| knows(process.pid())));
}

/// Even with its own organisation named, the API's role writes into no other's.
#[tokio::test]
async fn t17_the_apis_role_writes_into_one_organisation() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    stack.task(&json!({})).await;
    let other = "00000000-0000-7000-8000-000000000001";
    stack.control.run(&format!("INSERT INTO organisations (id, name) VALUES ('{other}', 'other')")).await;
    let api = pool(&stack.control.api_url, 1);
    for sql in [
        "UPDATE connections SET host = 'theirs'",
        "UPDATE sync_tasks SET name = 'theirs'",
        "DELETE FROM secrets",
    ] {
        let mut tx = api.begin().await.unwrap();
        sqlx::query("SELECT set_config('longshore.org', $1, true)")
            .bind(other)
            .execute(&mut *tx)
            .await
            .unwrap();
        let done = sqlx::query(sqlx::AssertSqlSafe(sql)).execute(&mut *tx).await.unwrap();
        assert_eq!(done.rows_affected(), 0, "{sql}");
    }
    let mut tx = api.begin().await.unwrap();
    sqlx::query("SELECT set_config('longshore.org', $1, true)").bind(other).execute(&mut *tx).await.unwrap();
    let steal = "INSERT INTO sync_tasks (org_id, id, name, source_id, target_id, spec)
                 SELECT c.org_id, gen_random_uuid(), 'theirs', c.id, c.id, '{}' FROM connections c";
    assert_eq!(sqlx::query(steal).execute(&mut *tx).await.unwrap().rows_affected(), 0);
    let ours: uuid::Uuid = stack.control.value("SELECT org_id FROM connections LIMIT 1").await;
    let plant =
        sqlx::query("INSERT INTO job_log (org_id, job_id, level, message) VALUES ($1, $1, 'info', 'x')");
    let refused = plant.bind(ours).execute(&mut *tx).await.unwrap_err().to_string();
    assert!(refused.contains("row-level security"), "{refused}");
}
