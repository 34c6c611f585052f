//! What every duty works with.

use std::sync::Arc;

use longshore_shared::bus::Bus;
use longshore_shared::clock;
use longshore_shared::config::SchedulerConfig;
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
    pub(crate) config: SchedulerConfig,
    /// Shared with what is shown only while it lasts.
    pub(crate) leadership: Arc<Leadership>,
    pub(crate) outages: Outages,
    pub(crate) pulse: Pulse,
}

impl DutyContext {
    /// A scheduler that has not looked at anything yet.
    pub(crate) fn new(database: Database, bus: Bus, config: SchedulerConfig) -> Self {
        let holder = format!("{} {}", config.scheduler.name, clock::fresh_id());
        let leadership = Arc::new(Leadership::new(holder));
        Self { database, bus, config, leadership, outages: Outages::default(), pulse: Pulse::default() }
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
