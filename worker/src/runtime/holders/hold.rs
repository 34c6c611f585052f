//! One holding, from the offer to the letting go.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::domain::hold::{HoldPhase, HolderState};
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::job::Job;
use longshore_shared::failpoint::{Failpoint, reach};
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
    let holder = &holding.holder;
    let mut tx = worker.database.system().await?;
    let job = jobs::find(tx.conn(), holder.org_id, holder.job_id).await?;
    tx.commit().await?;
    let Some(job) = job else { return Ok(()) };
    let (asked, lease) = (Thing::sessions(&job.spec, worker.settings.permits), worker.settings.lease);
    let Some(sessions) = holders::offer(&worker.database, holder, asked, lease.as_secs_f64()).await? else {
        return Ok(());
    };
    let (slots, end) = (TaskTracker::new(), CancellationToken::new());
    if let Some(thing) = ready(worker, holding, job, sessions).await {
        let takers = if asked > 0 { u32::from(sessions.unsigned_abs()) } else { worker.settings.permits };
        keep(worker, holding, &thing, takers, &slots, &end).await;
        end.cancel();
        slots.close();
        // A step in hand still needs what is held; its own lease ends it if it is not to go on.
        slots.wait().await;
        thing.close();
    }
    let ended = holders::leave(&worker.database, holder).await?;
    tracing::info!(job.id = %holder.job_id, generation = holder.generation, "let go of a job's holding");
    if ended && let Err(error) = worker.bus.delete_job_queue(holder.job_id).await {
        tracing::debug!(job.id = %holder.job_id, "the job's queue expires by itself: {error}");
    }
    Ok(())
}

/// Gets ready within a lease; `None`: it cannot, or it is not wanted any more.
async fn ready(worker: &Arc<Worker>, holding: &Holding, job: Job, sessions: i16) -> Option<Arc<Thing>> {
    let holder = &holding.holder;
    let opening = Thing::open(worker.hands.clone(), job, worker.id, sessions);
    let opened = tokio::select! {
        opened = tokio::time::timeout(worker.settings.lease, opening) => opened.ok()?,
        () = worker.stopping.cancelled() => return None,
    };
    let thing = match opened {
        Ok(thing) => Arc::new(thing),
        Err(error) => {
            let (failure, _) = error.into_parts();
            tracing::warn!(job.id = %holder.job_id, "this worker cannot hold for the job: {failure}");
            return None;
        }
    };
    match holders::enlist(&worker.database, holder).await {
        Ok(true) => Some(thing),
        Ok(false) => None,
        Err(error) => {
            tracing::warn!(job.id = %holder.job_id, "this worker could not enlist: {error}");
            None
        }
    }
}

/// Renews until it is time to let go; takes the point when it is told, and then steps.
async fn keep(
    worker: &Arc<Worker>,
    holding: &Holding,
    thing: &Arc<Thing>,
    takers: u32,
    slots: &TaskTracker,
    end: &CancellationToken,
) {
    let (holder, lease) = (&holding.holder, worker.settings.lease);
    let mut until = Instant::now() + lease;
    while !thing.is_spent() {
        let asked = Instant::now();
        match holders::renew(&worker.database, holder, lease.as_secs_f64()).await {
            Ok(None) => return,
            Ok(Some(look)) => {
                until = asked + lease;
                if is_told(&look) && !take(worker, holding, thing, &look).await {
                    return;
                }
                // Only who was counted when the point was settled takes steps.
                if look.phase == HoldPhase::Open && slots.is_empty() {
                    for _ in 0..takers {
                        let slot = worker.bus.slot_of_job(holder.job_id);
                        slots.spawn(consume::run(Arc::clone(worker), slot, end.clone()));
                    }
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

/// Whether a point is there that this holder does not hold yet.
fn is_told(look: &Look) -> bool {
    look.phase == HoldPhase::Fixing && look.state == HolderState::Enlisted
}

/// Takes the point and reports; `false`: it came too late.
async fn take(worker: &Arc<Worker>, holding: &Holding, thing: &Arc<Thing>, look: &Look) -> bool {
    let (holder, point) = (&holding.holder, look.point.clone().unwrap_or_default());
    let mark = match thing.fix(&point).await {
        Ok(mark) => mark,
        Err(failure) => {
            tracing::info!(job.id = %holder.job_id, "this worker does not take the point: {failure}");
            return false;
        }
    };
    if reach(Failpoint::PointTaken).await.is_err() {
        return false;
    }
    // Before the report: a step may come at once after it.
    holding.set(Arc::clone(thing));
    match holders::report(&worker.database, holder, &point, &mark).await {
        // Another point may have been told meanwhile: the next look says.
        Ok(reported) => {
            tracing::info!(job.id = %holder.job_id, generation = holder.generation, reported, "took a job's point");
            true
        }
        Err(error) => {
            tracing::warn!(job.id = %holder.job_id, "a holder could not report: {error}");
            false
        }
    }
}
