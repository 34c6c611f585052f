//! Takes steps, holds their leases, runs them and settles them.
//!
//! Invariants: permit -> delivery -> claim -> work, acknowledged within a moment: no step
//! runs without a lease, no message waits behind one. A lease that is lost ends the step at once and
//! nothing more is written. Deliberately not here: what a step does (`steps`), and what
//! follows from its end (`shared::workflow`).

mod announce;
mod consume;
mod control;
mod dispatch;
mod finish;
mod heartbeat;
mod holders;
mod report;
mod running_step;
mod target_lock;

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::bus::Bus;
use longshore_shared::clock;
use longshore_shared::config;
use longshore_shared::domain::address::Rules;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::step::Queue;
use longshore_shared::objects::Store;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::store::Database;
use longshore_shared::vault::Opener;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use self::announce::Unmarked;
use self::holders::Holdings;
use self::running_step::Registry;
use crate::steps::WorkerResources;

/// How long one transaction with the control plane may take, its wait for a connection
/// included; longer than any statement. After that PostgreSQL counts as away.
const PATIENCE: Duration = Duration::from_secs(30);

/// What every part of a running worker shares.
pub(crate) struct Worker {
    /// This run of the process.
    pub(crate) id: WorkerId,
    /// The control plane.
    pub(crate) database: Database,
    /// RabbitMQ.
    pub(crate) bus: Bus,
    /// What its steps share.
    resources: WorkerResources,
    /// Settings.
    pub(crate) settings: config::Worker,
    /// Steps in hand.
    registry: Registry,
    /// What is held for jobs.
    holdings: Holdings,
    /// Messages that are out and not marked.
    unmarked: Unmarked,
    /// Cancelled when nothing new is taken any more.
    stopping: CancellationToken,
}

impl Worker {
    /// A worker that has not begun; `packages`: where they lie and by which keys; `rules`: where connections may lead.
    pub(crate) fn new(
        database: Database,
        bus: Bus,
        opener: Arc<Opener>,
        packages: (Option<Store>, Arc<PackageKeys>),
        settings: config::Worker,
        rules: Rules,
    ) -> Arc<Self> {
        let id = WorkerId(clock::fresh_id());
        let resources = WorkerResources::new(database.clone(), opener, packages, &settings, rules);
        Arc::new(Self {
            id,
            database,
            bus,
            resources,
            settings,
            registry: Registry::default(),
            holdings: Holdings::default(),
            unmarked: Unmarked::default(),
            stopping: CancellationToken::new(),
        })
    }

    /// Works until `shutdown`; then takes nothing new, gives the steps in hand half of
    /// `grace` to end, resources back the others, and returns.
    pub(crate) async fn work(self: Arc<Self>, shutdown: CancellationToken, grace: Duration) {
        let tasks = TaskTracker::new();
        // A person's single step and a job's first step never wait behind bulk work.
        let queues = [Queue::Interactive, Queue::First]
            .into_iter()
            .chain(std::iter::repeat_n(Queue::Bulk, usize::try_from(self.settings.permits).unwrap_or(1)));
        for queue in queues {
            let slot = self.bus.slot(queue);
            tasks.spawn(consume::run(Arc::clone(&self), slot, shutdown.clone()));
        }
        let others = CancellationToken::new();
        let side = TaskTracker::new();
        side.spawn(control::run(Arc::clone(&self), others.clone()));
        side.spawn(heartbeat::run(Arc::clone(&self), others.clone()));
        side.spawn(announce::run(Arc::clone(&self), others.clone()));
        side.spawn(report::run(Arc::clone(&self), others.clone()));
        tasks.close();
        side.close();

        shutdown.cancelled().await;
        self.stopping.cancel();
        self.holdings.tasks.close();
        let idle = async || {
            tokio::join!(tasks.wait(), self.holdings.tasks.wait());
        };
        tracing::info!(steps = self.registry.len(), "stopping: no new steps");
        if tokio::time::timeout(grace / 2, idle()).await.is_err() {
            tracing::info!(steps = self.registry.len(), "handing back the steps in hand");
            self.registry.stop_all();
            if tokio::time::timeout(grace / 2, idle()).await.is_err() {
                tracing::warn!("some steps did not stop in time; their leases will lapse");
            }
        }
        others.cancel();
        side.wait().await;
        heartbeat::leave(&self).await;
    }
}
