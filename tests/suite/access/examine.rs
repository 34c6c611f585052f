//! What a login finds, on real servers: the stage where it ends, the server, the rights that
//! each feature lacks. It calls the worker's engines: nothing of this needs a job.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use longshore_shared::domain::connection::{Engine, Tls, TlsMode};
use longshore_shared::domain::examination::{Feature, Stage};
use longshore_shared::vault::Secret;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::servers::Servers;
use longshore_worker::engine::{Login, Look, of};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use tokio::net::TcpListener;
use url::Url;

fn login(port: u16, database: &str, username: &str, password: &str) -> Login {
    Login {
        address: SocketAddr::from(([127, 0, 0, 1], port)),
        server_name: "localhost".to_owned(),
        tls: Tls::default(),
        database: database.to_owned(),
        username: username.to_owned(),
        password: Secret::new(password.to_owned()),
        client_key: None,
        trust_server_key: true,
        timeout: Duration::from_secs(10),
        tag: "longshore test".to_owned(),
        seat: None,
    }
}

fn with_tls(login: &Login, mode: TlsMode) -> Login {
    Login { tls: Tls { mode, ..Tls::default() }, ..login.clone() }
}

/// Where it ends, and by which code.
async fn halt(engine: Engine, login: &Login) -> (Stage, String) {
    let halt = of(engine).examine(engine, login).await.expect_err("something is wrong there");
    assert!(!halt.failure.hint.is_empty() && !halt.failure.message.contains(login.password.reveal()));
    (halt.stage, halt.failure.code.to_string())
}

/// Statements by feature.
fn missing(look: &Look) -> BTreeMap<&'static str, Vec<String>> {
    assert_eq!(look.features.len(), Feature::ALL.len());
    let lacking = look.features.iter().filter(|feature| !feature.missing.is_empty());
    lacking
        .map(|feature| {
            let statements = feature.missing.iter().map(|missing| missing.statement.clone()).collect();
            (feature.feature.as_str(), statements)
        })
        .collect()
}

/// Nobody speaks there, but connections are taken.
async fn silent() -> (TcpListener, u16) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    (listener, port)
}

async fn mariadb(side: &str) -> Schema {
    Schema::make(&Servers::of_the_run().mariadb[0], side).await
}

#[tokio::test]
async fn mariadb_tells_each_stage_apart() {
    let schema = mariadb("stages").await;
    let good = login(schema.server.port, &schema.name, &schema.username, &schema.password);
    let look = of(Engine::Mariadb).examine(Engine::Mariadb, &good).await.unwrap();
    assert_eq!(look.server.flavour, "MariaDB");
    assert!(look.server.version.contains("MariaDB") && look.server.tls.is_none(), "{look:?}");
    assert!(look.server.warnings.is_empty(), "{look:?}");
    assert!(look.server.latency_milliseconds > 0.0 && look.server.clock_skew_seconds.abs() < 1.0, "{look:?}");
    let other = of(Engine::Mysql).examine(Engine::Mysql, &good).await.unwrap();
    assert!(other.server.warnings[0].contains("the server is MariaDB"), "{other:?}");

    let engine = Engine::Mariadb;
    let wrong = Login { password: Secret::new("canary".to_owned()), ..good.clone() };
    assert_eq!(halt(engine, &wrong).await, (Stage::Login, "login_refused".to_owned()));
    let wrong = Login { database: "no_such".to_owned(), ..good.clone() };
    assert_eq!(halt(engine, &wrong).await, (Stage::Database, "privilege_missing".to_owned()));
    let admin = &schema.server;
    let wrong = login(admin.port, "no`such", &admin.admin_username, &admin.admin_password);
    assert_eq!(halt(engine, &wrong).await, (Stage::Database, "unknown_database".to_owned()));
    let wrong = login(place::free_port(), "x", "x", "canary");
    assert_eq!(halt(engine, &wrong).await, (Stage::Tcp, "connection_refused".to_owned()));
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let wrong = with_tls(&good, mode);
        assert_eq!(halt(engine, &wrong).await, (Stage::Tls, "tls_not_offered".to_owned()), "{mode}");
    }
    of(engine).examine(engine, &with_tls(&good, TlsMode::Prefer)).await.unwrap();
    let (_listener, port) = silent().await;
    let wrong = Login { timeout: Duration::from_millis(300), ..login(port, "x", "x", "canary") };
    assert_eq!(halt(engine, &wrong).await, (Stage::Login, "connect_timeout".to_owned()));
}

