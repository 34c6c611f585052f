//! Host keys (C3): shown by a test, confirmed by a person, refused when they change.

use longshore_tests::sshd::{Asks, Sshd};
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::connection_tests::{body, fails, tested};
use super::register;

const PASSWORD: &str = "a password of a host";

fn unpinned(sshd: &Sshd) -> Value {
    let mut hop = sshd.hop();
    hop.as_object_mut().unwrap().remove("host_key");
    hop
}

#[tokio::test]
async fn c3_i08_t15_host_keys_are_confirmed_one_by_one_and_held() {
    let (one, mut two) = (Sshd::start().await, Sshd::start().await);
    let stack = Stack::running().await;
    let id = register(&stack, &body(&stack.source, &[unpinned(&one), unpinned(&two)])).await;
    let (test, keys) = (format!("/v1/connections/{id}/test"), format!("/v1/connections/{id}/host-keys"));
    let (client, nothing) = (&stack.client, json!({}));
    for (hop, sshd) in [(1, &one), (2, &two)] {
        let found = tested(client, &test, &nothing).await;
        let stage = fails(&found, &format!("{hop} host_key"), "host_key_unknown");
        assert_eq!(stage["fingerprint"], sshd.fingerprint());
        let key = json!({"hop": hop, "fingerprint": sshd.fingerprint()});
        let view = client.post(&keys, &key).await.expect(200).body;
        assert_eq!(view["hops"][hop - 1]["host_key"], sshd.fingerprint(), "{view}");
        // What was tested is another connection now.
        assert_eq!((&view["state"], &view["checked_at"]), (&json!("untested"), &Value::Null), "{view}");
        // Confirmed again it changes nothing.
        let again = client.post(&keys, &key).await.expect(200).body;
        assert_eq!(again["version"], view["version"]);
    }
    let found = tested(client, &test, &nothing).await;
    assert_eq!(found["passed"], true, "{found:#}");

    let old = two.fingerprint();
    two.kill();
    two.change_host_key();
    two.start_again().await;
    let new = two.fingerprint();
    let found = tested(client, &test, &nothing).await;
    let stage = fails(&found, "2 host_key", "host_key_changed");
    assert_eq!(stage["fingerprint"], json!(new));
    let message = stage["failure"]["message"].as_str().unwrap();
    assert!(message.contains(&old) && message.contains(&new), "{message}");
    for (key, status, code) in [
        (json!({"hop": 2, "fingerprint": new}), 409, "host_key_changed"),
        (json!({"hop": 2, "fingerprint": new, "replaces": one.fingerprint()}), 409, "host_key_changed"),
        (json!({"hop": 3, "fingerprint": new}), 422, "out_of_range"),
        (json!({"hop": 0, "fingerprint": new}), 422, "out_of_range"),
        (json!({"hop": 2, "fingerprint": "MD5:00"}), 422, "invalid_value"),
        (json!({"hop": 2}), 422, "required"),
    ] {
        client.post(&keys, &key).await.expect_problem(status, code);
    }
    client.post(&keys, &json!({"hop": 2, "fingerprint": new, "replaces": old})).await.expect(200);
    let found = tested(client, &test, &nothing).await;
    assert_eq!(found["passed"], true, "{found:#}");
}

/// A hop that logs in by a password gets the stored one back only from who knows it.
#[tokio::test]
async fn t11_t15_a_replaced_host_key_asks_for_the_hops_password_again() {
    let mut sshd = Sshd::start_with_password(PASSWORD, Asks::Password).await;
    let stack = Stack::running().await;
    let id = register(&stack, &body(&stack.source, &[sshd.hop_by_password(PASSWORD)])).await;
    let (test, keys) = (format!("/v1/connections/{id}/test"), format!("/v1/connections/{id}/host-keys"));
    let (client, nothing) = (&stack.client, json!({}));
    assert_eq!(tested(client, &test, &nothing).await["passed"], true);
    let old = sshd.fingerprint();
    sshd.kill();
    sshd.change_host_key();
    sshd.start_again().await;
    let new = sshd.fingerprint();
    let asked = sshd.log().matches("password").count();
    let with =
        |password: Option<&str>| json!({"hop": 1, "fingerprint": new, "replaces": old, "password": password});
    let refused = client.post(&keys, &with(None)).await.expect_problem(422, "secret_needed");
    assert_eq!(refused.body["field"], "password", "{}", refused.text);
    fails(&tested(client, &test, &nothing).await, "1 host_key", "host_key_changed");
    assert_eq!(sshd.log().matches("password").count(), asked, "the stored password went to another host");
    // Where nothing is exchanged none is taken.
    let same = json!({"hop": 1, "fingerprint": old, "password": PASSWORD});
    client.post(&keys, &same).await.expect_problem(422, "not_asked");
    // Who does not know it has stored what lets nobody in.
    let view = client.post(&keys, &with(Some("wrong"))).await.expect(200).body;
    assert_eq!((&view["version"], &view["hops"][0]["host_key"]), (&json!(2), &json!(new)), "{view}");
    fails(&tested(client, &test, &nothing).await, "1 ssh_login", "ssh_login_refused");
    let sealed = "SELECT name || ' ' || version FROM secrets ORDER BY name";
    let sealed: Vec<String> = stack.control.column(sealed).await;
    assert_eq!(sealed, ["hop1.password 2", "password 1"]);
    let hops = json!({"hops": [{"host": "127.0.0.1", "port": sshd.port, "username": sshd.username,
        "host_key": new, "password": PASSWORD}]});
    client.patch(&format!("/v1/connections/{id}"), &hops, None).await.expect(200);
    assert_eq!(tested(client, &test, &nothing).await["passed"], true);
    // Both keys are told, and whose token it was.
    let logs = stack.logs();
    let told =
        logs.lines().find(|line| line.contains("a confirmed host key was replaced")).expect("a log line");
    for part in [old.as_str(), &new, &id, "token.id"] {
        assert!(told.contains(part), "{part}: {told}");
    }
}
