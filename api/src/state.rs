//! What every handler may touch.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use chrono::TimeDelta;
use longshore_shared::bus::Bus;
use longshore_shared::config::Webhooks;
use longshore_shared::domain::address::Rules;
use longshore_shared::objects::Store;
use longshore_shared::store::Database;
use longshore_shared::vault::Sealer;
use tokio_util::sync::CancellationToken;

use crate::live::ProgressHub;

/// The clients and rooms that requests share. Cheap to clone.
#[derive(Clone)]
pub(crate) struct AppState {
    /// The control plane, with the rights of one organisation at a time.
    pub(crate) database: Database,
    /// The control plane, for looking up tokens and nothing else.
    pub(crate) sign_in: Database,
    /// RabbitMQ.
    pub(crate) bus: Bus,
    /// Seals customers' secrets; opens none.
    pub(crate) sealer: Arc<Sealer>,
    /// Where packages lie; none: the deployment has no bucket.
    pub(crate) objects: Option<Store>,
    /// What running steps report.
    pub(crate) progress_hub: ProgressHub,
    /// Where connections may lead.
    pub(crate) rules: Arc<Rules>,
    /// Where webhooks may go.
    pub(crate) webhooks: Webhooks,
    /// Whether the store's schema is as new as this release needs.
    pub(crate) schema: Schema,
    /// How long the scheduled runs of a full sync must be apart; zero: no bound.
    pub(crate) full_sync_min: TimeDelta,
    /// Tests of connections that an organisation may ask for in a minute.
    pub(crate) tests_per_minute: u32,
    /// Cancelled when the process is to stop: streams end.
    pub(crate) shutdown: CancellationToken,
}

/// Whether the schema was found to be new enough; it never goes back.
#[derive(Clone, Default)]
pub(crate) struct Schema(Arc<AtomicBool>);

impl Schema {
    /// It is.
    pub(crate) fn found(&self) {
        self.0.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub(crate) fn is_found(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}
