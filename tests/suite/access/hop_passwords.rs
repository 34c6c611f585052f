//! Hops that are entered by a password (C2): asked for as such, or as a question.

use longshore_tests::agree::agree;
use longshore_tests::place;
use longshore_tests::sshd::{Asks, Sshd};
use longshore_tests::stack::Stack;
use serde_json::json;

use super::connection_tests::{body, drafted, fails};
use super::register;

#[tokio::test]
async fn c2_a_hop_takes_its_password_however_it_asks_and_no_other() {
    let stack = Stack::running().await;
    longshore_tests::seeds::shop(&stack.source, 50).await;
    let target = stack.client.connection(&stack.target).await;
    // As it could stand in a log, or be broken by one: a space, quotes, letters of two bytes.
    let (right, wrong) =
        (format!("pass word\"'é{}", place::fresh_name()), format!("wrong{}", place::fresh_name()));
    for asks in [Asks::Password, Asks::Question] {
        let sshd = Sshd::start_with_password(&right, asks).await;
        for password in [wrong.as_str(), ""] {
            let mut hop = sshd.hop_by_password(password);
            if password.is_empty() {
                // By a key, which this host does not take.
                hop = sshd.hop();
            }
            let found = drafted(&stack, &body(&stack.source, &[hop])).await;
            let failed = fails(&found, "1 ssh_login", "ssh_login_refused");
            let message = failed["failure"]["message"].as_str().unwrap();
            let takes = match asks {
                Asks::Password => "it takes: password",
                Asks::Question => "it takes: keyboard-interactive",
            };
            assert!(message.contains(takes) && !message.contains(&wrong), "{asks:?}: {message}");
        }
        assert_eq!(sshd.logins(), 0, "{asks:?}");

        let by_password = body(&stack.source, &[sshd.hop_by_password(&right)]);
        let found = drafted(&stack, &by_password).await;
        assert_eq!(found["passed"], true, "{asks:?}: {found:#}");
        let source = register(&stack, &by_password).await;
        let task = stack.client.task(&source, &target, &json!({})).await;
        stack.run_completed(&task).await;
        agree(&stack.source, &stack.target).await;
        let log = sshd.log();
        let accepted = match asks {
            Asks::Password => "Accepted password for",
            Asks::Question => "Accepted keyboard-interactive/pam for",
        };
        assert!(log.contains(accepted), "{asks:?}: {log}");
        // Nobody tells it.
        let told = [stack.logs(), log, stack.client.get("/v1/connections").await.expect(200).text].concat();
        assert!(!told.contains(&right) && !told.contains(&wrong) && !told.contains("pass word"), "{asks:?}");
    }
}
