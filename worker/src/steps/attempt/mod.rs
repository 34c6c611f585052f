//! One attempt at one step: what every family's step may touch.
//!
//! Invariants: a secret is opened when the first session of its side is opened, for a
//! held lease only, and lives no longer than the attempt; every session is remembered, so
//! that [`Attempt::end_sessions`] can end it on its server (one that only looks can hang
//! too: behind a lock of the structure); nothing writes to a target that the job does not
//! hold. Deliberately not here: what one family only needs (`sync::context`).

mod packages;
mod payload;
mod sessions;
mod side;
mod watch;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::future::join_all;
use longshore_shared::config;
use longshore_shared::domain::address::Rules;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::{ConnectionId, StepId};
use longshore_shared::domain::limits::Sessions;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::domain::step::StepKind;
use longshore_shared::domain::target::TargetArea;
use longshore_shared::objects::Store;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::store::connections::{self, edits};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::{Database, SystemTx, target_locks};
use longshore_shared::vault::Opener;
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

pub(super) use self::payload::{read, written};
pub(super) use self::side::{Side, log_in, within};
use super::error::StepError;
use super::guard::LeaseGuard;
use super::secrets::{changed, gone};
use super::snapshot_share::SnapshotShare;
use crate::engine::{Login, Writer};
use crate::transfer::Meter;
use crate::tunnel::{Dialler, Policy, Sharing};

/// How long ending sessions may take, all of them together.
const ENDING: Duration = Duration::from_secs(5);

/// What every step of this worker shares.
#[derive(Clone)]
pub(crate) struct WorkerResources {
    pub(super) database: Database,
    pub(super) opener: Arc<Opener>,
    pub(super) dialler: Dialler,
    /// The bucket; none: the deployment has none.
    pub(super) store: Option<Store>,
    pub(super) package_keys: Arc<PackageKeys>,
    pub(super) chunk_rows: u32,
    pub(super) chunk_bytes: u32,
    pub(super) chunk_time: Duration,
}

impl WorkerResources {
    /// The control plane, what opens secrets, where packages lie and by which keys, the worker's settings, and
    /// where connections may lead.
    pub(crate) fn new(
        database: Database,
        opener: Arc<Opener>,
        (store, package_keys): (Option<Store>, Arc<PackageKeys>),
        settings: &config::Worker,
        rules: Rules,
    ) -> Self {
        Self {
            database,
            opener,
            store,
            package_keys,
            dialler: Dialler::new(Policy::new(rules), settings.ssh_idle, settings.trust_server_keys),
            chunk_rows: settings.chunk_rows,
            chunk_bytes: settings.chunk_bytes,
            chunk_time: settings.chunk_time,
        }
    }
}

/// One attempt at one step.
pub(crate) struct Attempt {
    pub(super) resources: WorkerResources,
    pub(super) step: Claimed,
    lease: Arc<LeaseGuard>,
    meter: Arc<Meter>,
    /// What a step for holders reads from.
    pub(super) share: Option<Arc<SnapshotShare>>,
    /// The job's databases, once a family has asked for them.
    sides: OnceCell<Sides>,
    /// Where the job may write.
    area: Mutex<Option<Arc<TargetArea>>>,
}

/// The databases that a job names.
#[derive(Clone, Default)]
pub(super) struct Sides {
    pub(super) source: Option<Arc<Side>>,
    pub(super) target: Option<Arc<Side>>,
}

impl Sides {
    fn all(&self) -> impl Iterator<Item = &Arc<Side>> {
        self.source.iter().chain(&self.target)
    }
}

impl Attempt {
    /// At a claimed step; `share` is what the worker holds for its job, if it is one for holders.
    pub(crate) fn new(
        resources: WorkerResources,
        step: Claimed,
        lease: Arc<LeaseGuard>,
        meter: Arc<Meter>,
        share: Option<Arc<SnapshotShare>>,
    ) -> Self {
        let (sides, area) = (OnceCell::new(), Mutex::default());
        Self { resources, step, lease, meter, share, sides, area }
    }

