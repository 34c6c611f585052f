//! Views of one point, which the server itself hands from one session to others.
//!
//! Nobody is kept from writing: a transaction exports its snapshot, and any other of the same database that
//! names it begins at it, as long as the first one is open.

use async_trait::async_trait;

use super::super::{Login, Offer, Proof, Result, SnapshotLeader, SnapshotToken};
use super::connect::{Session, text_at};
use super::quote::text;

/// Marks where nothing was read yet: a return to it frees the locks of all tables read since.
const SAVEPOINT: &str = "longshore";
const BEGIN: &str = "BEGIN TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY";

pub(super) async fn begin_snapshot(s: &mut Session, token: Option<&SnapshotToken>) -> Result<()> {
    let doing = "open a consistent view";
    s.rows(BEGIN, doing).await?;
    // Without a token the first query fixes the point.
    let point = match token {
        Some(SnapshotToken(token)) => format!("SET TRANSACTION SNAPSHOT {}", text(token)),
        None => "SELECT 1".to_owned(),
    };
    s.rows(&point, doing).await?;
    s.rows(&format!("SAVEPOINT {SAVEPOINT}"), doing).await?;
    Ok(())
}

/// Fails where the transaction is not there any more: so is its savepoint.
pub(super) async fn release_locks(s: &mut Session) -> Result<()> {
    s.rows(&format!("ROLLBACK TO SAVEPOINT {SAVEPOINT}"), "give back the locks of a read").await?;
    Ok(())
}

pub(super) async fn end_snapshot(s: &mut Session) -> Result<()> {
    s.rows("ROLLBACK", "end the consistent view").await?;
    Ok(())
}

/// A session that exports its snapshot.
pub(super) struct Leader(Session);

impl Leader {
    /// Logs in; exports nothing yet.
    pub(super) async fn open(login: &Login) -> Result<Self> {
        Ok(Self(Session::open(login).await?))
    }
}

#[async_trait]
impl SnapshotLeader for Leader {
    fn identity(&self) -> &str {
        &self.0.identity
    }

    fn session_id(&self) -> u64 {
        self.0.id
    }

    async fn open(&mut self, _: &[String]) -> Result<Offer> {
        let doing = "export a snapshot";
        // Of a former offer; outside of a transaction it is a notice.
        self.0.rows("ROLLBACK", doing).await?;
        self.0.rows(BEGIN, doing).await?;
        let rows = self.0.rows("SELECT pg_catalog.pg_export_snapshot()", doing).await?;
        let token = rows.first().map(|row| SnapshotToken(text_at(row, 0).to_owned()));
        Ok(Offer { token, proof: Proof::Token, means: "Export".to_owned(), warning: None })
    }

    /// The server would have refused a view of another point.
    async fn confirm(&mut self) -> Result<bool> {
        Ok(true)
    }

    async fn release(&mut self) -> Result<()> {
        end_snapshot(&mut self.0).await
    }
}
