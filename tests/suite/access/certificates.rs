//! TLS to databases: certificates good and bad, on real servers, straight and through two SSH
//! hosts. What is not good fails closed, each with a code of its own.

use longshore_shared::domain::connection::{Engine, Tls, TlsMode};
use longshore_shared::domain::examination::Stage;
use longshore_tests::agree::agree;
use longshore_tests::authority::{Authority, Certificate, NAME};
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use longshore_worker::engine::{Login, of};
use serde_json::{Value, json};

use super::secured::{SEED, Secured, SecuredPostgres, code, login};

/// What each mode says to each certificate.
const MATRIX: [(Certificate, TlsMode, &str); 9] = [
    (Certificate::Good, TlsMode::VerifyFull, ""),
    (Certificate::Good, TlsMode::VerifyCa, ""),
    (Certificate::OtherName, TlsMode::VerifyFull, "tls_wrong_name"),
    (Certificate::OtherName, TlsMode::VerifyCa, ""),
    (Certificate::Expired, TlsMode::VerifyFull, "tls_expired"),
    (Certificate::Expired, TlsMode::VerifyCa, "tls_expired"),
    (Certificate::SelfSigned, TlsMode::VerifyFull, "tls_untrusted"),
    (Certificate::SelfSigned, TlsMode::VerifyCa, "tls_untrusted"),
    (Certificate::SelfSigned, TlsMode::Require, ""),
];

async fn matrix(secured: &Secured, engine: Engine) {
    let schema = secured.schema("tls").await;
    for (sort, mode, expected) in MATRIX {
        secured.show(&schema, sort).await;
        let looked = of(engine).examine(engine, &login(&schema, mode, &secured.authority.pem)).await;
        assert_eq!(code(&looked), expected, "{sort:?} {mode}: {looked:?}");
        if let Ok(look) = looked {
            assert!(look.server.tls.is_some_and(|tls| tls.starts_with("TLSv1.")), "{mode}");
        }
    }
    // An authority that nobody of ours knows.
    secured.show(&schema, Certificate::Good).await;
    let stranger = Authority::new();
    let looked = of(engine).examine(engine, &login(&schema, TlsMode::VerifyFull, &stranger.pem)).await;
    assert_eq!(code(&looked), "tls_untrusted");
}

#[tokio::test]
async fn i10_t16_mariadb_shows_certificates_good_and_bad() {
    let secured = Secured::start("mariadb", &[]).unwrap();
    matrix(&secured, Engine::Mariadb).await;
}

#[tokio::test]
async fn i10_t16_mysql_9_shows_certificates_good_and_bad() {
    let Some(secured) = Secured::start("mysql9", &[]) else { return };
    matrix(&secured, Engine::Mysql).await;
    // Without TLS it still lets nobody but the key's holder read the password.
    let schema = secured.schema("plain").await;
    let plain = Login { tls: Tls::default(), ..login(&schema, TlsMode::Disable, "") };
    let look = of(Engine::Mysql).examine(Engine::Mysql, &plain).await.unwrap();
    assert_eq!((look.server.flavour.as_str(), look.server.tls), ("MySQL", None));
}

#[tokio::test]
async fn i10_t16_mysql_57_is_reached_by_tls() {
    let Some(secured) = Secured::start("mysql57", &[]) else { return };
    let schema = secured.schema("tls").await;
    let good = login(&schema, TlsMode::VerifyFull, &secured.authority.pem);
    let look = of(Engine::Mysql).examine(Engine::Mysql, &good).await.unwrap();
    assert!(look.server.version.starts_with("5.7.") && look.server.warnings.is_empty(), "{look:?}");
    assert!(look.server.tls.is_some(), "{look:?}");
    let other = Login { server_name: "other.example".to_owned(), ..good };
    assert_eq!(code(&of(Engine::Mysql).examine(Engine::Mysql, &other).await), "tls_wrong_name");
}

#[tokio::test]
async fn i10_a_server_that_speaks_old_tls_only_is_told_as_such() {
    for (kind, engine) in [("mariadb", Engine::Mariadb), ("mysql57", Engine::Mysql)] {
        let version =
            if kind == "mariadb" { "tls-version=TLSv1.0,TLSv1.1" } else { "tls-version=TLSv1,TLSv1.1" };
        let Some(secured) = Secured::start(kind, &[version]) else { continue };
        let schema = secured.schema("old").await;
        for mode in [TlsMode::Require, TlsMode::VerifyFull] {
            let looked = of(engine).examine(engine, &login(&schema, mode, &secured.authority.pem)).await;
            assert_eq!(code(&looked), "tls_too_old", "{kind} {mode}");
        }
    }
}

