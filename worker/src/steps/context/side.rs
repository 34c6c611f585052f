//! One of a job's two databases: where it is, its secret once it was opened, its sessions.

use std::sync::Mutex;

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::store::connections;
use longshore_shared::vault::{Place, Secret};
use tokio::sync::OnceCell;

use super::Hands;
use crate::steps::error::StepError;

/// The secret of a connection that logs in.
const PASSWORD: &str = "password";

/// One of the two databases.
pub(super) struct Side {
    /// Where it is.
    pub(super) connection: Connection,
    password: OnceCell<Secret>,
    sessions: Mutex<Vec<u64>>,
}

impl Side {
    pub(super) fn new(connection: Connection) -> Self {
        Self { connection, password: OnceCell::new(), sessions: Mutex::default() }
    }

    /// The password, opened at the first call.
    pub(super) async fn password(&self, hands: &Hands) -> Result<Secret, StepError> {
        Ok(self.password.get_or_try_init(|| self.open(hands)).await?.clone())
    }

    /// The password, if it was opened already.
    pub(super) fn opened(&self) -> Option<Secret> {
        self.password.get().cloned()
    }

    async fn open(&self, hands: &Hands) -> Result<Secret, StepError> {
        let connection = &self.connection;
        let mut tx = hands.database.system().await?;
        let found = connections::secret(tx.conn(), connection.org_id, connection.id, PASSWORD).await?;
        tx.commit().await?;
        let (sealed, version) = found.ok_or_else(|| gone("password of a"))?;
        let place = Place {
            org_id: connection.org_id,
            table: connections::SECRETS_TABLE,
            row: connection.id.0,
            column: PASSWORD,
            version,
        };
        Ok(hands.opener.open(&sealed, &place).map_err(|error| no_key(connection.id, &error.to_string()))?)
    }

    /// A login's failure knows an address only; a person knows the connection's name.
    pub(super) fn named(&self, failure: Failure) -> Failure {
        Failure { message: format!("connection {}: {}", self.connection.name, failure.message), ..failure }
    }

    /// Keeps the number of a session that may have to be ended.
    pub(super) fn remember(&self, session_id: u64) {
        self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(session_id);
    }

    /// The sessions that were opened.
    pub(super) fn sessions(&self) -> Vec<u64> {
        self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A connection, or a part of it, is not there any more.
pub(super) fn gone(word: &str) -> Failure {
    Failure::permanent(
        FailureClass::ConnectionFailure,
        "connection_deleted",
        format!("the {word} connection of this job is not there any more"),
        "register the connection again, and a task that uses it",
    )
}

fn no_key(id: ConnectionId, why: &str) -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "key_unavailable",
        format!("the password of connection {id} cannot be opened: {why}"),
        "give the worker the private keyring that belongs to the API's public one, or register the connection anew",
    )
}
