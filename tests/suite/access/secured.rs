//! Servers with TLS of a test's own, whose certificates can be exchanged.

use std::net::SocketAddr;
use std::time::Duration;

use longshore_shared::domain::connection::{Tls, TlsMode};
use longshore_shared::domain::examination::Stage;
use longshore_shared::vault::Secret;
use longshore_tests::authority::{Authority, Certificate, NAME};
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, Servers};
use longshore_worker::engine::{Halt, Login, Look};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use url::Url;

/// A server with TLS, and how it reads its certificate again.
pub(super) struct Secured {
    pub(super) authority: Authority,
    held: Held,
    kind: &'static str,
}

impl Secured {
    /// None where somebody chose to do without such a server.
    pub(super) fn start(kind: &'static str, more: &[&str]) -> Option<Self> {
        if !Servers::is_wanted(kind) {
            return None;
        }
        let authority = Authority::new();
        let mut options = authority.options(kind);
        options.extend(more.iter().map(|option| format!("{kind}={option}")));
        let options: Vec<&str> = options.iter().map(String::as_str).collect();
        let held = Held::start_with(kind, &options);
        Some(Self { authority, held, kind })
    }

    pub(super) async fn schema(&self, side: &str) -> Schema {
        Schema::make(&self.held.mariadb[0], side).await
    }

    pub(super) async fn show(&self, schema: &Schema, sort: Certificate) {
        self.authority.show(sort);
        if self.kind == "mariadb" {
            schema.run("FLUSH SSL").await;
        } else {
            // MySQL takes a bad certificate at its start only.
            self.held.order("stop", self.kind).await;
            self.held.order("start", self.kind).await;
        }
    }
}

pub(super) fn login(schema: &Schema, mode: TlsMode, ca: &str) -> Login {
    Login {
        address: SocketAddr::from(([127, 0, 0, 1], schema.server.port)),
        server_name: NAME.to_owned(),
        tls: Tls { mode, ca: Some(ca.to_owned()), client_certificate: None },
        database: schema.name.clone(),
        username: schema.username.clone(),
        password: Secret::new(schema.password.clone()),
        client_key: None,
        trust_server_key: true,
        timeout: Duration::from_secs(20),
        tag: "longshore test".to_owned(),
        seat: None,
    }
}

/// `""` if it was passed, or else the code.
pub(super) fn code(looked: &Result<Look, Halt>) -> String {
    match looked {
        Ok(_) => String::new(),
        Err(halt) => {
            assert_eq!(halt.stage, Stage::Tls, "{halt:?}");
            assert!(!halt.failure.is_transient() && !halt.failure.hint.is_empty(), "{halt:?}");
            halt.failure.code.to_string()
        }
    }
}

/// A PostgreSQL server with TLS.
pub(super) struct SecuredPostgres {
    pub(super) authority: Authority,
    pub(super) held: Held,
    pool: PgPool,
    url: Url,
}

impl SecuredPostgres {
    /// It knows the authority's certificate, and shows one of it.
    pub(super) async fn start() -> Self {
        let held = Held::start("postgres");
        let authority = Authority::new();
        let url = Url::parse(&held.postgres().admin).unwrap();
        let pool = PgPoolOptions::new().max_connections(1).connect_lazy(url.as_str()).unwrap();
        let made = Self { authority, held, pool, url };
        for (name, file) in [
            ("ssl_ca_file", made.authority.ca()),
            ("ssl_cert_file", made.authority.certificate()),
            ("ssl_key_file", made.authority.private_key()),
        ] {
            made.run(&format!("ALTER SYSTEM SET {name} = '{}'", file.display())).await;
        }
        made.run("ALTER SYSTEM SET ssl = on").await;
        made.reload().await;
        made
    }

    /// Lets it read its files again; it takes them some time later.
    pub(super) async fn reload(&self) {
        self.authority.give_key_to(self.held.servers["postgres"].pid.unwrap());
        self.run("SELECT pg_reload_conf()").await;
    }

    pub(super) async fn run(&self, sql: &str) {
        let done = self.pool.execute(AssertSqlSafe(sql.to_owned())).await;
        done.unwrap_or_else(|why| panic!("{sql}: {why}"));
    }

    pub(super) async fn value(&self, sql: &str) -> String {
        let asked = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.pool).await;
        asked.unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    pub(super) fn login(&self, mode: TlsMode, ca: &str) -> Login {
        Login {
            address: SocketAddr::from(([127, 0, 0, 1], self.url.port().unwrap())),
            server_name: NAME.to_owned(),
            tls: Tls { mode, ca: Some(ca.to_owned()), client_certificate: None },
            database: self.url.path().trim_start_matches('/').to_owned(),
            username: self.url.username().to_owned(),
            password: Secret::new(self.url.password().unwrap().to_owned()),
            client_key: None,
            trust_server_key: true,
            timeout: Duration::from_secs(20),
            tag: "longshore test".to_owned(),
            seat: None,
        }
    }
}

/// On both flavours alike.
pub(super) const SEED: &str = "CREATE TABLE people (id INT AUTO_INCREMENT PRIMARY KEY, name VARCHAR(60), born DATETIME(6), \
    data BLOB, worth DECIMAL(20, 6), KEY by_name (name)); \
    INSERT INTO people (name, born, data, worth) WITH RECURSIVE n AS \
    (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 800) \
    SELECT IF(i % 9 = 0, NULL, CONCAT('Näme 😀 ', i)), DATE_ADD('1950-01-01', INTERVAL i * 7001 SECOND), \
    UNHEX(SHA2(i, 256)), i / 7 FROM n";
