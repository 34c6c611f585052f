//! Host keys (C3): shown by a test, confirmed by a person, refused when they change.

use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

use super::connection_tests::{body, fails, tested};
use super::register;

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