    /// The databases that the job names, read at the first call, with what it may write.
    pub(super) async fn sides(&self) -> Result<&Sides, StepError> {
        self.sides.get_or_try_init(|| self.find_sides()).await
    }

    async fn find_sides(&self) -> Result<Sides, StepError> {
        let job = &self.step.job;
        let of_kind = self.step.kind.traits();
        let Sessions { source, target } = of_kind.sessions;
        let mut tx = self.resources.database.system().await?;
        let names = (SecretName::SourcePassword, SecretName::TargetPassword);
        let spare = of_kind.spare_sessions;
        let source = match job.source_id {
            Some(id) => Some(self.find_side(&mut tx, id, "source", names.0, (source, spare)).await?),
            None => None,
        };
        let target = match job.target_id {
            Some(id) => Some(self.find_side(&mut tx, id, "target", names.1, (target, spare)).await?),
            None => None,
        };
        if let Some(area) = target_locks::held(tx.conn(), job.org_id, job.id).await? {
            self.give(area);
        }
        tx.commit().await?;
        Ok(Sides { source, target })
    }

    async fn find_side(
        &self,
        tx: &mut SystemTx,
        id: ConnectionId,
        word: &str,
        given: SecretName,
        (sessions, spare): (i16, i16),
    ) -> Result<Arc<Side>, StepError> {
        let job = &self.step.job;
        let Some(found) = edits::find_for_job(tx.conn(), job.org_id, id, job.id).await? else {
            let found = connections::find(tx.conn(), job.org_id, id).await?;
            return Err(found.map_or_else(|| gone(word), |found| changed(&found)).into());
        };
        let spare = if found.max_sessions.is_none() { spare } else { 0 };
        Ok(Arc::new(Side::new(found, (job.id, given), sessions + spare)))
    }

    /// The claimed step.
    pub(crate) fn step(&self) -> &Claimed {
        &self.step
    }

    pub(super) fn meter(&self) -> &Meter {
        &self.meter
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

    /// The step's payload.
    pub(super) fn payload<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        read(&self.step.payload, "payload")
    }

