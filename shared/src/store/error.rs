//! What can go wrong between us and the control plane's PostgreSQL.

use crate::domain::UnknownWord;
use crate::failpoint::Injected;
use crate::telemetry::{DatabaseTrouble, Metric};

/// A failed call to the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// PostgreSQL could not be reached, refused, or lost the connection.
    #[error("control-plane database: {0}")]
    Database(#[source] sqlx::Error),
    /// PostgreSQL took the question and did not answer in time.
    #[error("control-plane database: no answer in time")]
    NoAnswer,
    /// A unique key is taken; the constraint says which.
    #[error("already there: {constraint}")]
    Taken {
        /// The constraint's or unique index's name.
        constraint: String,
    },
    /// A row holds something that this release does not know.
    #[error("a stored row does not read: {0}")]
    Row(String),
    /// A migration failed.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        if let Some(db) = error.as_database_error()
            && db.is_unique_violation()
            && let Some(constraint) = db.constraint()
        {
            return Self::Taken { constraint: constraint.to_owned() };
        }
        let error = Self::Database(error);
        error.count();
        error
    }
}

impl From<UnknownWord> for StoreError {
    fn from(error: UnknownWord) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Row(error.to_string())
    }
}

impl From<std::num::TryFromIntError> for StoreError {
    fn from(error: std::num::TryFromIntError) -> Self {
        Self::Row(error.to_string())
    }
}

/// A test's fault looks like a PostgreSQL that does not answer.
impl From<Injected> for StoreError {
    fn from(_: Injected) -> Self {
        Self::Database(sqlx::Error::PoolTimedOut)
    }
}

impl StoreError {
    /// Counts a call that failed.
    pub(super) fn count(&self) {
        if let Some(trouble) = self.trouble() {
            Metric::DatabaseErrors.increment(&[("trouble", trouble.as_str())]);
        }
    }

    /// What of PostgreSQL's it is; `None`: it has answered, and not with a failure.
    fn trouble(&self) -> Option<DatabaseTrouble> {
        let error = match self {
            Self::NoAnswer => return Some(DatabaseTrouble::NoAnswer),
            Self::Database(error) => error,
            Self::Taken { .. } | Self::Row(_) | Self::Migration(_) => return None,
        };
        Some(match error {
            sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed => DatabaseTrouble::Away,
            sqlx::Error::PoolTimedOut => DatabaseTrouble::NoConnection,
            sqlx::Error::Database(db) => match db.code().as_deref() {
                Some("57014" | "25P03") => DatabaseTrouble::NoAnswer,
                Some(code) if code.starts_with("40") => DatabaseTrouble::Conflict,
                Some(code) if ["08", "53", "57P"].iter().any(|away| code.starts_with(away)) => {
                    DatabaseTrouble::Away
                }
                _ => DatabaseTrouble::Refused,
            },
            _ => DatabaseTrouble::Refused,
        })
    }

    /// Whether the database is out of reach for now, so that trying again later helps.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Database(sqlx::Error::Database(db)) => {
                // 08: connection, 53: resources, 57P: shutdown, 57014: statement time-out,
                // 25P03: idle too long in a transaction, 40: serialisation and deadlock
                db.code().is_some_and(|c| {
                    ["08", "53", "57P", "57014", "40", "25P03"].iter().any(|p| c.starts_with(p))
                })
            }
            Self::Database(
                sqlx::Error::Io(_)
                | sqlx::Error::PoolTimedOut
                | sqlx::Error::PoolClosed
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::Protocol(_)
                | sqlx::Error::Tls(_),
            )
            | Self::NoAnswer => true,
            _ => false,
        }
    }
}