/// The statements are run as they are; afterwards nothing is missing.
#[tokio::test]
async fn mariadb_names_what_each_feature_lacks() {
    let schema = mariadb("rights").await;
    let user = format!("o'b@{}", place::fresh_name());
    let account = format!("'{}'@'127.0.0.%'", user.replace('\'', "''"));
    schema.run(&format!("CREATE USER {account} IDENTIFIED BY 'pw'")).await;
    schema.run(&format!("GRANT SELECT ON `{}`.* TO {account}", schema.name)).await;
    let login = login(schema.server.port, &schema.name, &user, "pw");
    let look = of(Engine::Mariadb).examine(Engine::Mariadb, &login).await.unwrap();
    let lacks = missing(&look);
    let on = format!("ON `{}`.* TO {account}", schema.name);
    assert_eq!(lacks["dump"], [format!("GRANT SHOW VIEW {on}")]);
    assert_eq!(lacks["snapshot"], [format!("GRANT RELOAD ON *.* TO {account}")]);
    assert_eq!(lacks["load"], ["INSERT", "UPDATE", "DELETE"].map(|right| format!("GRANT {right} {on}")));
    assert_eq!(lacks["scratch"].len(), 9);
    for statement in lacks.values().flatten() {
        schema.run(statement).await;
    }
    let look = of(Engine::Mariadb).examine(Engine::Mariadb, &login).await.unwrap();
    assert_eq!(missing(&look), BTreeMap::new());

    // By a role, and in the names of others.
    let role = format!("r_{}", place::fresh_name());
    for sql in [
        format!("REVOKE ALL PRIVILEGES, GRANT OPTION FROM {account}"),
        format!("CREATE ROLE {role}"),
        format!("GRANT ALL ON `%`.* TO {role}"),
        format!("GRANT RELOAD ON *.* TO {role}"),
        format!("GRANT SELECT ON mysql.proc TO {role}"),
        format!("GRANT {role} TO {account}"),
        format!("SET DEFAULT ROLE {role} FOR {account}"),
    ] {
        schema.run(&sql).await;
    }
    let look = of(Engine::Mariadb).examine(Engine::Mariadb, &login).await.unwrap();
    assert_eq!(missing(&look), BTreeMap::new());
    schema.run(&format!("DROP USER {account}; DROP ROLE {role}")).await;
}

/// A database with a schema of odd name, and an account that may do nothing yet.
struct Postgres {
    port: u16,
    database: String,
    role: String,
    maker: PgPool,
    inside: PgPool,
}

impl Postgres {
    async fn make() -> Self {
        let url = Url::parse(&Servers::of_the_run().postgres().admin).unwrap();
        let name = place::fresh_name();
        let (database, role) = (format!("shop {name}"), format!("o\"b {name}"));
        let pool = |url: &Url| PgPoolOptions::new().max_connections(1).connect_lazy(url.as_str()).unwrap();
        let maker = pool(&url);
        let quoted = role.replace('"', "\"\"");
        run(&maker, &format!("CREATE DATABASE \"{database}\"")).await;
        run(&maker, &format!("CREATE ROLE \"{quoted}\" LOGIN PASSWORD 'pw'")).await;
        let mut inside = url.clone();
        inside.set_path(&database);
        let inside = pool(&inside);
        for sql in [
            "CREATE SCHEMA \"a\"\"b\"",
            "CREATE TABLE \"a\"\"b\".t (id serial PRIMARY KEY, secret text)",
            "CREATE TABLE public.p (id int)",
            "ALTER TABLE public.p ENABLE ROW LEVEL SECURITY",
        ] {
            run(&inside, sql).await;
        }
        Self { port: url.port().unwrap(), database, role, maker, inside }
    }

    fn login(&self) -> Login {
        login(self.port, &self.database, &self.role, "pw")
    }

