//! All that a step may touch.
//!
//! Invariants: a secret is opened when the first session of its side is opened, for a
//! held lease only, and lives no longer than the attempt; every session is remembered, so
//! that [`Context::end_sessions`] can end it on its server (one that only looks can hang
//! too: behind a lock of the structure); nothing writes to a target that the job does not
//! hold.

mod confirm;
mod places;
mod records;
mod side;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use longshore_shared::config;
use longshore_shared::domain::address::Rules;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::hop::SecretName;
use longshore_shared::domain::id::StepId;
use longshore_shared::domain::limits::Sessions;
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::domain::target::TargetArea;
use longshore_shared::failpoint::reach;
use longshore_shared::store::connections::{self, edits};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::{Database, target_holds};
use longshore_shared::vault::Opener;
use serde::de::DeserializeOwned;

pub(super) use self::side::{Side, log_in, within};
use super::error::StepError;
use super::guard::LeaseGuard;
use super::secrets::{changed, gone};
use super::snapshot_share::SnapshotShare;
use super::sync::table::read;
use super::target::{moved, not_held};
use crate::engine::shape::TableShape;
use crate::engine::{
    Hash, Inspector, Login, ReadAhead, Reader, SnapshotLeader, SnapshotReader as _, Surveyor, Writer,
};
use crate::transfer::Meter;
use crate::tunnel::{Dialler, Policy, Sharing};

/// How long ending sessions may take, all of them together.
const ENDING: Duration = Duration::from_secs(5);
/// A chunk of fewer rows costs more in its making than it moves.
const LEAST_ROWS: u64 = 500;

/// What every step of this worker shares.
#[derive(Clone)]
pub(crate) struct WorkerResources {
    pub(super) database: Database,
    pub(super) opener: Arc<Opener>,
    pub(super) dialler: Dialler,
    chunk_rows: u32,
    chunk_bytes: u32,
    chunk_time: Duration,
}

impl WorkerResources {
    /// The control plane, what opens secrets, the worker's settings, and where connections may lead.
    pub(crate) fn new(
        database: Database,
        opener: Arc<Opener>,
        settings: &config::Worker,
        rules: Rules,
    ) -> Self {
        Self {
            database,
            opener,
            dialler: Dialler::new(Policy::new(rules), settings.ssh_idle, settings.trust_server_keys),
            chunk_rows: settings.chunk_rows,
            chunk_bytes: settings.chunk_bytes,
            chunk_time: settings.chunk_time,
        }
    }
}

/// One attempt at one step.
pub(crate) struct Context {
    resources: WorkerResources,
    step: Claimed,
    spec: SyncSpec,
    source: Side,
    target: Side,
    /// Where the job may write.
    area: Mutex<Option<Arc<TargetArea>>>,
    lease: Arc<LeaseGuard>,
    meter: Arc<Meter>,
    /// What a step for holders reads from.
    snapshot: Option<Arc<SnapshotShare>>,
}

impl Context {
    /// Reads the connections that a sync's job names; `snapshot` is what the worker holds for it,
    /// if the step is one for holders.
    pub(crate) async fn load(
        resources: WorkerResources,
        step: Claimed,
        spec: SyncSpec,
        lease: Arc<LeaseGuard>,
        meter: Arc<Meter>,
        snapshot: Option<Arc<SnapshotShare>>,
    ) -> Result<Self, StepError> {
        let (org_id, job) = (step.lease.org_id, &step.job);
        let mut tx = resources.database.system().await?;
        let mut sides = Vec::with_capacity(2);
        let Sessions { source, target } = step.kind.sessions();
        for (id, word, given, sessions) in [
            (job.source_id, "source", SecretName::SourcePassword, source),
            (job.target_id, "target", SecretName::TargetPassword, target),
        ] {
            let id = id.ok_or_else(|| gone(word))?;
            let Some(found) = edits::find_for_job(tx.conn(), org_id, id, job.id).await? else {
                let found = connections::find(tx.conn(), org_id, id).await?;
                return Err(found.map_or_else(|| gone(word), |found| changed(&found)).into());
            };
            let spare = if found.max_sessions.is_none() { places::spare(step.kind) } else { 0 };
            sides.push(Side::new(found, (job.id, given), sessions + spare));
        }
        let area = target_holds::held(tx.conn(), org_id, job.id).await?;
        let area = Mutex::new(area.map(Arc::new));
        tx.commit().await?;
        let (Some(target), Some(source)) = (sides.pop(), sides.pop()) else { return Err(gone("").into()) };
        Ok(Self { resources, step, spec, source, target, area, lease, meter, snapshot })
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

    /// Commits the target's transaction: the one way in which rows come to stay. One that is
    /// cut off in the middle may have happened or not, and that is remembered.
    pub(super) async fn commit(&self, target: &mut dyn Writer) -> Result<(), StepError> {
        let places = places::around_commit(self.step.kind);
        if let Some((before, _)) = places {
            reach(before).await?;
        }
        self.check_lease()?;
        self.meter.commits(true);
        target.commit().await?;
        self.meter.commits(false);
        if let Some((_, after)) = places {
            reach(after).await?;
        }
        Ok(())
    }

    /// The job was given what it is to write.
    pub(crate) fn give(&self, area: TargetArea) {
        *self.area.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(area));
    }

