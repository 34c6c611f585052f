//! One holding, from the offer to the letting go.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::domain::hold::{HoldPhase, HolderState};
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::store::job_holders::{Holder, Look};
use longshore_shared::store::jobs;
use longshore_shared::workflow::{WorkflowError, holders};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::Holding;
use crate::runtime::{Worker, consume};
use crate::steps::Thing;

/// How often a holder looks and renews, at the longest.
const LOOK: Duration = Duration::from_secs(2);

/// Offers this worker as a holder, if it has room, and holds in a task of its own.
pub(in crate::runtime) fn enlist(worker: &Arc<Worker>, org_id: OrgId, job_id: JobId, generation: i32) {
    if worker.stopping.is_cancelled() {
        return;
    }
    let (worker_id, worker_name) = (worker.id, worker.settings.name.clone());
    let holder = Holder { org_id, job_id, generation, worker_id, worker_name };
    let Some(holding) = worker.holdings.add(holder) else {
        // An older generation's is let go at its next look, and then there is room.
        return worker.holdings.look(job_id);
    };
    let held = Arc::clone(worker);
    worker.holdings.tasks.spawn(async move {
        if let Err(error) = Box::pin(hold(&held, &holding)).await {
            tracing::warn!(job.id = %job_id, "holding for a job ended: {error}");
        }
        held.holdings.remove(&holding);
    });
}

async fn hold(worker: &Arc<Worker>, holding: &Holding) -> Result<(), WorkflowError> {
    let (holder, lease) = (&holding.holder, worker.settings.lease.as_secs_f64());
    let mut tx = worker.database.system().await?;
    let job = jobs::find(tx.conn(), holder.org_id, holder.job_id).await?;
    tx.commit().await?;
    let Some(job) = job else { return Ok(()) };
    let thing = match Thing::open(&job.spec).await {
        Ok(thing) => thing,
        Err(failure) => {
            tracing::warn!(job.id = %holder.job_id, "this worker cannot hold for the job: {failure}");
            return Ok(());
        }
    };
    if !holders::enlist(&worker.database, holder, lease).await? {
        return Ok(());
    }
    let (slots, end) = (TaskTracker::new(), CancellationToken::new());
    keep(worker, holding, thing, &slots, &end).await;
    end.cancel();
    slots.close();
    // A step in hand still needs what is held; its own lease ends it if it is not to go on.
    slots.wait().await;
    let ended = holders::leave(&worker.database, holder).await?;
    tracing::info!(job.id = %holder.job_id, generation = holder.generation, "let go of a job's holding");
    if ended && let Err(error) = worker.bus.delete_job_queue(holder.job_id).await {
        tracing::debug!(job.id = %holder.job_id, "the job's queue expires by itself: {error}");
    }
    Ok(())
}

/// Renews until it is time to let go; takes the point when it is told, and then steps.
async fn keep(
    worker: &Arc<Worker>,
    holding: &Holding,
    thing: Thing,
    slots: &TaskTracker,
    end: &CancellationToken,
) {
    let (holder, lease) = (&holding.holder, worker.settings.lease);
    let (mut thing, mut until) = (Some(thing), Instant::now() + lease);
    loop {
        let asked = Instant::now();
        match holders::renew(&worker.database, holder, lease.as_secs_f64()).await {
            Ok(None) => return,
            Ok(Some(look)) => {
                until = asked + lease;
                if let Some(thing) = thing.take_if(|_| is_told(&look))
                    && !take(worker, holding, thing, &look, slots, end).await
                {
                    return;
                }
            }
            Err(error) => {
                tracing::debug!(job.id = %holder.job_id, "a holding could not be renewed: {error}");
                if Instant::now() >= until {
                    return;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK.min(lease / 3)) => {}
            () = holding.look.notified() => {}
            () = worker.stopping.cancelled() => return,
        }
    }
}

/// Whether the point is there and this holder does not hold it yet.
fn is_told(look: &Look) -> bool {
    look.phase == HoldPhase::Fixing && look.state == HolderState::Enlisted
}

/// Takes the point, reports, and begins to take the job's steps; `false`: it came too late.
async fn take(
    worker: &Arc<Worker>,
    holding: &Holding,
    thing: Thing,
    look: &Look,
    slots: &TaskTracker,
    end: &CancellationToken,
) -> bool {
    let (holder, point) = (&holding.holder, look.point.clone().unwrap_or_default());
    match thing.fix(&point).await {
        // Before the report: a step may come at once after it.
        Ok(thing) => holding.set(thing),
        Err(failure) => {
            tracing::warn!(job.id = %holder.job_id, "this worker could not take the point: {failure}");
            return false;
        }
    }
    match holders::report(&worker.database, holder).await {
        Ok(true) => {}
        Ok(false) | Err(_) => return false,
    }
    tracing::info!(job.id = %holder.job_id, generation = holder.generation, "holding for a job");
    for _ in 0..worker.settings.permits {
        let slot = worker.bus.slot_of_job(holder.job_id);
        slots.spawn(consume::run(Arc::clone(worker), slot, end.clone()));
    }
    true
}
