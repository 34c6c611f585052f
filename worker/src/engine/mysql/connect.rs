//! One server session: login, fixed settings, transactions, named locks.
//!
//! Invariants: no pool, so no session is ever handed from one task to another; the
//! settings of `settings` hold from the login to the end; statements are text protocol
//! only and results arrive as the bytes that the column holds (`character_set_results`
//! is NULL). A session that lost its connection stays lost: a new attempt opens another.
//! Deliberately not here: address policy and name resolution (`tunnel`).

mod answer;
mod identity;
mod line;
mod login;
mod settings;

use std::collections::{BTreeMap, HashMap};

use super::super::shape::{Flavour, Server, TableShape};
use super::super::{Login, Result, network};
use super::errors;
use super::inspect::About;
use super::write::insertion::largest_statement;

pub(super) use self::answer::{BYTES as ANSWER_BYTES, TooLarge, pass_over, set};
pub(super) use self::line::Line;

/// Queries that are sent together have at most so many bytes.
const BATCH_BYTES: usize = 256 * 1024;

/// What a session is for; decides what it may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// Looks at structure.
    Look,
    /// Reads rows.
    Read,
    /// Writes rows and structure.
    Write,
}

/// What a server is, and what of it only this engine's own code asks for.
pub(super) struct Facts {
    pub(super) server: Server,
    /// The server accepts `LOAD DATA LOCAL INFILE`.
    pub(super) local_infile: bool,
    /// Statements must stay below this many bytes.
    pub(super) max_allowed_packet: u64,
    /// `innodb_autoinc_lock_mode`; 2 lets several bulk loads into one table.
    pub(super) autoinc_lock_mode: u8,
    /// Settings, of a session's start, that the server computes generated columns by.
    pub(super) computing: BTreeMap<String, String>,
}

/// A logged-in session.
pub(crate) struct Session {
    /// The driver's connection.
    pub(super) conn: Line,
    /// The server's number of it.
    pub(super) id: u64,
    /// What the server is.
    pub(super) info: Facts,
    /// The schema it works in.
    pub(super) database: String,
    /// Under which settings it computes, and under which it did when it was opened.
    pub(super) computing: BTreeMap<String, String>,
    pub(super) opened_computing: BTreeMap<String, String>,
    /// What `walk` found out about tables.
    pub(super) hints: HashMap<String, String>,
    /// What the list of tables said, for the look that follows it.
    pub(super) listed: HashMap<String, About>,
}

/// A result's row as the server sent it.
pub(super) type RawRow = Vec<Option<Vec<u8>>>;

impl Session {
    /// Logs in within the login's time-out and fixes the session's settings.
    pub(crate) async fn open(login: &Login, role: Role) -> Result<Self> {
        let doing = format!("log in to {}", login.address);
        let opened = async {
            let conn = login::connect(login, role, Some(&login.database), &doing).await?;
            settings::fix(conn, role, &doing).await
        };
        tokio::time::timeout(login.timeout, Box::pin(opened)).await.map_err(|_| network::timed_out(&doing))?
    }

    /// As [`Session::open`], to look only: bound to no database yet, and two steps, so that each
    /// can be told apart. The login's time-out is the caller's to keep.
    pub(super) async fn enter(login: &Login, doing: &str) -> Result<Line> {
        login::connect(login, Role::Look, None, doing).await
    }

    /// The second step.
    pub(super) async fn settle(conn: Line, doing: &str) -> Result<Self> {
        settings::fix(conn, Role::Look, doing).await
    }

    /// Runs a statement whose answer does not matter beyond success.
    pub(super) async fn execute(&mut self, statement: &str, doing: &str) -> Result<()> {
        self.conn.run(statement).await.map_err(|e| errors::classify(&e, doing))
    }

    /// Runs a query and returns its rows.
    pub(super) async fn rows(
        &mut self,
        query: impl AsRef<[u8]> + Send + Sync,
        doing: &str,
    ) -> Result<Vec<RawRow>> {
        self.rows_of(query.as_ref(), answer::BYTES, doing).await
    }