#[tokio::test]
async fn i10_t16_postgresql_shows_certificates_good_and_bad() {
    let secured = SecuredPostgres::start().await;
    let authority = &secured.authority;
    let login = |mode| secured.login(mode, &authority.pem);
    for (sort, mode, expected) in MATRIX {
        authority.show(sort);
        secured.reload().await;
        // The server takes the new files some time after it was told.
        until(&format!("{sort:?} {mode} is answered by {expected:?}"), seconds(20), async || {
            let looked = of(Engine::Postgresql).examine(Engine::Postgresql, &login(mode)).await;
            let tls = looked.as_ref().ok().and_then(|look| look.server.tls.clone());
            let is_it = match &looked {
                Ok(_) => expected.is_empty() && tls.is_some_and(|tls| tls.starts_with("TLSv1.3")),
                Err(halt) => halt.failure.code.as_str() == expected && halt.stage == Stage::Tls,
            };
            is_it.then_some(())
        })
        .await;
    }
    secured.run("ALTER SYSTEM SET ssl_min_protocol_version = 'TLSv1'").await;
    secured.run("ALTER SYSTEM SET ssl_max_protocol_version = 'TLSv1.1'").await;
    secured.reload().await;
    until("TLS is too old", seconds(20), async || {
        let looked = of(Engine::Postgresql).examine(Engine::Postgresql, &login(TlsMode::Require)).await;
        looked.is_err_and(|halt| halt.failure.code.as_str() == "tls_too_old").then_some(())
    })
    .await;
}

/// A connection through these hops, by TLS, to a host that the last hop knows by this name.
async fn register(stack: &Stack, schema: &Schema, hops: &[Value], ca: &str, engine: &str) -> String {
    let mut body = connection_body(schema);
    body["name"] = json!(place::fresh_name());
    body["engine"] = json!(engine);
    body["host"] = json!(NAME);
    body["connection_type"] = json!("ssh+jump");
    body["hops"] = json!(hops);
    body["tls"] = json!({"mode": "verify-full", "ca": ca});
    body["timeout_seconds"] = json!(60);
    stack.client.post("/v1/connections", &body).await.expect(201).id()
}

/// A sync through two hosts by verify-full completes; by a bad certificate it does not begin.
async fn through_two_hops(secured: &Secured, engine: &str) {
    let (one, two) = (Sshd::start().await, Sshd::start().await);
    let stack = Stack::running().await;
    let (source, target) = (secured.schema("source").await, secured.schema("target").await);
    source.run(SEED).await;
    let hops = [one.hop(), two.hop()];
    let ca = &secured.authority.pem;
    let source_id = register(&stack, &source, &hops, ca, engine).await;
    let target_id = register(&stack, &target, &hops, ca, engine).await;
    let task = stack.client.task(&source_id, &target_id, &json!({})).await;
    stack.run_completed(&task).await;
    agree(&source, &target).await;
    for (sort, code) in [
        (Certificate::OtherName, "tls_wrong_name"),
        (Certificate::Expired, "tls_expired"),
        (Certificate::SelfSigned, "tls_untrusted"),
    ] {
        secured.show(&source, sort).await;
        let job = stack.run(&task).await;
        let failure = job.failure.expect("the certificate is bad");
        assert_eq!((job.state.as_str(), failure.code.as_str()), ("failed", code), "{failure:?}");
    }
    assert!(!stack.logs().contains(&source.password));
}

#[tokio::test]
async fn t16_a_sync_goes_to_mariadb_by_tls_through_two_hops_and_fails_closed() {
    let secured = Secured::start("mariadb", &[]).unwrap();
    through_two_hops(&secured, "mariadb").await;
}

#[tokio::test]
async fn t16_a_sync_goes_to_mysql_9_by_tls_through_two_hops_and_fails_closed() {
    let Some(secured) = Secured::start("mysql9", &[]) else { return };
    through_two_hops(&secured, "mysql").await;
}
