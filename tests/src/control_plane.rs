//! A metadata database of a test's own, and a look into it past all policies.

use std::str::FromStr as _;

use sha2::{Digest as _, Sha256};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Executor as _, PgPool};
use url::Url;

use crate::place;
use crate::servers::Servers;
use crate::wait::{seconds, until};

/// A test's metadata database.
pub struct ControlPlane {
    /// Its name.
    pub name: String,
    /// Its URL as the schema's owner.
    pub owner_url: String,
    /// Its URL as the API's role.
    pub api_url: String,
    /// Its URL as the fleet's role.
    pub system_url: String,
    /// Its URL as the superuser.
    pub admin_url: String,
    /// The superuser, for looking and for planting.
    pub admin: PgPool,
}

impl ControlPlane {
    /// Makes an empty database with the roles' rights; no migration is applied.
    pub async fn make(servers: &Servers) -> Self {
        let urls = servers.postgres();
        let name = format!("longshore_{}", place::fresh_name());
        let maker = pool(&urls.admin, 1);
        let create = format!("CREATE DATABASE {name} OWNER longshore_owner");
        maker.execute(AssertSqlSafe(create)).await.expect("the superuser makes a database");
        maker.close().await;

        let admin_url = of_database(&urls.admin, &name);
        let admin = pool(&admin_url, 4);
        let rights = place::repository().join("deploy/postgres/database.sql");
        let rights = std::fs::read_to_string(rights).expect("deploy/postgres/database.sql is there");
        admin.execute(AssertSqlSafe(rights)).await.expect("the rights are granted");
        Self {
            owner_url: of_database(&urls.owner, &name),
            api_url: of_database(&urls.api, &name),
            system_url: of_database(&urls.system, &name),
            admin_url,
            name,
            admin,
        }
    }

    /// Runs a statement as the superuser; answers how many rows it changed.
    pub async fn run(&self, sql: &str) -> u64 {
        let done = self.admin.execute(AssertSqlSafe(sql.to_owned())).await;
        done.unwrap_or_else(|why| panic!("{sql}: {why}")).rows_affected()
    }

    /// The one value of a query's one row, as the superuser sees it.
    pub async fn value<T>(&self, sql: &str) -> T
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let found = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_one(&self.admin).await;
        found.unwrap_or_else(|why| panic!("{sql}: {why}"))
    }

    /// The first column of a query's rows.
    pub async fn column<T>(&self, sql: &str) -> Vec<T>
    where
        T: Send + Unpin + for<'r> sqlx::Decode<'r, sqlx::Postgres> + sqlx::Type<sqlx::Postgres>,
    {
        let found = sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&self.admin).await;
        found.unwrap_or_else(|why| panic!("{sql}: {why}"))
    }
}

/// Row locks on the control plane, kept until it is dropped.
pub struct Gate {
    tx: sqlx::Transaction<'static, sqlx::Postgres>,
    pid: i32,
}

impl ControlPlane {
    /// Keeps steps of a kind from being announced: whoever would announce one waits.
    pub async fn gate(&self, job: &str, kind: &str) -> Gate {
        let mut tx = self.admin.begin().await.expect("a transaction");
        let sql = format!(
            "SELECT id FROM steps WHERE job_id = '{job}' AND kind = '{kind}' AND state = 'waiting' FOR UPDATE"
        );
        let locked = (&mut *tx).execute(AssertSqlSafe(sql)).await.expect("the steps are locked");
        assert!(locked.rows_affected() > 0, "a step {kind} of job {job} waits");
        let pid = sqlx::query_scalar("SELECT pg_backend_pid()").fetch_one(&mut *tx).await.expect("a number");
        Gate { tx, pid }
    }

    /// Waits until somebody stands before the gate.
    pub async fn stands_before(&self, gate: &Gate) {
        let sql =
            format!("SELECT count(*) FROM pg_stat_activity WHERE {} = ANY (pg_blocking_pids(pid))", gate.pid);
        until("somebody stands before the gate", seconds(30), async || {
            (self.value::<i64>(&sql).await > 0).then_some(())
        })
        .await;
    }
}

impl Gate {
    /// Lets everybody through.
    pub async fn open(self) {
        self.tx.rollback().await.expect("the locks are given back");
    }
}

impl ControlPlane {
    /// Makes another organisation with one token that grants `permission`; answers the token.
    pub async fn organisation(&self, name: &str, permission: &str) -> String {
        let (token, digest) = token(name);
        let sql = format!(
            "WITH made AS (INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), '{name}') RETURNING id)
             INSERT INTO tokens (org_id, id, name, sha256, permissions)
             SELECT id, id, 'theirs', '\\x{digest}', '{{{permission}}}' FROM made"
        );
        assert_eq!(self.run(&sql).await, 1);
        token
    }
}

/// A token that looks like one of Longshore's, and the digest that is kept of it.
pub fn token(name: &str) -> (String, String) {
    let token = format!("ls_{name:x<43}");
    let digest = Sha256::digest(&token).iter().map(|byte| format!("{byte:02x}")).collect();
    (token, digest)
}

/// A pool that connects when it is used.
pub fn pool(url: &str, connections: u32) -> PgPool {
    let options = PgConnectOptions::from_str(url).expect("the launcher's URL parses");
    PgPoolOptions::new().max_connections(connections).connect_lazy_with(options)
}

fn of_database(url: &str, name: &str) -> String {
    let mut url = Url::parse(url).expect("the launcher's URL parses");
    url.set_path(name);
    url.into()
}
