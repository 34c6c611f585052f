//! All that a step may touch.
//!
//! Invariants: a secret is opened when the first session of its side is opened, for a
//! held lease only, and lives no longer than the attempt; every session that can run
//! long is remembered, so that [`Context::end_sessions`] can end it on its server.

mod places;
mod records;
mod side;
mod watch;

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use longshore_shared::config;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::limits::Sessions;
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::failpoint::reach;
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::{Database, connections};
use longshore_shared::vault::Opener;
use serde::de::DeserializeOwned;

use self::side::{Side, gone};
use super::error::StepError;
use super::guard::LeaseGuard;
use super::table::read;
use crate::engine::shape::TableShape;
use crate::engine::{self, Inspector, Login, Reader, Writer};
use crate::transfer::Meter;
use crate::tunnel::Dialler;

/// How long ending sessions may take, all of them together.
const ENDING: Duration = Duration::from_secs(5);
/// A chunk of fewer rows costs more in its making than it moves.
const LEAST_ROWS: u64 = 500;

/// What every step of this worker shares.
#[derive(Clone)]
pub(crate) struct Hands {
    database: Database,
    opener: Arc<Opener>,
    dialler: Dialler,
    chunk_rows: u32,
    chunk_bytes: u32,
}

impl Hands {
    /// The control plane, what opens secrets, and the worker's settings.
    pub(crate) fn new(database: Database, opener: Opener, settings: &config::Worker) -> Self {
        Self {
            database,
            opener: Arc::new(opener),
            dialler: Dialler::new(settings.loopback_allowed),
            chunk_rows: settings.chunk_rows,
            chunk_bytes: settings.chunk_bytes,
        }
    }
}

/// One attempt at one step.
pub(crate) struct Context {
    hands: Hands,
    step: Claimed,
    spec: SyncSpec,
    source: Side,
    target: Side,
    lease: Arc<LeaseGuard>,
    meter: Arc<Meter>,
}

impl Context {
    /// Reads the connections that a sync's job names.
    pub(crate) async fn load(
        hands: Hands,
        step: Claimed,
        spec: SyncSpec,
        lease: Arc<LeaseGuard>,
        meter: Arc<Meter>,
    ) -> Result<Self, StepError> {
        let (org_id, job) = (step.lease.org_id, &step.job);
        let mut tx = hands.database.system().await?;
        let mut sides = Vec::with_capacity(2);
        let Sessions { source, target } = step.kind.sessions();
        for (id, word, sessions) in [(job.source_id, "source", source), (job.target_id, "target", target)] {
            let id = id.ok_or_else(|| gone(word))?;
            let found = connections::find(tx.conn(), org_id, id).await?;
            sides.push(Side::new(found.ok_or_else(|| gone(word))?, sessions));
        }
        tx.commit().await?;
        let (Some(target), Some(source)) = (sides.pop(), sides.pop()) else { return Err(gone("").into()) };
        Ok(Self { hands, step, spec, source, target, lease, meter })
    }

    /// The claimed step.
    pub(crate) fn step(&self) -> &Claimed {
        &self.step
    }

    pub(super) fn spec(&self) -> &SyncSpec {
        &self.spec
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
    }

    pub(super) fn source(&self) -> &Connection {
        &self.source.connection
    }

    pub(super) fn target(&self) -> &Connection {
        &self.target.connection
    }

    /// Whether somebody may have worked at this step before and may have committed. A
    /// soft stop gives its attempt back, so the token tells, not the attempt's number.
    pub(super) fn is_repeated(&self) -> bool {
        self.step.lease.token > 1
    }

    /// To be asked before every write on a customer's server.
    pub(super) fn check_lease(&self) -> Result<(), Failure> {
        self.lease.check()
    }

    /// Commits the target's transaction: the one way in which rows come to stay.
    pub(super) async fn commit(&self, target: &mut dyn Writer) -> Result<(), StepError> {
        let places = places::around_commit(self.step.kind);
        if let Some((before, _)) = places {
            reach(before).await?;
        }
        self.check_lease()?;
        target.commit().await?;
        if let Some((_, after)) = places {
            reach(after).await?;
        }
        Ok(())
    }

