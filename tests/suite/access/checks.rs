//! What surrounds a test of a connection: its bounds, its secrets, the state it leaves, and the
//! tests that nobody asked for.

use std::time::{Duration, Instant};

use longshore_shared::store::Database;
use longshore_shared::workflow::prune;
use longshore_tests::invariants;
use longshore_tests::proxy::{Flow, Proxy};
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::{Value, json};

use super::connection_tests::{body, drafted, fails, tested};
use super::register;

/// How many secrets of drafts are stored.
async fn secrets(stack: &Stack) -> i64 {
    stack.control.value("SELECT count(*) FROM secrets WHERE owner_kind = 'job'").await
}

async fn state(stack: &Stack, id: &str) -> String {
    let view = stack.client.get(&format!("/v1/connections/{id}")).await.expect(200).body;
    view["state"].as_str().expect("a state").to_owned()
}

#[tokio::test]
async fn c5_a_server_that_never_answers_costs_the_connections_time_and_no_more() {
    let sshd = Sshd::start().await;
    let mut stack = Stack::running().await;
    let silent = stack.proxy(Upstream::Source);
    silent.set(Flow::Swallow);
    let silent_ssh = Proxy::before(sshd.port);
    silent_ssh.set(Flow::Swallow);
    let mut hop = sshd.hop();
    hop["port"] = json!(silent_ssh.port);
    // The last one: the hop reaches the database, and nothing comes from there.
    for (hops, stage) in [(vec![], "login"), (vec![hop], "1 host_key"), (vec![sshd.hop()], "login")] {
        let mut body = body(&stack.source, &hops);
        (body["port"], body["timeout_seconds"]) = (json!(silent.port), json!(2));
        let begun = Instant::now();
        let found = drafted(&stack, &body).await;
        fails(&found, stage, "connect_timeout");
        assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
    }
}

#[tokio::test]
async fn t7_the_secrets_of_a_draft_go_with_its_job_however_it_ends() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    let mut body = body(&stack.source, &[]);
    let ask = async |stack: &Stack, body: &Value| {
        stack.client.post("/v1/connections/test", body).await.expect(202).id()
    };
    let cancel = async |stack: &Stack, job: &str| {
        stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
        stack.client.ended(job, seconds(20)).await.state
    };
    // Cancelled before any worker came: by the API.
    let waiting = ask(&stack, &body).await;
    assert_eq!(secrets(&stack).await, 1);
    assert_eq!(cancel(&stack, &waiting).await, "cancelled");
    assert_eq!(secrets(&stack).await, 0);
    // A secret that was sealed for another job does not open: the job fails.
    let jobs = [ask(&stack, &body).await, ask(&stack, &body).await];
    let swap = "UPDATE secrets s SET sealed = o.sealed FROM secrets o
                WHERE s.owner_kind = 'job' AND o.owner_kind = 'job' AND o.owner_id <> s.owner_id";
    assert_eq!(stack.control.run(swap).await, 2);
    stack.start_worker();
    stack.ready().await;
    for job in &jobs {
        let ended = stack.client.ended(job, seconds(20)).await;
        assert_eq!((ended.state.as_str(), ended.why().code.as_str()), ("failed", "key_unavailable"));
        let view = stack.client.get(&format!("/v1/jobs/{job}/examination")).await.expect(200).body;
        assert_eq!(view["examination"], Value::Null);
    }
    assert_eq!(secrets(&stack).await, 0);
    // Cancelled in the middle.
    let silent = stack.proxy(Upstream::Source);
    silent.set(Flow::Swallow);
    (body["port"], body["timeout_seconds"]) = (json!(silent.port), json!(120));
    let running = ask(&stack, &body).await;
    until("it runs", seconds(20), async || {
        (stack.client.job(&running).await.state == "running" && secrets(&stack).await == 1).then_some(())
    })
    .await;
    assert_eq!(cancel(&stack, &running).await, "cancelled");
    assert_eq!(secrets(&stack).await, 0);
    invariants::hold_in_the_control_plane(&stack).await;
}

