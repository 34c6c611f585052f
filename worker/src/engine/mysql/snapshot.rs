//! Views of one point, and what keeps a server at the point while other sessions open theirs.
//!
//! Where a server logs each change before anybody sees it, a log that stands still meanwhile proves the point
//! without stopping anybody. Deliberately not by each view's own place: sessions of MariaDB that look at once
//! are told each other's.
//! Invariants: the session waits for a lock three seconds at most, and the server ends it, and
//! frees its locks, when it was silent for five: a worker that is frozen holds nobody up for
//! longer. Its settings come before any lock. What a server or an account cannot do is found
//! out by trying, gentlest first; a lock that did not come in time is given up.
//! Deliberately not here: `LOCK INSTANCE FOR BACKUP`. It keeps DDL away, and a table that changes
//! between the point and its reading is an error by name in any case.

use std::time::Duration;

use async_trait::async_trait;
use mysql_async::Error;

use super::super::{LogPosition, Login, Offer, Proof, Result, SnapshotLeader};
use super::connect::{RawRow, Role, Session, number_at, text_at};
use super::errors::classify;
use super::quote::{ident, text};

/// Waited for a lock, and kept by a server that hears nothing from us.
const LIMITS: &str = "SET SESSION lock_wait_timeout = 3, SESSION wait_timeout = 5";

/// The account may not, or the server has no such statement.
const UNABLE: [u16; 9] = [1044, 1045, 1064, 1142, 1143, 1227, 1370, 1193, 1235];
/// A lock did not come in time, or another backup goes on.
const BUSY: [u16; 4] = [1205, 1213, 1969, 3024];

/// How often the log is looked at while it goes on, and how long in between.
const PLACE_LOOKS: u32 = 20;
const PLACE_PAUSE: Duration = Duration::from_millis(3);

/// Tries to open all views at one place of the log; a server that commits all the time may
/// never let them.
const QUIET_ROUNDS: u32 = 8;

const SINGLE: &str = "the source is read over one session only, because the account may not stop commits for a moment, or \
     the server was too busy: grant it RELOAD (or LOCK TABLES on the database) to read with all workers";

/// How commits are stopped, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum LockMethod {
    /// The server's backup lock, which only commits wait for (MariaDB's `BACKUP STAGE`).
    CommitLock,
    /// `FLUSH TABLES WITH READ LOCK`.
    ReadLock,
    /// A read lock on each of the job's tables.
    TableLocks,
}

/// A session that finds a log that stands still, or stops commits.
pub(super) struct Leader {
    session: Session,
    /// Whether the log tells of each change; asked once.
    logs_all: Option<bool>,
    rounds: u32,
    /// Where the log ended when the newest point was offered, if that proves it.
    place: Option<LogPosition>,
    /// Where it ended, whatever proves the point.
    position: Option<LogPosition>,
    held: Option<LockMethod>,
}

impl Leader {
    /// Logs in; holds nothing yet.
    pub(super) async fn open(login: &Login) -> Result<Self> {
        let mut session = Session::open(login, Role::Look).await?;
        session.execute(LIMITS, "bound how long the point is held").await?;
        Ok(Self { session, logs_all: None, rounds: 0, place: None, position: None, held: None })
    }

    /// Whether the statements were done; those that were are taken back where one was not.
    async fn attempt(&mut self, means: LockMethod, statements: &[String]) -> Result<bool> {
        let doing = "stop commits for a moment";
        for statement in statements {
            match self.session.conn.run(statement).await {
                Ok(()) => {}
                Err(Error::Server(refused))
                    if UNABLE.contains(&refused.code) || BUSY.contains(&refused.code) =>
                {
                    tracing::info!(code = refused.code, "commits could not be stopped by {means:?}");
                    let _ = self.session.conn.run(end(means)).await;
                    return Ok(false);
                }
                Err(error) => return Err(classify(&error, doing)),
            }
        }
        self.held = Some(means);
        Ok(true)
    }

    async fn variable(&mut self, query: &str, at: usize) -> Option<String> {
        let rows = self.session.rows(query, "look at the server's log of changes").await.ok()?;
        rows.first().map(|row| text_at(row, at))
    }

    /// On MariaDB each change goes to the binary log if that is on, leaves no database out, and nothing
    /// is replicated past it. What cannot be looked at is not taken as given. A session that keeps its
    /// own changes out of the log (`sql_log_bin`, an administrator's right) is seen by nobody.
    async fn looks_logged(&mut self) -> Result<bool> {
        if !self.session.is_mariadb() {
            return Ok(false);
        }
        let on = self.variable("SELECT @@GLOBAL.log_bin", 0).await;
        let passes_on = self.variable("SELECT @@GLOBAL.log_slave_updates", 0).await;
        let replicas = self.variable("SHOW GLOBAL STATUS LIKE 'Slaves_running'", 1).await;
        if on.as_deref() != Some("1") || passes_on.as_deref() != Some("1") && replicas.as_deref() != Some("0")
        {
            return Ok(false);
        }
        let Ok(filters) = self.session.rows("SHOW MASTER STATUS", "look for filters of the log").await else {
            return Ok(false);
        };
        Ok(filters.first().is_some_and(|row| text_at(row, 2).is_empty() && text_at(row, 3).is_empty()))
    }

