//! One server session that reads: login, fixed settings, queries in text.
//!
//! Invariants: no pool, so no session is ever handed from one task to another; the settings hold from the
//! login to the end, and no name is looked up in a schema that was not said; the session's bytes move only
//! while something is asked of it ([`carry`]).

mod guard;
mod login;
mod tls;

use std::future::poll_fn;
use std::sync::Arc;

use longshore_shared::domain::failure::Failure;
use tokio_postgres::{Client, Error, SimpleQueryMessage, SimpleQueryRow};

pub(super) use self::guard::Refused;
pub(super) use self::login::{Carrier, Line, connect};
use super::super::{Login, Result, Seat, network};
use super::errors;

/// Values are written so that no bit is lost and alike on every server. A row that a policy hides is an
/// error, not a row less.
const SETTINGS: &str = "SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres'; \
    SET extra_float_digits = 3; SET bytea_output = 'hex'; SET standard_conforming_strings = on; \
    SET row_security = off; SET statement_timeout = 0; SET idle_in_transaction_session_timeout = 0; \
    SET search_path = ''";
/// Asked before the search path is emptied.
const ABOUT: &str = "SELECT pg_catalog.pg_backend_pid()::text, pg_catalog.current_database(), \
    COALESCE(pg_catalog.current_schema(), 'public'), \
    (SELECT system_identifier::text FROM pg_catalog.pg_control_system())";

/// A logged-in session that reads structure and rows.
pub(super) struct Session {
    pub(super) line: Line,
    /// The server's number of it.
    pub(super) id: u64,
    pub(super) identity: String,
    pub(super) database: String,
    /// The schema that names of tables are of.
    pub(super) schema: String,
    seat: Option<Arc<Seat>>,
}

impl Session {
    /// Logs in within the login's time-out and fixes the session's settings.
    pub(super) async fn open(login: &Login) -> Result<Self> {
        let doing = format!("log in to {}", login.address);
        let opened = async {
            let mut line = connect(login, true, &doing).await.map_err(|halt| halt.failure)?;
            let Line { client, carrier, .. } = &mut line;
            let asked = async {
                let about = rows(client, ABOUT, &doing).await?;
                rows(client, SETTINGS, &doing).await?;
                Ok(about)
            };
            let about = carry(carrier, &doing, asked).await?;
            let said = |at| about.first().map(|row| text_at(row, at).to_owned()).unwrap_or_default();
            Ok(Self {
                line,
                id: said(0).parse().unwrap_or(0),
                identity: format!("postgresql {}", said(3)),
                database: said(1),
                schema: said(2),
                seat: login.seat.clone(),
            })
        };
        tokio::time::timeout(login.timeout, Box::pin(opened)).await.map_err(|_| network::timed_out(&doing))?
    }

    /// Runs a query and returns its rows in text.
    pub(super) async fn rows(&mut self, query: &str, doing: &str) -> Result<Vec<SimpleQueryRow>> {
        let Line { client, carrier, .. } = &mut self.line;
        carry(carrier, doing, rows(client, query, doing)).await
    }
}

/// Nobody waits until the server has closed the session.
impl Drop for Session {
    fn drop(&mut self) {
        self.seat.iter().for_each(|seat| seat.is_loose());
    }
}

/// Moves a session's bytes while something is asked of it.
pub(super) async fn carry<T>(
    carrier: &mut Carrier,
    doing: &str,
    asked: impl Future<Output = Result<T>>,
) -> Result<T> {
    tokio::select! {
        // Whatever was asked last is answered by the same error.
        biased;
        answer = asked => answer,
        error = poll_fn(|cx| carrier.poll_end(cx)) => Err(ended(error.as_ref(), doing)),
    }
}

/// Why a session is over.
pub(super) fn ended(error: Option<&Error>, doing: &str) -> Failure {
    match error {
        Some(error) => errors::classify(error, doing),
        None => network::of_io(&std::io::ErrorKind::UnexpectedEof.into(), doing),
    }
}

/// The rows of a query in text.
pub(super) async fn rows(client: &Client, query: &str, doing: &str) -> Result<Vec<SimpleQueryRow>> {
    let answer = client.simple_query(query).await.map_err(|error| errors::classify(&error, doing))?;
    let row = |message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    };
    Ok(answer.into_iter().filter_map(row).collect())
}

/// A row's value; NULL and a missing column are empty.
pub(super) fn text_at(row: &SimpleQueryRow, at: usize) -> &str {
    row.try_get(at).ok().flatten().unwrap_or_default()
}
