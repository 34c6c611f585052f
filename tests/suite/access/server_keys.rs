//! MySQL's `caching_sha2_password` without TLS (T3): the password goes under a key that the server
//! itself sends, or, where an operator says so, not at all.

use longshore_shared::domain::connection::{Engine, TlsMode};
use longshore_shared::domain::examination::Stage;
use longshore_tests::authority::NAME;
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::rogue::{Rogue, Script};
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_worker::engine::{Login, of};
use serde_json::{Value, json};

use super::connection_tests::{body, drafted, fails};
use super::secured::{Secured, login};

/// What asks the server for its key.
const ASKS_FOR_A_KEY: &[u8] = &[2];

fn warned(warnings: &[String]) -> bool {
    warnings.iter().any(|warning| warning.contains("taken on trust"))
}

#[tokio::test]
async fn t03_a_key_that_the_server_sends_itself_is_taken_where_that_is_allowed_and_told() {
    let Some(secured) = Secured::start("mysql9", &[]) else { return };
    let (one, two) = (secured.schema("one").await, secured.schema("two").await);
    for (schema, trust, mode, expected) in [
        // Nobody has logged in yet: the server does not know the password's hash.
        (&one, false, TlsMode::Disable, Err("server_key_not_trusted")),
        (&one, true, TlsMode::Disable, Ok(true)),
        // By now it does, and the password is not sent.
        (&one, false, TlsMode::Disable, Ok(false)),
        (&two, false, TlsMode::VerifyFull, Ok(false)),
    ] {
        let login = Login { trust_server_key: trust, ..login(schema, mode, &secured.authority.pem) };
        match (of(Engine::Mysql).examine(Engine::Mysql, &login).await, expected) {
            (Ok(look), Ok(told)) => {
                assert_eq!(warned(&look.server.warnings), told, "{trust} {mode}: {look:?}");
            }
            (Err(halt), Err(code)) => {
                assert_eq!((halt.stage, halt.failure.code.as_str()), (Stage::Login, code), "{halt:?}");
            }
            (found, expected) => panic!("{trust} {mode}: {found:?}, not {expected:?}"),
        }
    }
}

#[tokio::test]
async fn t03_an_operator_can_refuse_keys_that_servers_send_themselves() {
    let Some(secured) = Secured::start("mysql9", &[]) else { return };
    let sshd = Sshd::start().await;
    let stack = Stack::running_with(&[("TRUST_SERVER_KEYS", "false")]).await;
    let (near, far, told) =
        (secured.schema("near").await, secured.schema("far").await, secured.schema("told").await);
    let of = |schema, hops: &[Value], host: &str| {
        let mut body = body(schema, hops);
        (body["engine"], body["host"]) = (json!("mysql"), json!(host));
        body
    };
    for host in ["127.0.0.1", NAME] {
        fails(&drafted(&stack, &of(&near, &[], host)).await, "login", "server_key_not_trusted");
    }
    // On the last host of the way nobody is in between.
    for (schema, host) in [(&far, "127.0.0.1"), (&told, NAME)] {
        let found = drafted(&stack, &of(schema, &[sshd.hop()], host)).await;
        assert_eq!(found["passed"], true, "{found:#}");
        assert!(found["server"]["warnings"].to_string().contains("taken on trust"), "{found:#}");
    }

    // Somebody in between is not even asked for a key.
    for (trust, asked) in [("true", true), ("false", false)] {
        let rogue =
            Rogue::start(Script::Switch("caching_sha2_password", vec![b'n'; 21], vec![vec![1, 4]])).await;
        let stack = Stack::running_with(&[("TRUST_SERVER_KEYS", trust)]).await;
        let mut body = connection_body(&stack.source);
        (body["name"], body["port"], body["timeout_seconds"]) =
            (json!(place::fresh_name()), json!(rogue.port), json!(3));
        assert_eq!(drafted(&stack, &body).await["passed"], false);
        let asks =
            rogue.received().iter().any(|packet| packet.ends_with(ASKS_FOR_A_KEY) && packet.len() <= 5);
        assert_eq!(asks, asked, "{trust}: {:?}", rogue.received());
    }
}
