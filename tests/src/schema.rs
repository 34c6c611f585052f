//! A customer's database: a schema on one of the run's MariaDB servers with an account of
//! its own, and SQL on it.

use std::sync::atomic::{AtomicU32, Ordering};

use mysql_async::prelude::{FromRow, Queryable as _};
use mysql_async::{Conn, OptsBuilder, Pool};

use crate::place;
use crate::servers::MariaDb;

/// Rights on the schema itself: more than `docs/sync.md` asks for.
const RIGHTS: &str = "ALL";

/// A schema and the account that Longshore is given.
pub struct Schema {
    /// The server it lies on.
    pub server: MariaDb,
    /// Its name.
    pub name: String,
    /// The port that Longshore is given, if it is not the server's own.
    pub behind: Option<u16>,
    /// The account's name.
    pub username: String,
    /// The account's password, with every character that needs care somewhere.
    pub password: String,
    pool: Pool,
}

impl Schema {
    /// Makes an empty schema and its account; `side` becomes a part of the name.
    pub async fn make(server: &MariaDb, side: &str) -> Self {
        static MADE: AtomicU32 = AtomicU32::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        let name = format!("{side}_{}_{number}", place::fresh_name());
        let username = format!("u_{name}");
        let password = format!("p@:/%#?'\\\" {}", place::fresh_name());
        let pool = Pool::new(options(server).db_name(Some(name.clone())));
        let made = Self { server: server.clone(), name, behind: None, username, password, pool };
        made.create().await;
        made
    }

    async fn create(&self) {
        let Self { name, username, .. } = self;
        let mut admin = administrator(&self.server).await;
        let password = self.password.replace('\\', "\\\\").replace('\'', "''");
        let user = format!("'{username}'@'127.0.0.1'");
        for sql in [
            format!("CREATE DATABASE `{name}` CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci"),
            format!("CREATE USER {user} IDENTIFIED BY '{password}'"),
            format!("GRANT {RIGHTS} ON `{}`.* TO {user}", name.replace('_', "\\_")),
            format!("GRANT RELOAD, PROCESS, REPLICATION CLIENT ON *.* TO {user}"),
        ] {
            admin.query_drop(&sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
        }
        admin.disconnect().await.expect("the administrator leaves");
    }

    /// Removes schema and account.
    pub async fn remove(&self) {
        // A server of the test's own that is gone has taken the database along.
        if std::net::TcpStream::connect(("127.0.0.1", self.server.port)).is_err() {
            return;
        }
        let mut admin = administrator(&self.server).await;
        let Self { name, username, .. } = self;
        let _ = admin.query_drop(format!("DROP DATABASE IF EXISTS `{name}`")).await;
        let _ = admin.query_drop(format!("DROP USER IF EXISTS '{username}'@'127.0.0.1'")).await;
        let _ = admin.disconnect().await;
    }

    /// A session of the administrator in this schema.
    pub async fn session(&self) -> Conn {
        self.pool.get_conn().await.unwrap_or_else(|why| panic!("a session in {}: {why}", self.name))
    }

    /// Runs SQL, several statements if need be; answers how many rows the last one changed.
    pub async fn run(&self, sql: &str) -> u64 {
        let mut session = self.session().await;
        session.query_drop(sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
        session.affected_rows()
    }

    /// The rows of a query.
    pub async fn rows<T: FromRow + Send + 'static>(&self, sql: &str) -> Vec<T> {
        self.session().await.query(sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// The one value of a query's one row.
    pub async fn value<T: mysql_async::prelude::FromValue + Send + 'static>(&self, sql: &str) -> T {
        let found = self.session().await.query_first(sql).await;
        let found: Option<T> = found.unwrap_or_else(|why| panic!("{sql}: {why}"));
        found.unwrap_or_else(|| panic!("{sql}: no row"))
    }

    /// The names of its base tables, in the order of their bytes.
    pub async fn tables(&self) -> Vec<String> {
        let sql = "SELECT table_name FROM information_schema.tables
             WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE'";
        let mut names = self.rows(sql).await;
        names.sort();
        names
    }
}

/// Somebody else's session, which keeps the locks that it took.
pub struct Blocker(Conn);

impl Schema {
    /// Takes locks by these statements and keeps them.
    pub async fn blocker(&self, sql: &str) -> Blocker {
        let mut session = self.session().await;
        session.query_drop(sql).await.unwrap_or_else(|why| panic!("{sql}: {why}"));
        Blocker(session)
    }

    /// Locks all rows of a table, and the room for new ones; reading goes on.
    pub async fn lock_rows(&self, table: &str) -> Blocker {
        self.blocker(&format!("START TRANSACTION; SELECT * FROM {} FOR UPDATE", quoted(table))).await
    }
}

impl Blocker {
    /// Lets go of all of them.
    pub async fn release(mut self) {
        self.0.query_drop("ROLLBACK; UNLOCK TABLES").await.expect("the blocker ends its transaction");
    }
}

async fn administrator(server: &MariaDb) -> Conn {
    Conn::new(options(server)).await.expect("the launcher's administrator may log in")
}

fn options(server: &MariaDb) -> OptsBuilder {
    OptsBuilder::default()
        .ip_or_hostname("127.0.0.1")
        .tcp_port(server.port)
        .prefer_socket(false)
        .user(Some(server.admin_username.clone()))
        .pass(Some(server.admin_password.clone()))
        .setup(vec![
            "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO', sql_select_limit = 18446744073709551615, sql_quote_show_create = 1 \
             /*M!100101 , max_statement_time = 0 */ /*!50708 , max_execution_time = 0 */",
        ])
}

/// A name in backticks.
pub fn quoted(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