    /// The name that makes this step's target session the only one.
    pub(super) fn lock_name(&self) -> String {
        format!("longshore:{}", self.step.lease.step_id)
    }

    /// Rows a chunk of the table: by the bytes that are aimed at, within bounds.
    pub(super) fn chunk_rows(&self, table: &TableShape) -> u64 {
        let aimed = u64::from(self.hands.chunk_bytes) / table.row_bytes.max(1);
        aimed.max(LEAST_ROWS).min(self.hands.chunk_rows.into()).max(1)
    }

    /// The step's payload.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read(&self.step.payload, "payload")
    }

    pub(super) async fn source_inspector(&self) -> Result<Box<dyn Inspector>, StepError> {
        self.inspector(&self.source).await
    }

    pub(super) async fn target_inspector(&self) -> Result<Box<dyn Inspector>, StepError> {
        self.inspector(&self.target).await
    }

    pub(super) async fn source_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        self.reader(&self.source).await
    }

    pub(super) async fn target_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        self.reader(&self.target).await
    }

    /// A session that writes to the target, alone in this step's name: a former attempt
    /// that still lives on the server is ended first.
    pub(super) async fn target_writer(&self) -> Result<Box<dyn Writer>, StepError> {
        let login = self.login(&self.target).await?;
        let opened = engine::writer(self.target.connection.engine, &login).await;
        let mut writer = opened.map_err(|failure| self.target.named(failure))?;
        self.target.remember(writer.session_id());
        writer.hold(&self.lock_name()).await?;
        Ok(writer)
    }

    async fn inspector(&self, side: &Side) -> Result<Box<dyn Inspector>, StepError> {
        let login = self.login(side).await?;
        let opened = engine::inspector(side.connection.engine, &login).await;
        let inspector = opened.map_err(|failure| side.named(failure))?;
        side.remember(inspector.number());
        Ok(inspector)
    }

    async fn reader(&self, side: &Side) -> Result<Box<dyn Reader>, StepError> {
        let login = self.login(side).await?;
        let opened = engine::reader(side.connection.engine, &login).await;
        let reader = opened.map_err(|failure| side.named(failure))?;
        side.remember(reader.session_id());
        Ok(reader)
    }

    async fn login(&self, side: &Side) -> Result<Login, StepError> {
        self.check_lease()?;
        let password = side.password(&self.hands).await?;
        let tag = format!("longshore job {}", self.step.lease.job_id);
        let login = self.hands.dialler.login(&side.connection, password, tag).await?;
        Ok(Login { seat: side.seat().await, ..login })
    }

    /// Waits until the servers were told that every session is over: the step's place on its
    /// connections is free once it is settled.
    pub(crate) async fn closed(&self) {
        futures::join!(self.source.closed(), self.target.closed());
    }

    /// Ends, on their servers, the sessions that a dropped or failed attempt left: a
    /// running statement stops, an open transaction is undone. What cannot be reached is
    /// left to its server's time-outs, and to the next attempt's hold.
    pub(crate) async fn end_sessions(&self) {
        let both = [&self.source, &self.target].map(|side| async move {
            let ended = side.sessions().into_iter().map(|id| self.end_one(side, id));
            join_all(ended).await;
        });
        if tokio::time::timeout(ENDING, join_all(both)).await.is_err() {
            tracing::warn!(step.id = %self.step.lease.step_id, "a step's sessions could not be ended in time");
        }
    }

    async fn end_one(&self, side: &Side, id: u64) {
        let Some(password) = side.opened() else { return };
        let tag = format!("longshore job {}", self.step.lease.job_id);
        let ended = async {
            let login = self.hands.dialler.login(&side.connection, password, tag).await?;
            engine::end_session(side.connection.engine, &login, id).await
        };
        if let Err(failure) = ended.await {
            tracing::warn!(
                step.id = %self.step.lease.step_id,
                failure.code = failure.code,
                "a step's session could not be ended"
            );
        }
    }
}