    /// The end of the log, when the last commit that is seen ends there too. The server tells the end
    /// at once, and the last commit late at worst, never early: it keeps the latter where other sessions
    /// that look at the same time overwrite it with places before. So equal means that nothing was
    /// between the log and the tables.
    async fn place(&mut self) -> Result<Option<LogPosition>> {
        let doing = "look where the log ends";
        for _ in 0..PLACE_LOOKS {
            let seen = self.session.rows("SHOW STATUS LIKE 'Binlog_snapshot_%'", doing).await?;
            let ends = self.session.rows("SHOW MASTER STATUS", doing).await?;
            let Some(ends) = ends.first() else { return Ok(None) };
            if seen.len() >= 2
                && [text_at(&seen[0], 1), text_at(&seen[1], 1)] == [text_at(ends, 0), text_at(ends, 1)]
            {
                return Ok(Some(position_of(ends)));
            }
            tokio::time::sleep(PLACE_PAUSE).await;
        }
        Ok(None)
    }

    /// Where the log ends, for whoever wants to know; it proves nothing.
    async fn ends(&mut self) -> Option<LogPosition> {
        let doing = "look where the log ends";
        // MySQL has dropped the old words in 8.4.
        for words in ["SHOW MASTER STATUS", "SHOW BINARY LOG STATUS"] {
            if let Ok(rows) = self.session.rows(words, doing).await {
                return rows.first().map(position_of);
            }
        }
        None
    }

    /// Stops every commit to the tables by the first means that the account may use; `None`: it may use none,
    /// or the server is too busy for all of them.
    async fn block(&mut self, tables: &[String]) -> Result<Option<LockMethod>> {
        let stages = ["BACKUP STAGE START", "BACKUP STAGE BLOCK_COMMIT"].map(str::to_owned);
        if self.session.is_mariadb() && self.attempt(LockMethod::CommitLock, &stages).await? {
            return Ok(self.held);
        }
        if self.attempt(LockMethod::ReadLock, &["FLUSH TABLES WITH READ LOCK".to_owned()]).await? {
            return Ok(self.held);
        }
        let locks: Vec<String> = tables.iter().map(|name| format!("{} READ", ident(name))).collect();
        if !locks.is_empty() {
            self.attempt(LockMethod::TableLocks, &[format!("LOCK TABLES {}", locks.join(", "))]).await?;
        }
        Ok(self.held)
    }
}

#[async_trait]
impl SnapshotLeader for Leader {
    fn identity(&self) -> &str {
        &self.session.info.server.identity
    }

    fn session_id(&self) -> u64 {
        self.session.id
    }

    /// In this order: where each change goes to the server's log, a log that stands still while the views
    /// are opened keeps nobody from writing; else commits are stopped for that moment; where neither can be
    /// done, one session reads everything: slower, and right.
    async fn open(&mut self, tables: &[String]) -> Result<Offer> {
        self.rounds += 1;
        self.place = None;
        let logs_all = match self.logs_all {
            Some(logs_all) => logs_all,
            None => self.looks_logged().await?,
        };
        self.logs_all = Some(logs_all);
        if logs_all && self.rounds <= QUIET_ROUNDS {
            self.place = self.place().await?;
        }
        self.position = self.place.clone();
        if self.place.is_some() {
            return Ok(offer(Proof::Unchanged, "Log".to_owned()));
        }
        Ok(match self.block(tables).await? {
            Some(means) => {
                self.position = self.ends().await;
                offer(Proof::Blocked, format!("{means:?}"))
            }
            None => Offer { warning: Some(SINGLE.to_owned()), ..offer(Proof::Single, "None".to_owned()) },
        })
    }

    async fn confirm(&mut self) -> Result<bool> {
        Ok(self.place.is_none() || self.place().await? == self.place)
    }

    async fn release(&mut self) -> Result<()> {
        let Some(means) = self.held.take() else { return Ok(()) };
        // The answer comes from the very session that held: had the server ended it, there were none.
        let rows = self.session.rows("SELECT CONNECTION_ID()", "look whether the point was held").await?;
        if rows.first().map(|row| number_at(row, 0)) != Some(self.session.id) {
            return Err(super::super::network::not_this_engine("hold a point", "another session answers"));
        }
        self.session.execute(end(means), "let commits go on").await
    }

    async fn position(&mut self) -> Result<Option<LogPosition>> {
        let Some(position) = self.position.clone() else { return Ok(None) };
        if !self.session.is_mariadb() {
            return Ok(Some(position));
        }
        // MariaDB reads the log for this, so not while commits stand still.
        let query = format!("SELECT BINLOG_GTID_POS({}, {})", text(&position.file), position.position);
        let rows = self.session.rows(query, "look where the log stood").await?;
        let gtid = rows.first().map(|row| text_at(row, 0)).unwrap_or_default();
        Ok(Some(LogPosition { gtid, ..position }))
    }
}

/// A line of what tells where the log ends.
fn position_of(row: &RawRow) -> LogPosition {
    LogPosition { file: text_at(row, 0), position: number_at(row, 1), gtid: text_at(row, 4) }
}

fn offer(proof: Proof, means: String) -> Offer {
    Offer { token: None, proof, means, warning: None }
}

const fn end(means: LockMethod) -> &'static str {
    match means {
        LockMethod::CommitLock => "BACKUP STAGE END",
        LockMethod::ReadLock | LockMethod::TableLocks => "UNLOCK TABLES",
    }
}

/// Marks where nothing was read yet: a return to it frees the locks of all tables read since.
const SAVEPOINT: &str = "longshore";

pub(super) async fn begin_snapshot(s: &mut Session) -> Result<()> {
    let doing = "open a consistent view";
    s.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ", doing).await?;
    s.execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY", doing).await?;
    s.execute(&format!("SAVEPOINT {SAVEPOINT}"), doing).await
}

/// Fails where the transaction is not there any more: so is its savepoint.
pub(super) async fn release_locks(s: &mut Session) -> Result<()> {
    s.execute(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"), "give back the locks of a read").await
}

pub(super) async fn end_snapshot(s: &mut Session) -> Result<()> {
    s.execute("ROLLBACK", "end the consistent view").await
}
