//! One point of a source that the views of many sessions, on many workers, begin at.
//!
//! Whoever leads has a [`CommitBlocker`]; the others have readers that are logged in and wait. It
//! stops commits, all readers open their views ([`super::Reader::begin_snapshot`]) and report, it
//! lets commits go on, and only if the server confirms that it held until then is the point proven.
//! Where a server logs each change before anybody sees it, a log that stands still meanwhile
//! ([`CommitBlocker::place`]) proves the same without stopping anybody. Deliberately not by each view's own
//! place: sessions of MariaDB that look at once are told each other's.

use async_trait::async_trait;
use longshore_shared::domain::connection::{Engine, EngineGroup};
use serde::{Deserialize, Serialize};

use super::{Login, Result, mysql, not_yet};

/// How commits are stopped, the gentlest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LockMethod {
    /// The server's backup lock, which only commits wait for (MariaDB's `BACKUP STAGE`).
    CommitLock,
    /// `FLUSH TABLES WITH READ LOCK`.
    ReadLock,
    /// A read lock on each of the job's tables.
    TableLocks,
}

/// Keeps a source at one point for a moment. It never holds longer than a few seconds: the
/// server frees what it holds by itself if it falls silent.
#[async_trait]
pub trait CommitBlocker: Send {
    /// The server's identity, which every session of the point must have.
    fn identity(&self) -> &str;

    /// The server's number of this session.
    fn number(&self) -> u64;

    /// Whether each change goes to the server's log, so that equal places of it prove that all views
    /// that were opened in between see the same state.
    async fn logs_all(&mut self) -> Result<bool>;

    /// Where the log ends; `None`: changes go on all the time, and what is logged is not yet seen.
    async fn place(&mut self) -> Result<Option<String>>;

    /// Stops every commit to the tables by the first means that the account may use, and
    /// answers which; `None`: it may use none, or the server is too busy for all of them.
    async fn block(&mut self, tables: &[String]) -> Result<Option<LockMethod>>;

    /// Lets commits go on. An error says that they may have gone on before: then what was
    /// opened meanwhile proves nothing.
    async fn unblock(&mut self) -> Result<()>;
}

/// Opens a session that keeps a source at a point.
pub async fn open(engine: Engine, login: &Login) -> Result<Box<dyn CommitBlocker>> {
    match engine.group() {
        EngineGroup::Mysql => Ok(Box::new(mysql::MysqlCommitBlocker::open(login).await?)),
        EngineGroup::Postgresql => Err(not_yet(engine)),
    }
}
