//! What servers allow an account: limits by the hour, and of what one statement may look at.

use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::failure::Failure;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, Servers};
use longshore_worker::engine::of;

use super::logins::login;

/// The servers of these kinds, with a limit that is too small for a look at their own settings.
fn narrow(kinds: &[&str]) -> Option<Held> {
    let kinds: Vec<_> = kinds.iter().copied().filter(|kind| Servers::is_wanted(kind)).collect();
    let options: Vec<_> = kinds.iter().map(|kind| format!("{kind}=max_join_size=1")).collect();
    let options: Vec<_> = options.iter().map(String::as_str).collect();
    (!kinds.is_empty()).then(|| Held::start_with(&kinds.join(","), &options))
}

async fn refused(schema: &Schema) -> Failure {
    match of(Engine::Mariadb).surveyor(&login(schema, &schema.username, &schema.password)).await {
        Ok(_) => panic!("{}: the login passed", schema.server.name),
        Err(failure) => failure,
    }
}

#[tokio::test]
async fn n17_an_accounts_limits_and_a_small_max_join_size() {
    let Some(held) = narrow(&["mysql57", "mysql9", "mariadb11"]) else { return };
    for server in &held.mariadb {
        let schema = Schema::make(server, "narrow").await;
        schema.run("CREATE TABLE t (id INT PRIMARY KEY)").await;
        let good = login(&schema, &schema.username, &schema.password);
        of(Engine::Mariadb)
            .examine(Engine::Mariadb, &good)
            .await
            .unwrap_or_else(|halt| panic!("{}: {halt:?}", server.name));
        let mut inspector = of(Engine::Mariadb).surveyor(&good).await.unwrap();
        assert_eq!(inspector.tables().await.unwrap().len(), 1, "{}", server.name);
        drop(inspector);

        for (limit, code, is_transient) in [
            ("MAX_QUERIES_PER_HOUR 1", "max_queries_per_hour", false),
            ("MAX_CONNECTIONS_PER_HOUR 1", "max_connections_per_hour", false),
            ("MAX_USER_CONNECTIONS 1", "too_many_connections", true),
        ] {
            // A server remembers what an account had.
            let schema = Schema::make(server, "narrow").await;
            schema.run(&format!("ALTER USER '{}'@'127.0.0.1' WITH {limit}", schema.username)).await;
            let good = login(&schema, &schema.username, &schema.password);
            // Takes what the limit lets through, and stays.
            let _taken = of(Engine::Mariadb).reader(&good).await;
            let failure = refused(&schema).await;
            let found = (failure.code.as_str(), failure.is_transient());
            assert_eq!(found, (code, is_transient), "{}, {limit}: {failure:?}", server.name);
            let remedy = limit.split(' ').next().unwrap();
            assert!(failure.hint.contains(remedy), "{limit}: {}", failure.hint);
        }
    }
}
