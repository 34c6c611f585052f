//! A pooled connection in use, which never keeps its place in the pool for good.
//!
//! A PostgreSQL that accepts and never answers (frozen, or gone without a word) would keep
//! every connection that is given up in the middle of a question: sqlx's pool waits until it
//! answers. Here a connection has [`CLOSING_TIMEOUT`] to roll back and to show that it lives; after
//! that it is cut, and its place is free. What was not committed is rolled back by PostgreSQL
//! when it notices. A `BEGIN` that nobody waits for any more is rolled back too: sqlx 0.9 would
//! hand its connection on as if nothing had begun, and the next user would work in a
//! transaction that is older than it thinks.

use std::convert::Infallible;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Executor as _, PgPool, Postgres, SqlSafeStr};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::{Conn, StoreError};
use crate::telemetry::Metric;

/// How long a rollback may take, and the way back into the pool.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(5);

/// A connection, in a transaction or for one statement.
pub(super) struct Session {
    /// There until the end.
    connection: Option<PoolConnection<Postgres>>,
    /// Whether a transaction is to be rolled back.
    open: bool,
    /// Dropped with the transaction's end, for whoever waits for it.
    ending: Option<oneshot::Sender<Infallible>>,
}

/// The end of a transaction, its rollback included, which comes after the drop.
pub struct Ending(oneshot::Receiver<Infallible>);

impl Ending {
    /// Waits for it: what the transaction had locked is free then, unless PostgreSQL did not
    /// answer for some seconds.
    pub async fn wait(self) {
        let _ = self.0.await;
    }
}

impl Session {
    /// A transaction, begun by one of our own statements, or several at once.
    pub(super) async fn begin(pool: &PgPool, how: impl SqlSafeStr) -> Result<Self, StoreError> {
        let mut session = Self { connection: Some(acquire(pool).await?), open: true, ending: None };
        // In the session's hands already, so that giving up in between rolls back too.
        session.conn().execute(how.into_sql_str()).await?;
        Ok(session)
    }

    /// A connection without a transaction.
    pub(super) async fn single(pool: &PgPool) -> Result<Self, StoreError> {
        Ok(Self { connection: Some(acquire(pool).await?), open: false, ending: None })
    }

    /// The connection to run queries on.
    pub(super) fn conn(&mut self) -> &mut Conn {
        self.connection.as_mut().expect("a session has its connection until it ends")
    }

    /// The transaction's end; one asker, the last, is told of it.
    pub(super) fn ending(&mut self) -> Ending {
        let (ending, ended) = oneshot::channel();
        self.ending = Some(ending);
        Ending(ended)
    }

    /// Makes it last.
    pub(super) async fn commit(mut self) -> Result<(), StoreError> {
        self.conn().execute("COMMIT").await?;
        self.open = false;
        self.ending = None;
        Ok(())
    }
}

/// A connection of the pool; how long it was waited for is measured, however it ends.
async fn acquire(pool: &PgPool) -> Result<PoolConnection<Postgres>, StoreError> {
    let timer = Metric::DatabaseWait.timer();
    let acquired = pool.acquire().await;
    timer.stop(&[]);
    Ok(acquired?)
}

impl Drop for Session {
    fn drop(&mut self) {
        let (Some(connection), Ok(runtime)) = (self.connection.take(), Handle::try_current()) else { return };
        // A drop cannot wait; the task is bounded, and takes the place of the pool's own.
        runtime.spawn(give_back(connection, self.open, self.ending.take()));
    }
}

async fn give_back(
    mut connection: PoolConnection<Postgres>,
    open: bool,
    ending: Option<oneshot::Sender<Infallible>>,
) {
    let rolled_back = async { !open || connection.execute("ROLLBACK").await.is_ok() };
    let rolled_back = tokio::time::timeout(CLOSING_TIMEOUT, rolled_back).await.unwrap_or(false);
    drop(ending);
    if rolled_back {
        // Asks whether it lives, as the pool does; given up, its place is free too.
        let _ = tokio::time::timeout(CLOSING_TIMEOUT, connection.return_to_pool()).await;
    } else {
        drop(connection.detach());
    }
}
