//! Servers that want a certificate of the client's too: it is shown to each engine, and to no
//! server is shown what the connection was not given.

use longshore_shared::domain::connection::{Engine, TlsMode};
use longshore_shared::vault::Secret;
use longshore_tests::agree::agree;
use longshore_tests::authority::{Authority, NAME};
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use longshore_worker::engine::{Login, of};
use serde_json::{Value, json};

use super::connection_tests::drafted;
use super::secured::{SEED, Secured, SecuredPostgres, login};

/// The server wants a certificate of the client's too.
#[tokio::test]
async fn c4_mariadb_is_shown_the_clients_own_certificate() {
    let secured = Secured::start("mariadb", &[]).unwrap();
    let schema = secured.schema("client").await;
    schema.run(&format!("ALTER USER '{}'@'127.0.0.1' REQUIRE X509", schema.username)).await;
    let stack = Stack::running().await;
    let (certificate, key) = secured.authority.client("longshore");
    let mut body = connection_body(&schema);
    body["host"] = json!(NAME);
    body["tls"] = json!({"mode": "verify-full", "ca": secured.authority.pem});
    let target = stack.client.connection(&stack.target).await;
    let test = async |body: &Value| {
        let source = stack.client.post("/v1/connections", body).await.expect(201);
        assert!(!source.text.contains("PRIVATE KEY"), "a key is never given back");
        let task = stack.client.task(&source.id(), &target, &json!({})).await;
        stack.run(&task).await
    };
    body["name"] = json!(place::fresh_name());
    let failure = test(&body).await.failure.expect("the account wants a certificate");
    assert_eq!(failure.code, "login_refused", "{failure:?}");
    body["name"] = json!(place::fresh_name());
    body["tls"]["client_certificate"] = json!(certificate);
    body["tls"]["client_key"] = json!(key);
    schema.run(SEED).await;
    let job = test(&body).await;
    assert_eq!(job.state, "completed", "{job:?}");
    agree(&schema, &stack.target).await;
    assert!(!stack.logs().contains(key.lines().nth(1).unwrap()), "a key stands in a log");
}

/// The login without a certificate, with a stranger's, and with the authority's, in all modes.
async fn shown(engine: Engine, login: Login, authority: &Authority, without: &str) {
    let refused = "tls_client_certificate_refused";
    let stranger = Authority::new().client("certified");
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        for (pair, expected) in
            [(None, without), (Some(&stranger), refused), (Some(&authority.client("certified")), "")]
        {
            let mut login = login.clone();
            login.tls.mode = mode;
            if let Some((certificate, key)) = pair {
                login.tls.client_certificate = Some(certificate.clone());
                login.client_key = Some(Secret::new(key.clone()));
            }
            let looked = of(engine).examine(engine, &login).await;
            let code = looked.as_ref().map_or_else(|halt| halt.failure.code.as_str(), |_| "");
            assert_eq!(code, expected, "{engine} {mode}: {looked:?}");
        }
    }
}

/// A connection with the authority's certificate is tested, by the API and a worker.
async fn tested(mut body: Value, authority: &Authority) {
    let stack = Stack::running().await;
    let (certificate, key) = authority.client("certified");
    body["tls"] = json!({"mode": "verify-full", "ca": authority.pem});
    assert_eq!(drafted(&stack, &body).await["passed"], false);
    body["tls"]["client_certificate"] = json!(certificate);
    body["tls"]["client_key"] = json!(key);
    let found = drafted(&stack, &body).await;
    assert_eq!(found["passed"], true, "{found:#}");
    assert!(!stack.logs().contains(key.lines().nth(1).unwrap()), "a key stands in a log");
}

#[tokio::test]
async fn c4_mysql_9_is_shown_the_clients_own_certificate() {
    let Some(secured) = Secured::start("mysql9", &[]) else { return };
    let schema = secured.schema("client").await;
    schema.run(&format!("ALTER USER '{}'@'127.0.0.1' REQUIRE X509", schema.username)).await;
    let login = login(&schema, TlsMode::VerifyFull, &secured.authority.pem);
    shown(Engine::Mysql, login, &secured.authority, "login_refused").await;
    let mut body = connection_body(&schema);
    (body["engine"], body["host"]) = (json!("mysql"), json!(NAME));
    tested(body, &secured.authority).await;
}

#[tokio::test]
async fn c4_postgresql_is_shown_the_clients_own_certificate() {
    let secured = SecuredPostgres::start().await;
    secured.run("CREATE ROLE certified LOGIN PASSWORD 'and a password'").await;
    // The certificate's name is the account's, and nothing else counts.
    let rules = secured.value("SHOW hba_file").await;
    let others = std::fs::read_to_string(&rules).unwrap();
    std::fs::write(&rules, format!("hostssl all certified 127.0.0.1/32 cert\n{others}")).unwrap();
    secured.reload().await;
    let login = Login {
        username: "certified".to_owned(),
        password: Secret::new("not asked for".to_owned()),
        ..secured.login(TlsMode::VerifyFull, &secured.authority.pem)
    };
    let without = "tls_client_certificate_refused";
    until("the rule holds", seconds(20), async || {
        let refused = of(Engine::Postgresql).examine(Engine::Postgresql, &login).await.err()?;
        (refused.failure.code.as_str() == without).then_some(())
    })
    .await;
    shown(Engine::Postgresql, login.clone(), &secured.authority, without).await;
    let (certificate, key) = secured.authority.client("somebody else");
    let mut other = login.clone();
    other.tls.client_certificate = Some(certificate);
    other.client_key = Some(Secret::new(key));
    assert_eq!(
        of(Engine::Postgresql).examine(Engine::Postgresql, &other).await.unwrap_err().failure.code.as_str(),
        "login_refused"
    );
    let body = json!({"name": place::fresh_name(), "engine": "postgresql", "host": NAME,
        "port": login.address.port(), "database": login.database, "username": login.username,
        "password": "not asked for"});
    tested(body, &secured.authority).await;
}
