//! The driver's connection, and its end.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::time::Duration;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, DriverError, QueryResult, TextProtocol};
use tokio::runtime::Handle;

use super::super::super::Seat;
use super::{RawRow, answer};

/// How long a farewell may take: a statement that still runs answers none. Less than the driver
/// waits itself, so that what it did not see is not taken for done.
const CLOSING_TIMEOUT: Duration = Duration::from_millis(900);

/// A connection that says farewell when it is dropped, and only then gives its seat back, so
/// that the session after it does not come on top of it. The driver's own farewell would read
/// what the server still sends, as long as it sends.
pub(crate) struct Line {
    conn: Option<Conn>,
    seat: Option<Arc<Seat>>,
    /// What the server takes in a packet: it ends the session over a larger one.
    largest: usize,
}

impl Line {
    pub(super) fn new(conn: Conn, seat: Option<Arc<Seat>>) -> Self {
        Self { conn: Some(conn), seat, largest: usize::MAX }
    }

    /// The server was heard to take no larger packets than this.
    pub(super) fn bound(&mut self, max_allowed_packet: u64) {
        self.largest = usize::try_from(max_allowed_packet).unwrap_or(usize::MAX);
    }

    /// Runs a statement whose answer does not matter beyond success.
    pub(in super::super) async fn run(&mut self, statement: impl AsRef<[u8]>) -> mysql_async::Result<()> {
        self.check(statement.as_ref())?;
        answer::none(self, statement.as_ref()).await
    }

    /// Asks for rows, which the caller reads.
    pub(in super::super) async fn ask(
        &mut self,
        query: Vec<u8>,
    ) -> mysql_async::Result<QueryResult<'_, 'static, TextProtocol>> {
        self.check(&query)?;
        self.query_iter(query).await
    }

    /// As `answer::rows`.
    pub(super) async fn rows(&mut self, query: &[u8], bytes: usize) -> mysql_async::Result<Vec<RawRow>> {
        self.check(query)?;
        answer::rows(self, query, bytes).await
    }

    /// As `answer::batch`.
    pub(super) async fn batch(&mut self, queries: &[String]) -> mysql_async::Result<Vec<Vec<RawRow>>> {
        answer::batch(self, queries).await
    }

    fn check(&self, statement: &[u8]) -> mysql_async::Result<()> {
        // The packet has a byte before the statement.
        if statement.len() < self.largest { Ok(()) } else { Err(DriverError::PacketTooLarge.into()) }
    }
}

impl Deref for Line {
    type Target = Conn;

    fn deref(&self) -> &Conn {
        self.conn.as_ref().expect("the connection is there until the line is dropped")
    }
}

impl DerefMut for Line {
    fn deref_mut(&mut self) -> &mut Conn {
        self.conn.as_mut().expect("the connection is there until the line is dropped")
    }
}

impl Drop for Line {
    fn drop(&mut self) {
        let seat = self.seat.take();
        // Without a runtime the driver does what it can.
        let (Some(conn), Ok(runtime)) = (self.conn.take(), Handle::try_current()) else {
            return;
        };
        runtime.spawn(async move {
            // Ends when the server closes its end: by then it counts the session no more.
            let gone = matches!(tokio::time::timeout(CLOSING_TIMEOUT, conn.disconnect()).await, Ok(Ok(())));
            if let Some(seat) = seat.filter(|_| !gone) {
                seat.is_loose();
            }
        });
    }
}