#[tokio::test]
async fn c6_a_test_says_nothing_of_a_connection_that_was_edited_meanwhile() {
    let mut stack = Stack::running().await;
    let slow = stack.proxy(Upstream::Source);
    slow.set(Flow::Slow(Duration::from_millis(150)));
    let mut body = body(&stack.source, &[]);
    (body["port"], body["timeout_seconds"]) = (json!(slow.port), json!(60));
    let id = register(&stack, &body).await;
    let job = stack.client.post(&format!("/v1/connections/{id}/test"), &json!({})).await.expect(202).id();
    until("it runs", seconds(20), async || {
        (stack.client.job(&job).await.state == "running" && slow.counts().connections > 0).then_some(())
    })
    .await;
    stack.control.run(&format!("UPDATE connections SET version = version + 1 WHERE id = '{id}'")).await;
    stack.client.completed(&job, seconds(60)).await;
    assert_eq!(state(&stack, &id).await, "untested");
    // Nor does it keep anybody from deleting the connection.
    let job = stack.client.post(&format!("/v1/connections/{id}/test"), &json!({})).await.expect(202).id();
    stack.client.delete(&format!("/v1/connections/{id}")).await.expect(204);
    stack.client.ended(&job, seconds(60)).await;
}

#[tokio::test]
async fn c6_saved_connections_are_tested_again_by_themselves() {
    let sshd = Sshd::start().await;
    let mut stack = Stack::running_with(&[("RECHECK_SECONDS", "1")]).await;
    let hook = json!({"url": "http://127.0.0.1:1/"});
    stack.client.post("/v1/webhooks", &hook).await.expect(201);
    let mut hop = sshd.hop();
    hop.as_object_mut().unwrap().remove("host_key");
    let unconfirmed = register(&stack, &body(&stack.source, &[hop])).await;
    let bare = register(&stack, &body(&stack.target, &[])).await;
    stack.control.run(&format!("DELETE FROM secrets WHERE connection_id = '{bare}'")).await;
    let proxy = stack.proxy(Upstream::Source);
    let mut good = body(&stack.source, &[]);
    good["port"] = json!(proxy.port);
    let id = register(&stack, &good).await;
    for (refused, expected) in [(false, "verified"), (true, "unreachable"), (false, "verified")] {
        proxy.refuse(refused).await;
        until(&format!("it is {expected}"), seconds(40), async || {
            (state(&stack, &id).await == expected).then_some(())
        })
        .await;
    }
    // What waits for a person, or has no secret, is left alone.
    assert_eq!(
        (state(&stack, &unconfirmed).await, state(&stack, &bare).await),
        ("untested".into(), "untested".into())
    );
    let sql = "SELECT DISTINCT j.requested_by_kind || ' ' || s.kind || ' ' || s.queue || ' ' || (j.source_id = '{id}')
               FROM jobs j JOIN steps s USING (org_id) WHERE s.job_id = j.id";
    let found: Vec<String> = stack.control.column(&sql.replace("{id}", &id)).await;
    assert_eq!(found, ["schedule connection_recheck bulk true"]);
    let told: i64 = stack.control.value("SELECT count(*) FROM webhook_deliveries").await;
    assert_eq!(told, 0, "webhooks are not told of tests");

    // They do not stay; what a person asked for does.
    let asked = stack.client.post(&format!("/v1/connections/{id}/test"), &json!({})).await.expect(202).id();
    stack.client.completed(&asked, seconds(20)).await;
    stack.schedulers[0].terminate(seconds(20)).await;
    let database = Database::new(&stack.control.system_url, 1, "test").unwrap();
    assert_eq!(prune::rechecks(&database, 86_400.0).await.unwrap(), 0);
    until("the last one has ended", seconds(40), async || {
        let left: i64 = stack.control.value("SELECT count(*) FROM jobs WHERE ended_at IS NULL").await;
        (left == 0).then_some(())
    })
    .await;
    assert!(prune::rechecks(&database, 0.0).await.unwrap() >= 3);
    database.close().await;
    let left: Vec<String> = stack.control.column("SELECT id::text FROM jobs").await;
    assert_eq!(left, [asked]);
}

