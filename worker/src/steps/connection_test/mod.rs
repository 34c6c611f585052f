//! `connection_test` and `connection_recheck`: walk the way to a database and say what is there.
//!
//! The way is that of every other login; this step only reads the trail that it leaves. A stage
//! that fails is what the test finds, and so the step's outcome; the step itself fails only when
//! Longshore could not test.
//! Idempotent and without a trace: it looks, writes nothing, and its session ends with it.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::connection_test::{Examined, TestSpec};
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::secret::SecretName;
use longshore_shared::domain::step::{Finding, Outcome, StepKind};
use longshore_shared::store::{self, connections};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout, timeout_at};

use super::attempt::{Attempt, WorkerResources, misplaced, within};
use super::error::StepError;
use super::family::Family;
use super::secrets::{self, changed, gone};
use crate::engine::{self, Halt, Login, Look, Seat};
use crate::tunnel::{Credentials, Sharing, Trail, Walked, milliseconds};

mod report;

/// On top of the connection's time-out, which the login has kept: what is read after it takes some
/// round trips.
const GRACE: Duration = Duration::from_secs(3);

/// How long the end of its session is awaited.
const CLOSING: Duration = Duration::from_secs(2);

/// What was found out: the way, and what the engine saw at its end, if it was asked.
struct Found {
    trail: Trail,
    /// The time since the engine was asked is that of its stages together.
    look: Option<(Result<Look, Halt>, u32)>,
    failure: Option<Failure>,
}

/// Tests of connections.
pub(super) struct ConnectionTestJob(pub(super) TestSpec);

#[async_trait]
impl Family for ConnectionTestJob {
    async fn run(&self, attempt: &Arc<Attempt>) -> Result<Outcome, StepError> {
        match attempt.step().kind {
            StepKind::ConnectionTest | StepKind::ConnectionRecheck => test(attempt, &self.0).await,
            kind @ (StepKind::Plan
            | StepKind::Snapshot
            | StepKind::Copy
            | StepKind::Diff
            | StepKind::Prune
            | StepKind::Reconcile
            | StepKind::Replace
            | StepKind::Together
            | StepKind::Index
            | StepKind::ForeignKeys
            | StepKind::Verify
            | StepKind::DumpPlan
            | StepKind::Dump
            | StepKind::DumpEnd
            | StepKind::CheckPlan
            | StepKind::CheckParts
            | StepKind::CheckEnd
            | StepKind::ProbePlan
            | StepKind::ProbeEnlist
            | StepKind::Probe) => Err(misplaced(kind).into()),
        }
    }
}

/// Tests the connection that the job names.
async fn test(attempt: &Attempt, spec: &TestSpec) -> Result<Outcome, StepError> {
    let (connection, credentials) = opened(attempt, spec).await?;
    let tag = format!("longshore job {}", attempt.step().lease.job_id);
    let found = walk(&attempt.resources, &connection, credentials, tag).await;
    let examination = report::of(&connection, found);
    let tested = match spec {
        TestSpec::Saved => Some((connection.id, connection.version)),
        TestSpec::Draft(_) => None,
    };
    let examined = Examined { examination, connection: tested };
    let findings = vec![Finding::Examined(Box::new(examined))];
    Ok(Outcome { findings, ..Outcome::default() })
}

/// The connection and what it logs in with.
async fn opened(attempt: &Attempt, spec: &TestSpec) -> Result<(Connection, Credentials), StepError> {
    attempt.check_lease()?;
    let (resources, step) = (&attempt.resources, attempt.step());
    let lease = &step.lease;
    let mut tx = resources.database.system().await?;
    let mut given = None;
    let (connection, sealed) = match spec {
        TestSpec::Saved => {
            let id = step.job.source_id.ok_or_else(|| gone("tested"))?;
            let found =
                connections::find(tx.conn(), lease.org_id, id).await?.ok_or_else(|| gone("tested"))?;
            let sealed = connections::edits::secrets(tx.conn(), &found).await?;
            if found.ask_password {
                // What was given is for where the connection led when it was.
                let begun = connections::edits::find_for_job(tx.conn(), lease.org_id, id, lease.job_id);
                begun.await?.ok_or_else(|| changed(&found))?;
                given = Some(store::secrets::of(tx.conn(), lease.org_id, lease.job_id).await?);
            }
            (found, sealed)
        }
        TestSpec::Draft(draft) => {
            let sealed = store::secrets::of(tx.conn(), lease.org_id, lease.job_id).await?;
            (Connection::clone(draft), sealed)
        }
    };
    tx.commit().await?;
    let open = |given: Vec<_>| secrets::given(&resources.opener, &connection, &given, SecretName::Password);
    let password = given.map(open).transpose()?;
    let credentials = secrets::credentials(&resources.opener, &connection, &sealed, password)?;
    Ok((connection, credentials))
}

async fn walk(
    resources: &WorkerResources,
    connection: &Connection,
    credentials: Credentials,
    tag: String,
) -> Found {
    let until = Instant::now() + Duration::from_secs(connection.timeout_seconds.into()) + GRACE;
    let mut found = Found { trail: Trail::default(), look: None, failure: None };
    let login = resources.dialler.login(connection, credentials, tag, Sharing::Own, &mut found.trail);
    let login = match timeout_at(until, login).await {
        Ok(Ok(login)) => login,
        Ok(Err(failure)) => {
            found.failure = Some(failure);
            return found;
        }
        Err(_) => {
            found.failure = Some(too_slow(connection));
            return found;
        }
    };
    let begun = Instant::now();
    // One session, which is over on its server before the test is.
    let seats = Arc::new(Semaphore::new(1));
    let seat = Arc::clone(&seats).acquire_owned().await.ok();
    let seat = seat.map(|permit| Arc::new(Seat::new(permit, Arc::default())));
    let login = Login { seat, ..login };
    let look =
        timeout_at(until, Box::pin(engine::of(connection.engine).examine(connection.engine, &login))).await;
    let look = look.unwrap_or_else(|_| Err(Halt { stage: Stage::Server, failure: too_slow(connection) }));
    let look = look.map_err(|halt| Halt { failure: within(connection, halt.failure), ..halt });
    found.look = Some((look, milliseconds(begun)));
    drop(login);
    let _ = timeout(CLOSING, seats.acquire()).await;
    found
}

fn too_slow(connection: &Connection) -> Failure {
    Failure::transient(
        FailureCode::ConnectTimeout,
        format!("connection {}: the look at the server did not end in time", connection.name),
    )
    .with_hint("check the server's load and the network, or allow the connection a longer time-out")
}