    /// Where the job may write, and nowhere else.
    pub(super) fn area(&self) -> Result<Arc<TargetArea>, Failure> {
        self.area.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(not_held)
    }

    /// Rows a chunk of the table: by the bytes that are aimed at, within bounds.
    pub(super) fn chunk_rows(&self, table: &TableShape) -> u64 {
        let aimed = u64::from(self.resources.chunk_bytes) / table.row_bytes.max(1);
        aimed.max(LEAST_ROWS).min(self.resources.chunk_rows.into()).max(1)
    }

    /// How long a chunk may take.
    pub(super) fn chunk_time(&self) -> Duration {
        self.resources.chunk_time
    }

    /// What the step compares by: one step in sixteen, others each time, by the strong hash.
    pub(super) fn hash(&self) -> Hash {
        // The end of a step's id is random.
        let [.., a, b, c, d] = self.step.lease.step_id.0.into_bytes();
        if d.is_multiple_of(16) { Hash::Strong } else { Hash::Quick(u32::from_be_bytes([a, b, c, d])) }
    }

    /// The step's payload.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read(&self.step.payload, "payload")
    }

    pub(super) async fn source_surveyor(&self) -> Result<Box<dyn Surveyor>, StepError> {
        self.surveyor(&self.source).await
    }

    pub(super) async fn target_surveyor(&self) -> Result<Box<dyn Surveyor>, StepError> {
        self.surveyor(&self.target).await
    }

    pub(super) async fn source_inspector(&self) -> Result<Box<dyn Inspector>, StepError> {
        self.inspector(&self.source).await
    }

    pub(super) async fn target_inspector(&self) -> Result<Box<dyn Inspector>, StepError> {
        self.inspector(&self.target).await
    }

    /// A reader of the source: one that sees the job's snapshot, in a step for holders.
    pub(super) async fn source_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        match self.snapshot.as_deref() {
            Some(SnapshotShare::Snapshot(snapshot)) => {
                let lent = snapshot.lend().await?;
                self.source.watch(lent.session_id());
                Ok(Box::new(lent))
            }
            Some(SnapshotShare::Token(_)) | None => self.reader(&self.source).await,
        }
    }

    /// A session that fixes the point of a snapshot of the source.
    pub(super) async fn source_leader(&self) -> Result<Box<dyn SnapshotLeader>, StepError> {
        // A way of its own: nothing of others is to come before the word that lets commits go on.
        let login = self.login(&self.source, Sharing::Own).await?;
        let opened = self.source.driver().leader(&login).await;
        let leader = opened.map_err(|failure| self.source.named(failure))?;
        self.source.remember(leader.session_id());
        Ok(leader)
    }

    pub(super) async fn target_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        self.reader(&self.target).await
    }

    /// A session that reads ahead of the step's writer, where that is of use, unless the target's sessions
    /// are limited: those are counted, and this one is not.
    pub(super) async fn target_read_ahead(&self) -> Result<Option<Box<dyn ReadAhead>>, StepError> {
        if self.target.connection.max_sessions.is_some() {
            return Ok(None);
        }
        let login = self.login(&self.target, Sharing::Shared).await?;
        let opened = self.target.driver().read_ahead(&login).await;
        let ahead = opened.map_err(|failure| self.target.named(failure))?;
        ahead.iter().for_each(|ahead| self.target.remember(ahead.session_id()));
        Ok(ahead)
    }

    /// A session that writes to the target, alone in this step's name: a former attempt
    /// that still lives on the server is ended first. It is the very server that the job
    /// has its hold on; behind a proxy or after a failover it may not be, and then another
    /// job may write there.
    ///
    /// The lease is looked at after the lock is taken: whoever ends this job's sessions
    /// later goes by their locks, and a session that takes its lock even later learns here
    /// that its time is over.
    pub(super) async fn target_writer(&self) -> Result<Box<dyn Writer>, StepError> {
        let mut writer = self.writer().await?;
        if writer.identity() != self.area()?.server {
            return Err(moved(self.target()).into());
        }
        writer.hold(&lock_name(self.step.lease.step_id)).await?;
        self.check_lease()?;
        Ok(writer)
    }

    /// A session on the target that may end others; it holds nothing.
    pub(super) async fn writer(&self) -> Result<Box<dyn Writer>, StepError> {
        let login = self.login(&self.target, places::sharing(self.step.kind)).await?;
        let opened = self.target.driver().writer(&login).await;
        let writer = opened.map_err(|failure| self.target.named(failure))?;
        self.target.remember(writer.session_id());
        Ok(writer)
    }

    async fn surveyor(&self, side: &Side) -> Result<Box<dyn Surveyor>, StepError> {
        let login = self.login(side, Sharing::Shared).await?;
        let opened = side.driver().surveyor(&login).await;
        let surveyor = opened.map_err(|failure| side.named(failure))?;
        side.remember(surveyor.session_id());
        Ok(surveyor)
    }

    async fn inspector(&self, side: &Side) -> Result<Box<dyn Inspector>, StepError> {
        let login = self.login(side, Sharing::Shared).await?;
        let opened = side.driver().inspector(&login).await;
        let inspector = opened.map_err(|failure| side.named(failure))?;
        side.remember(inspector.session_id());
        Ok(inspector)
    }

    async fn reader(&self, side: &Side) -> Result<Box<dyn Reader>, StepError> {
        let login = self.login(side, places::sharing(self.step.kind)).await?;
        let opened = side.driver().reader(&login).await;
        let reader = opened.map_err(|failure| side.named(failure))?;
        side.remember(reader.session_id());
        Ok(reader)
    }

    async fn login(&self, side: &Side, sharing: Sharing) -> Result<Login, StepError> {
        self.check_lease()?;
        // First: whoever waits for another session's end does not wait at the expense of its time.
        let seat = side.seat().await;
        let login = log_in(&self.resources, side, self.step.lease.job_id, sharing).await?;
        Ok(Login { seat, ..login })
    }

    /// Waits until the servers were told that every session is over: the step's place on its
    /// connections is free once it is settled.
    pub(crate) async fn closed(&self) {
        futures::join!(self.source.closed(), self.target.closed());
    }

    /// Ends, on their servers, the sessions that a dropped or failed attempt left: a
    /// running statement stops, an open transaction is undone.
    ///
    /// What cannot be reached in time (a server that is frozen or cut off) does not keep the
    /// job from its end. Such a session commits nothing more: no COMMIT is sent after the
    /// attempt was dropped, its server undoes the open transaction when it finds the socket
    /// closed, and a commit that was on its way makes the table `partial`
    /// ([`Context::commit`]). Its locks are seen to by whoever writes there next: the next
    /// attempt by its hold, the next job by its fence (`shared::workflow::target`).
    pub(crate) async fn end_sessions(&self) {
        let both = [&self.source, &self.target].map(|side| self.end_sessions_of(side));
        if tokio::time::timeout(ENDING, join_all(both)).await.is_err() {
            tracing::warn!(step.id = %self.step.lease.step_id, "a step's sessions could not be ended in time");
        }
    }

    async fn end_sessions_of(&self, side: &Side) {
        let ids = side.sessions();
        if ids.is_empty() {
            return;
        }
        let seat = side.last_seat().await;
        if !side.is_to_be_ended() {
            return;
        }
        let ended = async {
            let login = log_in(&self.resources, side, self.step.lease.job_id, Sharing::Shared).await?;
            let login = Login { seat, ..login };
            Ok::<_, StepError>(side.driver().end_sessions(&login, &ids).await?)
        };
        if let Err(error) = ended.await {
            let (failure, _) = error.into_parts();
            tracing::warn!(
                step.id = %self.step.lease.step_id,
                failure.code = failure.code,
                "a step's sessions could not be ended"
            );
        }
    }
}

/// The name that makes a step's target session the only one.
pub(super) fn lock_name(step_id: StepId) -> String {
    format!("longshore:{step_id}")
}