    /// As [`Session::rows`], of a query that tells of a whole schema.
    pub(super) async fn structure(&mut self, query: &str, doing: &str) -> Result<Vec<RawRow>> {
        self.rows_of(query.as_bytes(), answer::STRUCTURE_BYTES, doing).await
    }

    async fn rows_of(&mut self, query: &[u8], bytes: usize, doing: &str) -> Result<Vec<RawRow>> {
        self.conn.rows(query, bytes).await.map_err(|e| errors::classify(&e, doing))
    }

    /// Sends several queries in one packet, or in as few as the server takes; returns the rows of each.
    pub(super) async fn batch(&mut self, queries: &[String], doing: &str) -> Result<Vec<Vec<RawRow>>> {
        let most = self.fitting(BATCH_BYTES);
        let mut answers = Vec::with_capacity(queries.len());
        while answers.len() < queries.len() {
            let rest = &queries[answers.len()..];
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|query| {
                bytes += query.len() + 2;
                bytes <= most
            });
            let some = &rest[..fitting.count().max(1)];
            answers.extend(self.conn.batch(some).await.map_err(|e| errors::classify(&e, doing))?);
        }
        Ok(answers)
    }

    /// The bytes that a statement may have that is aimed at so many.
    pub(super) fn fitting(&self, aimed: usize) -> usize {
        aimed.min(largest_statement(self.info.max_allowed_packet))
    }

    /// Lets the session store what only a session without strict mode stores, with warnings; or no more.
    pub(super) async fn be_lax(&mut self, lax: bool, doing: &str) -> Result<()> {
        self.execute(&settings::mode(!lax), doing).await
    }

    /// Sets the texts' settings back to what they were when the session was opened.
    pub(super) async fn set_as_opened(&mut self, doing: &str) -> Result<()> {
        self.execute(&settings::needed(Role::Write), doing).await
    }

    /// Has the server compute as the source's does, as far as that is a matter of settings, generated
    /// columns as well as conditions; what it does not know stays as it is, and the proof of the table
    /// finds what comes of it.
    pub(super) async fn compute_under(&mut self, t: &TableShape, doing: &str) -> Result<()> {
        let wanted = if t.computed_under.is_empty() { &self.opened_computing } else { &t.computed_under };
        if *wanted == self.computing {
            return Ok(());
        }
        settings::compute_under(&mut self.conn, wanted).await.map_err(|e| errors::classify(&e, doing))?;
        self.computing.clone_from(wanted);
        Ok(())
    }

    /// Whether the server is MariaDB.
    pub(super) fn is_mariadb(&self) -> bool {
        self.info.server.flavour == Flavour::Mariadb
    }
}

fn raw(row: mysql_async::Row) -> RawRow {
    row.unwrap()
        .into_iter()
        .map(|value| match value {
            mysql_async::Value::NULL => None,
            mysql_async::Value::Bytes(bytes) => Some(bytes),
            // The text protocol has no other kind of value.
            other => Some(other.as_sql(true).into_bytes()),
        })
        .collect()
}

/// A row's value as text; NULL and a missing column are empty.
pub(super) fn text_at(row: &RawRow, at: usize) -> String {
    optional_at(row, at).unwrap_or_default()
}

/// A row's value as text; NULL and a missing column are `None`.
pub(super) fn optional_at(row: &RawRow, at: usize) -> Option<String> {
    row.get(at)?.as_ref().map(|bytes| String::from_utf8_lossy(bytes).into_owned())
}

/// A row's value as a number; NULL, a missing column and other text are 0.
pub(super) fn number_at(row: &RawRow, at: usize) -> u64 {
    optional_at(row, at).and_then(|text| text.parse().ok()).unwrap_or(0)
}

pub(super) async fn begin(s: &mut Session) -> Result<()> {
    let doing = "begin a transaction";
    s.execute("SET TRANSACTION ISOLATION LEVEL READ COMMITTED", doing).await?;
    s.execute("START TRANSACTION", doing).await
}

pub(super) async fn commit(s: &mut Session) -> Result<()> {
    s.execute("COMMIT", "commit").await
}

pub(super) async fn rollback(s: &mut Session) -> Result<()> {
    s.execute("ROLLBACK", "roll back").await
}
