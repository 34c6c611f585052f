//! Learns that a job in hand is to end: by the message that all workers are told, and,
//! when RabbitMQ is away or the message got lost, by looking. A lease's renewal tells the
//! same, but leases are long.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::bus::Control;
use longshore_shared::domain::id::JobId;
use longshore_shared::store::{StoreError, jobs};
use tokio::sync::broadcast::error::RecvError;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use super::{Worker, holders};

/// A cancelled job is to have stopped within ten seconds, of which its sessions' end may
/// take five.
const LOOK: Duration = Duration::from_secs(2);

pub(super) async fn run(worker: Arc<Worker>, end: CancellationToken) {
    let mut told = worker.bus.control();
    let mut looks = tokio::time::interval(LOOK);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let message = tokio::select! {
            () = end.cancelled() => return,
            message = told.recv() => message,
            _ = looks.tick() => {
                if let Err(error) = look(&worker).await {
                    tracing::debug!("nobody knows whether a job in hand is to end: {error}");
                }
                continue;
            }
        };
        match message {
            Ok(Control::Cancel { job_id, .. }) => {
                worker.registry.end_job(job_id);
                worker.holdings.look(job_id);
            }
            Ok(Control::Enlist { org_id, job_id, generation }) => {
                holders::enlist(&worker, org_id, job_id, generation);
            }
            Ok(Control::Look { job_id, .. }) => worker.holdings.look(job_id),
            Err(RecvError::Lagged(_)) => {}
            Err(RecvError::Closed) => return,
        }
    }
}

async fn look(worker: &Worker) -> Result<(), StoreError> {
    let mut held: Vec<JobId> = worker.registry.all().iter().map(|held| held.step.lease.job_id).collect();
    held.sort_unstable();
    held.dedup();
    if held.is_empty() {
        return Ok(());
    }
    let mut tx = worker.database.system().await?;
    let ending = jobs::ending(tx.conn(), &held).await?;
    tx.commit().await?;
    for job_id in ending {
        worker.registry.end_job(job_id);
    }
    Ok(())
}
