//! The pool, and the only ways to a transaction on it.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::pool::PoolConnection;
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{Connection as _, PgPool, Postgres, Transaction};

use super::begin::Begin;
use super::{Conn, StoreError};
use crate::domain::id::OrgId;

/// How long a call waits for a free connection before it says that there is none.
const ACQUIRE: Duration = Duration::from_secs(5);
/// Begins a transaction whose queries all see one moment.
const MOMENT: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";

/// A connection that was used within this time is taken without asking whether it lives: a
/// call that finds it dead is tried again as after any outage.
const FRESH: Duration = Duration::from_secs(1);

/// A pool of connections to the control plane. Cheap to clone.
#[derive(Clone)]
pub struct Database {
    pool: PgPool,
}

impl Database {
    /// Makes the pool; connects at the first use, so a process starts while PostgreSQL
    /// is away. The URL's password never appears in an error.
    pub fn new(url: &str, connections: u32, application: &str) -> Result<Self, StoreError> {
        let options = PgConnectOptions::from_str(url)
            .map_err(|_| StoreError::Row("the database URL does not parse".to_owned()))?
            .application_name(application)
            // A statement that hangs must not outlive the leases that depend on it.
            .options([("statement_timeout", "20s"), ("idle_in_transaction_session_timeout", "30s")]);
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(ACQUIRE)
            .test_before_acquire(false)
            .before_acquire(|conn, meta| {
                Box::pin(async move { Ok(meta.idle_for < FRESH || conn.ping().await.is_ok()) })
            })
            .connect_lazy_with(options);
        Ok(Self { pool })
    }

    /// A transaction in which row-level security shows one organisation.
    pub async fn org(&self, org_id: OrgId) -> Result<OrgTx, StoreError> {
        let mut tx = Begin::new(&self.pool, None).await?;
        sqlx::query!("SELECT set_config('longshore.org', $1, true)", org_id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        Ok(OrgTx { tx, org_id })
    }

    /// As [`Database::org`], read only, and all its queries see one moment.
    pub async fn org_moment(&self, org_id: OrgId) -> Result<OrgTx, StoreError> {
        let mut tx = Begin::new(&self.pool, Some(MOMENT)).await?;
        sqlx::query!("SELECT set_config('longshore.org', $1, true)", org_id.to_string())
            .fetch_one(&mut *tx)
            .await?;
        Ok(OrgTx { tx, org_id })
    }

    /// A transaction of the fleet's own processes; the role's policy lets it through.
    pub async fn system(&self) -> Result<SystemTx, StoreError> {
        Ok(SystemTx { tx: Begin::new(&self.pool, None).await? })
    }

    /// A connection of the fleet's own processes for one statement, which is a transaction by
    /// itself: three round trips become one.
    pub async fn single(&self) -> Result<SystemConn, StoreError> {
        Ok(SystemConn { conn: self.pool.acquire().await? })
    }

    /// Whether PostgreSQL answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        sqlx::query!("SELECT 1 AS one").fetch_one(&self.pool).await?;
        Ok(())
    }

    /// Closes the pool once its transactions have ended.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }
}

/// The time by the database's clock, which decides what is due.
pub async fn now(conn: &mut Conn) -> Result<DateTime<Utc>, StoreError> {
    let row = sqlx::query!(r#"SELECT clock_timestamp() AS "now!""#).fetch_one(conn).await?;
    Ok(row.now)
}

/// A transaction of one organisation.
pub struct OrgTx {
    tx: Transaction<'static, Postgres>,
    org_id: OrgId,
}

impl OrgTx {
    /// The organisation.
    pub fn org_id(&self) -> OrgId {
        self.org_id
    }

    /// The connection to run queries on.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.tx
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

/// A transaction of the fleet.
pub struct SystemTx {
    tx: Transaction<'static, Postgres>,
}

impl SystemTx {
    /// The connection to run queries on.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.tx
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.tx.commit().await?)
    }
}

/// A connection of the fleet without a transaction.
pub struct SystemConn {
    conn: PoolConnection<Postgres>,
}

impl SystemConn {
    /// The connection to run one statement on.
    pub fn conn(&mut self) -> &mut Conn {
        &mut self.conn
    }
}
