//! One of a job's two databases: where it is, its secret once it was opened, its sessions.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::{self, SystemTx, connections};
use tokio::sync::{OnceCell, Semaphore};

use super::WorkerResources;
use crate::engine::{self, Driver, Login, Seat};
use crate::steps::error::StepError;
use crate::steps::secrets::{self, changed};
use crate::tunnel::{Credentials, Sharing, Trail};

/// How long the end of a session is waited for.
const CLOSING: Duration = Duration::from_secs(2);

/// One of the two databases.
pub(in crate::steps) struct Side {
    /// Where it is.
    pub(in crate::steps) connection: Connection,
    /// Where its password is if it was given for the job.
    given: (JobId, SecretName),
    credentials: OnceCell<Credentials>,
    sessions: Mutex<Vec<u64>>,
    /// Not the step's own: looked at, and not ended with it.
    watched: Mutex<Vec<u64>>,
    /// As many as the step may have open at once.
    seats: Arc<Semaphore>,
    seated: u32,
    /// Sessions that may go on at the server although they were left.
    loose: Arc<AtomicU32>,
}

impl Side {
    /// A side on which the step opens `sessions` at once.
    pub(in crate::steps) fn new(connection: Connection, given: (JobId, SecretName), sessions: i16) -> Self {
        let seated = u32::try_from(sessions.max(1)).unwrap_or(1);
        let seats = Arc::new(Semaphore::new(usize::try_from(seated).unwrap_or(1)));
        let credentials = OnceCell::new();
        let (sessions, watched) = (Mutex::default(), Mutex::default());
        Self { connection, given, credentials, sessions, watched, seats, seated, loose: Arc::default() }
    }

    /// The right to one more session; waits until the one before is closed. A step that needs
    /// more than its kind says gets it all the same, late, and the log tells.
    pub(in crate::steps) async fn seat(&self) -> Option<Arc<Seat>> {
        let seat = Arc::clone(&self.seats).acquire_owned();
        match tokio::time::timeout(CLOSING, seat).await {
            Ok(seat) => seat.ok().map(|permit| Arc::new(Seat::new(permit, Arc::clone(&self.loose)))),
            Err(_) => {
                tracing::warn!(connection = %self.connection.id, "a step opens more sessions than its kind says");
                None
            }
        }
    }

    /// Waits until every session is closed, within bounds.
    pub(in crate::steps) async fn closed(&self) {
        let _ = tokio::time::timeout(CLOSING, self.seats.acquire_many(self.seated)).await;
    }

    /// Whether a session that was left is to be ended: where sessions are counted, one that saw its
    /// server close it is not.
    pub(in crate::steps) fn is_to_be_ended(&self) -> bool {
        self.connection.max_sessions.is_none() || self.loose.load(Ordering::SeqCst) > 0
    }

    /// A seat for whoever ends others, once those have had the time to end by themselves; none where
    /// nobody counts.
    pub(in crate::steps) async fn last_seat(&self) -> Option<Arc<Seat>> {
        match self.connection.max_sessions {
            Some(_) => self.seat().await,
            None => None,
        }
    }

    /// What it logs in with, opened at the first call.
    pub(super) async fn credentials(&self, resources: &WorkerResources) -> Result<Credentials, StepError> {
        Ok(self.credentials.get_or_try_init(|| self.open(resources)).await?.clone())
    }

    async fn open(&self, resources: &WorkerResources) -> Result<Credentials, StepError> {
        let connection = &self.connection;
        let mut tx = resources.database.system().await?;
        let sealed = connections::edits::secrets(tx.conn(), connection).await?;
        let (job_id, name) = self.given;
        let given = match connection.ask_password {
            true => Some(store::secrets::of(tx.conn(), connection.org_id, job_id).await?),
            false => None,
        };
        let as_begun = match sealed.is_empty() {
            true => found_again(&mut tx, connection).await?,
            false => true,
        };
        tx.commit().await?;
        if !as_begun {
            return Err(changed(connection).into());
        }
        let open = |given: Vec<_>| secrets::given(&resources.opener, connection, &given, name);
        let password = given.map(open).transpose()?;
        Ok(secrets::credentials(&resources.opener, connection, &sealed, password)?)
    }

    /// Who speaks with the side's servers.
    pub(in crate::steps) fn driver(&self) -> &'static dyn Driver {
        engine::of(self.connection.engine)
    }

    /// A login's failure knows an address only; a person knows the connection's name.
    pub(in crate::steps) fn named(&self, failure: Failure) -> Failure {
        let Failure { message, .. } = within(&self.connection, failure.clone());
        Failure { message: format!("connection {}: {message}", self.connection.name), ..failure }
    }

    /// Keeps the number of a session that may have to be ended.
    pub(in crate::steps) fn remember(&self, session_id: u64) {
        self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(session_id);
    }

    /// Keeps the number of a session that was lent to the step.
    pub(in crate::steps) fn watch(&self, session_id: u64) {
        self.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(session_id);
    }

    /// The sessions that the step works with, its own and those that were lent to it.
    pub(super) fn at_work(&self) -> Vec<u64> {
        let watched = self.watched.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone();
        [self.sessions(), watched].concat()
    }

    /// The sessions that were opened.
    pub(super) fn sessions(&self) -> Vec<u64> {
        self.sessions.lock().unwrap_or_else(std::sync::PoisonError::into_inner).clone()
    }
}

/// A login that took too long knows how long it had; a person knows what the connection was given.
pub(in crate::steps) fn within(connection: &Connection, failure: Failure) -> Failure {
    if failure.code != FailureCode::ConnectTimeout {
        return failure;
    }
    let message = format!(
        "{}; the connection allows {} seconds from the look-up of its host to the login",
        failure.message, connection.timeout_seconds
    );
    Failure { message, ..failure }
}

/// A login to the side's database, tagged as the job's.
pub(in crate::steps) async fn log_in(
    resources: &WorkerResources,
    side: &Side,
    job_id: JobId,
    sharing: Sharing,
) -> Result<Login, StepError> {
    let credentials = side.credentials(resources).await?;
    let tag = format!("longshore job {job_id}");
    let mut trail = Trail::default();
    Ok(resources.dialler.login(&side.connection, credentials, tag, sharing, &mut trail).await?)
}

/// Whether the connection leads where it did when the step began.
async fn found_again(tx: &mut SystemTx, connection: &Connection) -> Result<bool, StepError> {
    let found = connections::find(tx.conn(), connection.org_id, connection.id).await?;
    Ok(found.is_none_or(|found| found.reach == connection.reach))
}
