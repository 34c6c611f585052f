//! What every duty works with.

use std::sync::Arc;

use longshore_shared::bus::Bus;
use longshore_shared::clock;
use longshore_shared::config::SchedulerConfig;
use longshore_shared::objects::Store;
use longshore_shared::package::keyring::PackageKeys;
use longshore_shared::store::Database;
use longshore_shared::store::outbox::Owed;
use longshore_shared::workflow::publish;

use crate::leadership::Leadership;
use crate::outages::Outages;
use crate::pulse::Pulse;

/// What every duty works with.
pub(crate) struct DutyContext {
    pub(crate) database: Database,
    pub(crate) bus: Bus,
    /// Where packages lie; none: the deployment has no bucket.
    pub(crate) objects: Option<Store>,
    pub(crate) package_keys: Arc<PackageKeys>,
    pub(crate) config: SchedulerConfig,
    /// Shared with what is shown only while it lasts.
    pub(crate) leadership: Arc<Leadership>,
    pub(crate) outages: Outages,
    pub(crate) pulse: Pulse,
}

impl DutyContext {
    /// A scheduler that has not looked at anything yet.
    pub(crate) fn new(
        database: Database,
        bus: Bus,
        (objects, package_keys): (Option<Store>, Arc<PackageKeys>),
        config: SchedulerConfig,
    ) -> Self {
        let holder = format!("{} {}", config.scheduler.name, clock::fresh_id());
        let leadership = Arc::new(Leadership::new(holder));
        let (outages, pulse) = (Outages::default(), Pulse::default());
        Self { database, bus, objects, package_keys, config, leadership, outages, pulse }
    }

    /// Publishes what committed transactions owe. What fails here is left to the sweep: no
    /// duty waits for RabbitMQ, or does its work again because of it.
    pub(crate) async fn publish(&self, owed: Vec<Owed>) {
        let messages = owed.len();
        if let Err(error) = publish::settled(&self.database, &self.bus, owed).await {
            self.outages.note(&error);
            tracing::debug!(%error, messages, "what was committed is announced later");
        }
    }
}