    /// The job was given what it is to write.
    pub(crate) fn give(&self, area: TargetArea) {
        *self.area.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::new(area));
    }

    /// Where the job may write, and nowhere else.
    pub(super) fn area(&self) -> Result<Arc<TargetArea>, Failure> {
        self.area.lock().unwrap_or_else(PoisonError::into_inner).clone().ok_or_else(not_held)
    }

    /// Ends the sessions on the target that ended jobs' steps left there.
    pub(crate) async fn fence(
        &self,
        area: &TargetArea,
        loose: impl Iterator<Item = StepId>,
    ) -> Result<(), StepError> {
        let names: Vec<String> = loose.flat_map(lock_names).collect();
        if names.is_empty() {
            return Ok(());
        }
        let target = self.sides().await?.target.as_ref().ok_or_else(|| gone("target"))?;
        let mut writer = self.writer(target).await?;
        if writer.identity() != area.server {
            return Err(moved(&target.connection).into());
        }
        Ok(writer.fence(&names).await?)
    }

    /// A session that writes to the target, alone in this step's name: a former attempt
    /// that still lives on the server is ended first. It is the very server that the job
    /// has locked; behind a proxy or after a failover it may not be, and then another
    /// job may write there.
    ///
    /// The lease is looked at after the lock is taken: whoever ends this job's sessions
    /// later goes by their locks, and a session that takes its lock even later learns here
    /// that its time is over.
    pub(super) async fn locked_writer(&self, side: &Side) -> Result<Box<dyn Writer>, StepError> {
        self.named_writer(side, &lock_name(self.step.lease.step_id)).await
    }

    /// As [`Attempt::locked_writer`], one more of the step's, from 1 to [`MOST_HELPERS`].
    pub(super) async fn helping_writer(
        &self,
        side: &Side,
        number: i16,
    ) -> Result<Box<dyn Writer>, StepError> {
        self.named_writer(side, &helper_name(self.step.lease.step_id, number)).await
    }

    async fn named_writer(&self, side: &Side, name: &str) -> Result<Box<dyn Writer>, StepError> {
        let mut writer = self.writer(side).await?;
        if writer.identity() != self.area()?.server {
            return Err(moved(&side.connection).into());
        }
        writer.hold(name).await?;
        self.check_lease()?;
        Ok(writer)
    }

    /// A session that may end others; it holds nothing.
    async fn writer(&self, side: &Side) -> Result<Box<dyn Writer>, StepError> {
        let login = self.login(side, self.sharing()).await?;
        let opened = side.driver().writer(&login).await;
        let writer = opened.map_err(|failure| side.named(failure))?;
        side.remember(writer.session_id());
        Ok(writer)
    }

    /// With whom the step's readers and writers share their SSH sessions.
    fn sharing(&self) -> Sharing {
        if self.step.kind.traits().ssh_alone { Sharing::Own } else { Sharing::Shared }
    }

    pub(super) async fn login(&self, side: &Side, sharing: Sharing) -> Result<Login, StepError> {
        self.check_lease()?;
        // First: whoever waits for another session's end does not wait at the expense of its time.
        let seat = side.seat().await;
        let login = log_in(&self.resources, side, self.step.lease.job_id, sharing).await?;
        Ok(Login { seat, ..login })
    }

    /// Waits until the servers were told that every session is over: the step's place on its
    /// connections is free once it is settled.
    pub(crate) async fn closed(&self) {
        join_all(self.opened().map(|side| side.closed())).await;
    }

    /// The sides that a family has asked for.
    fn opened(&self) -> impl Iterator<Item = &Arc<Side>> {
        self.sides.get().into_iter().flat_map(Sides::all)
    }

    /// Ends, on their servers, the sessions that a dropped or failed attempt left: a
    /// running statement stops, an open transaction is undone.
    ///
    /// What cannot be reached in time (a server that is frozen or cut off) does not keep the
    /// job from its end. Such a session commits nothing more: no COMMIT is sent after the
    /// attempt was dropped, its server undoes the open transaction when it finds the socket
    /// closed, and a commit that was on its way makes the table `partial`
    /// (`sync::Context::commit`). Its locks are seen to by whoever writes there next: the next
    /// attempt by its lock, the next job by its fence (`shared::workflow::target`).
    pub(crate) async fn end_sessions(&self) {
        let all = join_all(self.opened().map(|side| self.end_sessions_of(side)));
        if tokio::time::timeout(ENDING, all).await.is_err() {
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
                failure.code = %failure.code,
                "a step's sessions could not be ended"
            );
        }
    }
}

/// Sessions that a step may have beside the one that writes in its name.
pub(super) const MOST_HELPERS: i16 = 3;

/// The name that makes a step's target session the only one.
pub(super) fn lock_name(step_id: StepId) -> String {
    format!("longshore:{step_id}")
}

fn helper_name(step_id: StepId, number: i16) -> String {
    format!("longshore:{step_id}:{number}")
}

/// The names of all sessions that a step may have left on the target.
pub(super) fn lock_names(step_id: StepId) -> impl Iterator<Item = String> {
    std::iter::once(lock_name(step_id)).chain((1..=MOST_HELPERS).map(move |n| helper_name(step_id, n)))
}

/// The job was to write without having asked.
fn not_held() -> Failure {
    Failure::permanent(
        FailureCode::TargetNotHeld,
        "the step was to write to a target that its job has not asked for",
    )
}

/// Another server answers than the one that the job has locked.
fn moved(target: &Connection) -> Failure {
    Failure::permanent(
        FailureCode::TargetChanged,
        format!(
            "connection {} leads to another server than at the beginning of the job, so nothing more is written",
            target.name
        ),
    )
}

/// A step of another family.
pub(super) fn misplaced(kind: StepKind) -> Failure {
    Failure::permanent(FailureCode::MisplacedStep, format!("a step `{kind}` stands in a job of another kind"))
}
