//! The pool, and the only ways to a transaction on it.

use std::str::FromStr;
use std::time::Duration;

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnectOptions, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection as _, PgPool};

use super::session::{Ending, Session};
use super::{Conn, StoreError, within};
use crate::domain::id::OrgId;
use crate::telemetry::{Metric, PoolState, before_scrapes};

/// How long a call waits for a free connection before it says that there is none.
const ACQUIRE: Duration = Duration::from_secs(5);
/// A connection that was used within this time is taken without asking whether it lives: a
/// call that finds it dead is tried again as after any outage.
const FRESH: Duration = Duration::from_secs(1);

/// How long an answer to the smallest question may take.
const PING: Duration = Duration::from_secs(5);

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
            .map_err(|_| StoreError::Url)?
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
        // In one round trip. A UUID's own spelling holds nothing but digits, letters and dashes.
        let begin = format!("BEGIN; SELECT set_config('longshore.org', '{org_id}', true)");
        Ok(OrgTx { session: Session::begin(&self.pool, AssertSqlSafe(begin)).await?, org_id })
    }

    /// As [`Database::org`], read only, and all its queries see one moment.
    pub async fn org_moment(&self, org_id: OrgId) -> Result<OrgTx, StoreError> {
        // A list's filters are there or not: a plan that is made for all of them suits none.
        let begin = format!(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
             SELECT set_config('longshore.org', '{org_id}', true),
                    set_config('plan_cache_mode', 'force_custom_plan', true)"
        );
        Ok(OrgTx { session: Session::begin(&self.pool, AssertSqlSafe(begin)).await?, org_id })
    }

    /// A transaction of the fleet's own processes; the role's policy lets it through.
    pub async fn system(&self) -> Result<SystemTx, StoreError> {
        Ok(SystemTx { session: Session::begin(&self.pool, "BEGIN").await? })
    }

    /// A connection of the fleet's own processes for one statement, which is a transaction by
    /// itself: three round trips become one.
    pub async fn single(&self) -> Result<SystemConn, StoreError> {
        Ok(SystemConn { session: Session::single(&self.pool).await? })
    }

    /// Whether PostgreSQL answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        within(PING, async {
            sqlx::query!("SELECT 1 AS one").fetch_one(&self.pool).await?;
            Ok(())
        })
        .await
    }

    /// Shows the pool's connections among the metrics, under this name.
    pub fn show_as(&self, name: &'static str) {
        let pool = self.pool.clone();
        before_scrapes(move || {
            let idle = u32::try_from(pool.num_idle()).unwrap_or(u32::MAX);
            let used = pool.size().saturating_sub(idle);
            for (state, connections) in [(PoolState::Idle, idle), (PoolState::Used, used)] {
                let labels = [("pool", name), ("state", state.as_str())];
                Metric::DatabaseConnections.set(f64::from(connections), &labels);
            }
        });
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

/// Lets row-level security show one organisation until the transaction ends.
async fn show(conn: &mut Conn, org_id: OrgId) -> Result<(), StoreError> {
    sqlx::query!("SELECT set_config('longshore.org', $1, true)", org_id.to_string()).fetch_one(conn).await?;
    Ok(())
}

/// A transaction of one organisation.
pub struct OrgTx {
    session: Session,
    org_id: OrgId,
}

impl OrgTx {
    /// The organisation.
    pub fn org_id(&self) -> OrgId {
        self.org_id
    }

    /// The connection to run queries on.
    pub fn conn(&mut self) -> &mut Conn {
        self.session.conn()
    }

    /// Sees another organisation from now on, and not the one before.
    pub async fn turn_to(&mut self, org_id: OrgId) -> Result<(), StoreError> {
        show(self.session.conn(), org_id).await?;
        self.org_id = org_id;
        Ok(())
    }

    /// Its end, however it comes: a dropped one is rolled back a little later.
    pub fn ending(&mut self) -> Ending {
        self.session.ending()
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }
}

/// A transaction of the fleet.
pub struct SystemTx {
    session: Session,
}

impl SystemTx {
    /// The connection to run queries on.
    pub fn conn(&mut self) -> &mut Conn {
        self.session.conn()
    }

    /// Makes it last.
    pub async fn commit(self) -> Result<(), StoreError> {
        self.session.commit().await
    }
}

/// A connection of the fleet without a transaction.
pub struct SystemConn {
    session: Session,
}

impl SystemConn {
    /// The connection to run one statement on.
    pub fn conn(&mut self) -> &mut Conn {
        self.session.conn()
    }
}
