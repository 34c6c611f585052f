//! What every handler may touch.

use std::sync::Arc;

use longshore_shared::bus::Bus;
use longshore_shared::store::Database;
use longshore_shared::vault::Sealer;
use tokio_util::sync::CancellationToken;

use crate::live::Board;

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
    /// What running steps report.
    pub(crate) board: Board,
    /// Cancelled when the process is to stop: streams end.
    pub(crate) shutdown: CancellationToken,
}
