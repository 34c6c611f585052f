//! Listens for what all workers are told. A message that is missed costs time only: the
//! lease's next renewal tells the same.

use std::sync::Arc;

use longshore_shared::bus::Control;
use tokio::sync::broadcast::error::RecvError;
use tokio_util::sync::CancellationToken;

use super::{Worker, holders};

pub(super) async fn run(worker: Arc<Worker>, end: CancellationToken) {
    let mut told = worker.bus.control();
    loop {
        let message = tokio::select! {
            () = end.cancelled() => return,
            message = told.recv() => message,
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
