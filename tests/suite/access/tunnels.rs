//! Databases behind SSH: one hop, two hops, keys, host keys, and servers that die.

use longshore_tests::agree::agree;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::register;

/// The connection to a schema through these hops.
pub(super) fn behind(schema: &Schema, hops: &[Value]) -> Value {
    let mut body = direct(schema);
    body["connection_type"] = json!(if hops.len() == 1 { "ssh" } else { "ssh+jump" });
    body["hops"] = json!(hops);
    body["timeout_seconds"] = json!(60);
    body
}

fn direct(schema: &Schema) -> Value {
    let mut body = connection_body(schema);
    body["name"] = json!(place::fresh_name());
    body
}

/// A task between the stack's schemas, each behind these hops (none: reached directly).
async fn task(stack: &Stack, source: Vec<Value>, target: Vec<Value>) -> String {
    let mut ids = Vec::new();
    for (schema, hops) in [(&stack.source, source), (&stack.target, target)] {
        ids.push(match hops.is_empty() {
            true => register(stack, &direct(schema)).await,
            false => register(stack, &behind(schema, &hops)).await,
        });
    }
    stack.client.task(&ids[0], &ids[1], &json!({})).await
}

#[tokio::test]
async fn a_sync_goes_through_one_hop_and_through_two() {
    let (one, two) = (Sshd::start().await, Sshd::start().await);
    let stack = Stack::running_with(&[("CHUNK_ROWS", "500"), ("SSH_IDLE_SECONDS", "1")]).await;
    longshore_tests::seeds::shop(&stack.source, 1_000).await;
    let task = task(&stack, vec![one.hop()], vec![one.hop(), two.hop()]).await;
    let job = stack.client.submit(&task).await;
    stack.client.completed(&job, seconds(120)).await;
    agree(&stack.source, &stack.target).await;
    for sshd in [&one, &two] {
        until("every SSH session has ended", seconds(60), async || (sshd.sessions() == 0).then_some(()))
            .await;
    }
    // Nothing of a key is told anywhere.
    let key = one.client_key();
    let canary = key.lines().nth(2).unwrap();
    let view = stack.client.get("/v1/connections").await.expect(200).text;
    assert!(!view.contains(canary) && !stack.logs().contains(canary));
    assert!(view.contains(&one.fingerprint()));
}

#[tokio::test]
async fn a_key_opens_with_its_passphrase_only() {
    let sshd = Sshd::start().await;
    let stack = Stack::running().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let locked = sshd.client_key_encrypted("correct horse");
    let with = |key: &str, passphrase: Option<&str>| {
        let mut hop = sshd.hop();
        hop["private_key"] = json!(key);
        hop["passphrase"] = json!(passphrase);
        vec![hop]
    };
    for (hops, code) in [
        (with(&locked, Some("battery staple")), "ssh_passphrase_wrong"),
        (with(&sshd.other_key("ed25519"), None), "ssh_login_refused"),
    ] {
        let task = task(&stack, hops, Vec::new()).await;
        let job = stack.run(&task).await;
        let failure = job.failure.expect("the way is closed");
        assert_eq!((job.state.as_str(), failure.code.as_str()), ("failed", code), "{failure:?}");
        assert!(failure.message.contains("hop 1"), "{failure:?}");
        assert!(!failure.message.contains("staple") && !failure.message.contains("horse"), "{failure:?}");
    }
    let task = task(&stack, with(&locked, Some("correct horse")), Vec::new()).await;
    stack.run_completed(&task).await;
    agree(&stack.source, &stack.target).await;
}

#[tokio::test]
async fn a_host_key_that_nobody_confirmed_or_that_changed_is_not_passed() {
    let mut sshd = Sshd::start().await;
    let stack = Stack::running().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let mut unpinned = sshd.hop();
    unpinned.as_object_mut().unwrap().remove("host_key");
    let unknown = task(&stack, vec![unpinned], Vec::new()).await;
    let failure = stack.run(&unknown).await.failure.expect("nobody confirmed the key");
    assert_eq!(failure.code, "host_key_unknown");
    assert!(failure.message.contains(&sshd.fingerprint()), "{failure:?}");

    let pinned = task(&stack, vec![sshd.hop()], Vec::new()).await;
    stack.run_completed(&pinned).await;
    sshd.kill();
    sshd.change_host_key();
    sshd.start_again().await;
    let job = stack.run(&pinned).await;
    let failure = job.failure.expect("the key is another one");
    assert_eq!(failure.code, "host_key_changed");
    assert!(failure.message.contains(&sshd.fingerprint()), "{failure:?}");
}

#[tokio::test]
async fn f38_an_ssh_server_that_dies_in_the_middle_costs_time_and_no_row() {
    let mut sshd = Sshd::start().await;
    let stack = Stack::running_with(&[("CHUNK_ROWS", "250"), ("SSH_IDLE_SECONDS", "1")]).await;
    longshore_tests::seeds::shop(&stack.source, 3_000).await;
    let task = task(&stack, vec![sshd.hop()], vec![sshd.hop()]).await;
    let job = stack.client.submit(&task).await;
    for _ in 0..3 {
        until("rows move through it", seconds(60), async || {
            let job = stack.client.job(&job).await;
            (job.is_final() || sshd.sessions() > 0).then_some(())
        })
        .await;
        sshd.kill();
        sshd.start_again().await;
    }
    stack.client.completed(&job, seconds(120)).await;
    agree(&stack.source, &stack.target).await;
    until("every SSH session has ended", seconds(40), async || (sshd.sessions() == 0).then_some(())).await;
}

#[tokio::test]
async fn a_database_that_a_hop_does_not_reach_is_told_as_such() {
    let sshd = Sshd::start().await;
    let stack = Stack::running().await;
    let mut body = behind(&stack.source, &[sshd.hop()]);
    body["port"] = json!(place::free_port());
    let source = register(&stack, &body).await;
    let target = stack.client.connection(&stack.target).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    let job = stack.client.submit(&task).await;
    until("an attempt failed", seconds(30), async || {
        let log = stack.client.log(&job).await;
        log.iter().any(|line| line.message.contains("unreachable_from_hop")).then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    stack.client.ended(&job, seconds(20)).await;
}
