//! What can go wrong between us and the control plane's PostgreSQL.

use std::error::Error;
use std::fmt;

use crate::domain::UnknownWord;
use crate::failpoint::Injected;
use crate::telemetry::{DatabaseTrouble, Metric};

/// A failed call to the store. Its text includes that of what it wraps, so its `source` is what stands
/// behind that: nothing is told twice.
#[derive(Debug)]
pub enum StoreError {
    /// PostgreSQL could not be reached, refused, or lost the connection.
    Database(sqlx::Error),
    /// PostgreSQL took the question and did not answer in time.
    NoAnswer,
    /// A unique key is taken; the constraint says which.
    Taken {
        /// The constraint's or unique index's name.
        constraint: String,
    },
    /// A row holds something that this release does not know.
    Row(RowError),
    /// The database's URL does not parse; it is not told, since it holds a password.
    Url,
    /// A migration failed.
    Migration(sqlx::migrate::MigrateError),
}

/// Why a stored row does not read.
#[derive(Debug, thiserror::Error)]
pub enum RowError {
    /// A word that is none of its column's.
    #[error(transparent)]
    Word(#[from] UnknownWord),
    /// JSON of another form.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A number that does not fit.
    #[error(transparent)]
    Number(#[from] std::num::TryFromIntError),
    /// A row that belongs to another one is not there.
    #[error("{0} is not there")]
    Absent(&'static str),
    /// A settlement's answer that nobody knows.
    #[error("a settlement answered `{0}`")]
    Answer(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Database(error) => write!(f, "control-plane database: {error}"),
            Self::NoAnswer => f.write_str("control-plane database: no answer in time"),
            Self::Taken { constraint } => write!(f, "already there: {constraint}"),
            Self::Row(error) => write!(f, "a stored row does not read: {error}"),
            Self::Url => f.write_str("the database URL does not parse"),
            Self::Migration(error) => write!(f, "migration: {error}"),
        }
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Database(error) => error.source(),
            Self::Row(error) => error.source(),
            Self::Migration(error) => error.source(),
            Self::NoAnswer | Self::Taken { .. } | Self::Url => None,
        }
    }
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
        Self::Row(error.into())
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Row(error.into())
    }
}

impl From<std::num::TryFromIntError> for StoreError {
    fn from(error: std::num::TryFromIntError) -> Self {
        Self::Row(error.into())
    }
}

impl From<sqlx::migrate::MigrateError> for StoreError {
    fn from(error: sqlx::migrate::MigrateError) -> Self {
        Self::Migration(error)
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
            Self::Taken { .. } | Self::Row(_) | Self::Url | Self::Migration(_) => return None,
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

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::error::Error as _;

    use super::{RowError, StoreError};

    #[test]
    fn each_cause_is_told_once() {
        let json = serde_json::from_str::<u8>("x").unwrap_err();
        let refused = std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        for error in [StoreError::from(json), StoreError::Database(sqlx::Error::Io(refused))] {
            let mut chain = Vec::new();
            let mut next = error.source();
            while let Some(cause) = next {
                chain.push(cause.to_string());
                next = cause.source();
            }
            let told = error.to_string();
            let behind = told.split_once(": ").unwrap().1;
            assert!(chain.iter().all(|cause| cause != behind), "{told}: {chain:?}");
        }
    }

    #[test]
    fn what_does_not_read_keeps_its_cause() {
        let wrong = serde_json::from_str::<u8>("x").unwrap_err();
        assert!(matches!(StoreError::from(wrong), StoreError::Row(RowError::Json(_))));
        assert_eq!(
            StoreError::Row(RowError::Absent("a step's job")).to_string(),
            "a stored row does not read: a step's job is not there"
        );
    }
}
