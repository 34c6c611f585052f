//! A database of each kind of server, with an account, and SQL on it.

use std::time::Duration;

use longshore_shared::domain::connection::{Engine, Tls};
use longshore_shared::vault::Secret;
use longshore_tests::kinds::Kind;
use longshore_tests::place;
use longshore_tests::schema::Schema;
use longshore_tests::servers::{MariaDb, Servers};
use longshore_worker::engine::{Driver, Login, of};
use sqlx::postgres::PgPoolOptions;
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use url::Url;

use crate::standing::logins;

/// What the contract is held for.
pub(super) struct Subject {
    /// Of the server, for messages.
    pub(super) name: String,
    pub(super) engine: Engine,
    pub(super) login: Login,
    sql: Sql,
    _server: Option<Kind>,
}

enum Sql {
    Mysql(Schema),
    Postgres { maker: PgPool, inside: PgPool },
}

impl Subject {
    /// A database of MySQL's kind on a server of this kind; none if somebody chose to do without it.
    pub(super) async fn mysql(kind: &str) -> Option<Self> {
        let server = Kind::shared(kind, 0)?;
        let made = Self::on(&server).await;
        Some(Self { _server: Some(server), ..made })
    }

    async fn on(server: &MariaDb) -> Self {
        let schema = Schema::make(server, "contract").await;
        let engine = if server.is_mysql() { Engine::Mysql } else { Engine::Mariadb };
        let login = logins::login(&schema, &schema.username, &schema.password);
        Self { name: server.name.clone(), engine, login, sql: Sql::Mysql(schema), _server: None }
    }

    /// Another database on the same server.
    pub(super) async fn beside(&self) -> Self {
        match &self.sql {
            Sql::Mysql(schema) => Self::on(&schema.server).await,
            Sql::Postgres { .. } => Self::postgres().await,
        }
    }

    /// A database on the run's PostgreSQL, whose account owns it.
    pub(super) async fn postgres() -> Self {
        let mut url = Url::parse(&Servers::of_the_run().postgres().admin).unwrap();
        let name = place::fresh_name();
        let pool = |url: &Url| PgPoolOptions::new().max_connections(1).connect_lazy(url.as_str()).unwrap();
        let maker = pool(&url);
        run(&maker, &format!("CREATE ROLE \"{name}\" LOGIN PASSWORD 'pw'")).await;
        run(&maker, &format!("CREATE DATABASE \"{name}\" OWNER \"{name}\"")).await;
        url.set_path(&name);
        url.set_username(&name).unwrap();
        url.set_password(Some("pw")).unwrap();
        let login = Login {
            address: ([127, 0, 0, 1], url.port().unwrap()).into(),
            server_name: "localhost".to_owned(),
            tls: Tls::default(),
            database: name.clone(),
            username: name,
            password: Secret::new("pw".to_owned()),
            client_key: None,
            trust_server_key: false,
            timeout: Duration::from_secs(10),
            tag: "longshore test".to_owned(),
            seat: None,
        };
        let sql = Sql::Postgres { maker, inside: pool(&url) };
        let (name, engine) = ("postgresql".to_owned(), Engine::Postgresql);
        Self { name, engine, login, sql, _server: None }
    }

    /// The server's administrator in this database.
    pub(super) fn as_administrator(&self) -> Login {
        let server = self.schema().map(|schema| &schema.server);
        server.map_or_else(
            || self.login.clone(),
            |server| Login {
                username: server.admin_username.clone(),
                password: Secret::new(server.admin_password.clone()),
                ..self.login.clone()
            },
        )
    }

    /// The database, where it is one of MySQL's kind.
    pub(super) fn schema(&self) -> Option<&Schema> {
        match &self.sql {
            Sql::Mysql(schema) => Some(schema),
            Sql::Postgres { .. } => None,
        }
    }

    pub(super) fn driver(&self) -> &'static dyn Driver {
        of(self.engine)
    }

    pub(super) async fn run(&self, sql: &str) {
        match &self.sql {
            Sql::Mysql(schema) => {
                schema.run(sql).await;
            }
            Sql::Postgres { inside, .. } => run(inside, sql).await,
        }
    }

    pub(super) async fn remove(self) {
        match self.sql {
            Sql::Mysql(schema) => schema.remove().await,
            Sql::Postgres { maker, inside } => {
                inside.close().await;
                let name = &self.login.username;
                run(&maker, &format!("DROP DATABASE \"{name}\" WITH (FORCE)")).await;
                run(&maker, &format!("DROP ROLE \"{name}\"")).await;
            }
        }
    }
}

async fn run(pool: &PgPool, sql: &str) {
    pool.execute(AssertSqlSafe(sql.to_owned())).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
}