#[tokio::test]
async fn t14_an_organisation_may_ask_for_so_many_tests_a_minute() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("TESTS_PER_MINUTE", "3")]);
    stack.start_api();
    stack.ready().await;
    let draft = body(&stack.source, &[]);
    let id = register(&stack, &body(&stack.source, &[])).await;
    let saved = format!("/v1/connections/{id}/test");
    for _ in 0..2 {
        stack.client.post("/v1/connections/test", &draft).await.expect(202);
    }
    stack.client.post(&saved, &json!({})).await.expect(202);
    for (path, body) in [("/v1/connections/test", draft.clone()), (saved.as_str(), json!({}))] {
        let answer = stack.client.request(Method::POST, path).json(&body).send().await.unwrap();
        assert_eq!(answer.status(), 429);
        let wait: u64 = answer.headers()["retry-after"].to_str().unwrap().parse().unwrap();
        assert!((1..=60).contains(&wait), "{wait}");
        stack.client.post(path, &body).await.expect_problem(429, "too_many_tests");
    }
    // What was refused left nothing, and nobody else pays for it.
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs").await, 3);
    assert_eq!(secrets(&stack).await, 2);
    let other = stack.control.organisation("other", "org_admin").await;
    stack.client.with_token(Some(&other)).post("/v1/connections/test", &draft).await.expect(202);
    let later = "UPDATE connection_test_counts SET begun_at = begun_at - interval '1 minute'";
    stack.control.run(later).await;
    stack.client.post(&saved, &json!({})).await.expect(202);
}

#[tokio::test]
async fn c6_a_worker_that_dies_in_a_test_is_replaced() {
    let mut stack = Stack::running().await;
    let silent = stack.proxy(Upstream::Source);
    silent.set(Flow::Swallow);
    let mut body = body(&stack.source, &[]);
    (body["port"], body["timeout_seconds"]) = (json!(silent.port), json!(60));
    let id = register(&stack, &body).await;
    let job = stack.client.post(&format!("/v1/connections/{id}/test"), &json!({})).await.expect(202).id();
    let sql = format!(
        "SELECT coalesce(max(worker_name), '') FROM steps WHERE job_id = '{job}' AND state = 'running'"
    );
    let holder: String = until("a worker has it", seconds(20), async || {
        let name: String = stack.control.value(&sql).await;
        (!name.is_empty()).then_some(name)
    })
    .await;
    silent.set(Flow::Pass);
    let dead = stack.workers.iter_mut().find(|worker| worker.name == holder).expect("the worker");
    dead.kill();
    stack.client.completed(&job, seconds(40)).await;
    assert_eq!(state(&stack, &id).await, "verified");
    let found = tested(&stack.client, &format!("/v1/connections/{id}/test"), &json!({})).await;
    assert_eq!(found["passed"], true, "{found:#}");
    invariants::hold_in_the_control_plane(&stack).await;
    let mut wrong = body.clone();
    wrong["port"] = json!(1);
    wrong["timeout_seconds"] = json!(2);
    fails(&drafted(&stack, &wrong).await, "tcp", "connection_refused");
}

#[tokio::test]
async fn c6_who_may_test_may_end_a_test_and_the_log_names_who_asked() {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    let task = stack.task(&json!({})).await;
    let mut clients = Vec::new();
    for permission in ["database", "sync"] {
        let (token, digest) = longshore_tests::control_plane::token(permission);
        let sql = format!(
            "INSERT INTO tokens (org_id, id, name, sha256, permissions)
             SELECT org_id, gen_random_uuid(), '{permission}', '\\x{digest}', '{{{permission}}}' FROM connections LIMIT 1"
        );
        assert_eq!(stack.control.run(&sql).await, 1);
        clients.push(stack.client.with_token(Some(&token)));
    }
    let [databases, syncs] = clients.try_into().ok().unwrap();
    let test = databases.post("/v1/connections/test", &body(&stack.source, &[])).await.expect(202).id();
    let run = syncs.post(&format!("/v1/sync-tasks/{task}/runs"), &json!({})).await.expect(202).id();
    for (job, owner, stranger, name) in
        [(&test, &databases, &syncs, "database"), (&run, &syncs, &databases, "sync")]
    {
        let log = owner.get(&format!("/v1/jobs/{job}/log")).await.expect(200).text;
        let id: String =
            stack.control.value(&format!("SELECT id::text FROM tokens WHERE name = '{name}'")).await;
        assert!(log.contains(&format!("it was asked for with the token {name} ({id})")), "{log}");
        let cancel = format!("/v1/jobs/{job}/cancel");
        stranger.post(&cancel, &json!({})).await.expect(403);
        assert_eq!(stack.client.job(job).await.state, "pending");
        owner.post(&cancel, &json!({})).await.expect(202);
    }
}