    async fn remove(self) {
        let Self { database, role, maker, inside, .. } = self;
        inside.close().await;
        run(&maker, &format!("DROP DATABASE \"{database}\" WITH (FORCE)")).await;
        run(&maker, &format!("DROP ROLE \"{}\"", role.replace('"', "\"\""))).await;
    }
}

async fn run(pool: &PgPool, sql: &str) {
    pool.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
}

#[tokio::test]
async fn postgresql_tells_each_stage_apart() {
    let postgres = Postgres::make().await;
    let (engine, good) = (Engine::Postgresql, postgres.login());
    let look = of(engine).examine(engine, &good).await.unwrap();
    assert_eq!((look.server.flavour.as_str(), &look.server.warnings), ("PostgreSQL", &Vec::new()));
    assert!(!look.server.version.is_empty() && look.server.tls.is_none());
    assert!(look.server.latency_milliseconds > 0.0 && look.server.clock_skew_seconds.abs() < 1.0, "{look:?}");

    let wrong = Login { password: Secret::new("canary".to_owned()), ..good.clone() };
    assert_eq!(halt(engine, &wrong).await, (Stage::Login, "login_refused".to_owned()));
    let wrong = Login { database: "no such".to_owned(), ..good.clone() };
    assert_eq!(halt(engine, &wrong).await, (Stage::Database, "unknown_database".to_owned()));
    run(&postgres.maker, &format!("REVOKE CONNECT ON DATABASE \"{}\" FROM public", postgres.database)).await;
    assert_eq!(halt(engine, &good).await, (Stage::Database, "privilege_missing".to_owned()));
    let wrong = login(place::free_port(), "x", "x", "canary");
    assert_eq!(halt(engine, &wrong).await, (Stage::Tcp, "connection_refused".to_owned()));
    for mode in [TlsMode::Require, TlsMode::VerifyCa, TlsMode::VerifyFull] {
        let wrong = with_tls(&good, mode);
        assert_eq!(halt(engine, &wrong).await, (Stage::Tls, "tls_not_offered".to_owned()), "{mode}");
    }
    let (_listener, port) = silent().await;
    let wrong = Login { timeout: Duration::from_millis(300), ..login(port, "x", "x", "canary") };
    assert_eq!(halt(engine, &wrong).await, (Stage::Login, "connect_timeout".to_owned()));
    // Another engine's server.
    let wrong = login(Servers::of_the_run().mariadb[0].port, "x", "x", "canary");
    assert_eq!(halt(engine, &wrong).await.0, Stage::Login);
    let wrong = login(postgres.port, "x", "x", "canary");
    let wrong = Login { timeout: Duration::from_millis(500), ..wrong };
    assert_eq!(halt(Engine::Mysql, &wrong).await.0, Stage::Login);
    postgres.remove().await;
}

/// The statements are run as they are; afterwards nothing is missing.
#[tokio::test]
async fn postgresql_names_what_each_feature_lacks() {
    let postgres = Postgres::make().await;
    let look = of(Engine::Postgresql).examine(Engine::Postgresql, &postgres.login()).await.unwrap();
    let lacks = missing(&look);
    let role = format!("\"{}\"", postgres.role.replace('"', "\"\""));
    assert_eq!(
        lacks["bulk_load"],
        [
            format!("GRANT INSERT ON ALL TABLES IN SCHEMA \"a\"\"b\" TO {role}"),
            format!("GRANT INSERT ON ALL TABLES IN SCHEMA \"public\" TO {role}"),
        ]
    );
    assert!(lacks["dump"].contains(&format!("ALTER ROLE {role} BYPASSRLS")), "{lacks:?}");
    assert!(lacks["dump"].contains(&format!("GRANT USAGE ON SCHEMA \"a\"\"b\" TO {role}")), "{lacks:?}");
    assert_eq!(lacks["scratch"], [format!("GRANT CREATE ON DATABASE \"{}\" TO {role}", postgres.database)]);
    assert!(!lacks.contains_key("snapshot") && !lacks.contains_key("routines"));
    for statement in lacks.values().flatten() {
        run(&postgres.inside, statement).await;
    }
    let look = of(Engine::Postgresql).examine(Engine::Postgresql, &postgres.login()).await.unwrap();
    assert_eq!(missing(&look), BTreeMap::new());
    postgres.remove().await;
}
