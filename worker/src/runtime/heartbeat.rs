//! Says that this worker lives and how much it takes: the window of every job counts it.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::store::{StoreError, within, workers};
use tokio_util::sync::CancellationToken;

use super::Worker;

const BEAT: Duration = Duration::from_secs(10);

pub(super) async fn run(worker: Arc<Worker>, end: CancellationToken) {
    loop {
        if let Err(error) = within(super::PATIENCE, beat(&worker)).await {
            tracing::debug!("a heartbeat did not get through: {error}");
        }
        tokio::select! {
            () = end.cancelled() => return,
            () = tokio::time::sleep(BEAT) => {}
        }
    }
}

async fn beat(worker: &Worker) -> Result<(), StoreError> {
    let mut tx = worker.database.system().await?;
    let permits = i32::try_from(worker.settings.permits).unwrap_or(i32::MAX);
    let version = env!("CARGO_PKG_VERSION");
    workers::beat(tx.conn(), worker.id, &worker.settings.name, permits, version).await?;
    tx.commit().await
}

/// The worker goes; best effort, its heartbeat ages anyway.
pub(super) async fn leave(worker: &Worker) {
    let left = async {
        let mut tx = worker.database.system().await?;
        workers::leave(tx.conn(), worker.id).await?;
        tx.commit().await
    };
    if let Err(error) = within(BEAT, left).await {
        tracing::debug!("the farewell did not get through: {error}");
    }
}
