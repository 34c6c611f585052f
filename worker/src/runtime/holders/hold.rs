//! One holding, from the offer to the letting go.

use std::sync::Arc;
use std::time::Duration;

use longshore_shared::bus::Wanted;
use longshore_shared::domain::failure::Failure;
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
use crate::steps::{self, SnapshotShare};

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
    let family = steps::family(&job.spec);
    let (asked, lease) = (family.sessions_to_hold(worker.settings.permits), worker.settings.lease);
    let Some(sessions) = holders::offer(&worker.database, holder, asked, lease.as_secs_f64()).await? else {
        return Ok(());
    };
    let (slots, end) = (TaskTracker::new(), CancellationToken::new());
    let mut why = None;
    match ready(worker, holding, job, sessions).await {
        Ok(Some(share)) => {
            let takers = if asked > 0 { u32::from(sessions.unsigned_abs()) } else { worker.settings.permits };
            why = keep(worker, holding, &share, takers, &slots, &end).await.err();
            end.cancel();
            slots.close();
            // A step in hand still needs what is held; its own lease ends it if it is not to go on.
            slots.wait().await;
            share.close().await;
        }
        Ok(None) => {}
        Err(failure) => why = Some(failure),
    }
    if let Some(failure) = &why {
        tracing::warn!(job.id = %holder.job_id, "this worker cannot hold for the job: {failure}");
    }
    let is_last = holders::leave(&worker.database, holder, why.as_ref()).await?;
    tracing::info!(job.id = %holder.job_id, generation = holder.generation, "let go of a job's holding");
    if is_last && let Err(error) = worker.bus.delete_job_queue(holder.job_id).await {
        tracing::debug!(job.id = %holder.job_id, "the job's queue expires by itself: {error}");
    }
    Ok(())
}

/// Whether the job's own queue is to be made anew when it is gone; if nobody can tell, it is.
fn wanted(worker: &Arc<Worker>, holder: &Holder) -> Wanted {
    let (database, holder) = (worker.database.clone(), holder.clone());
    Arc::new(move || {
        let (database, holder) = (database.clone(), holder.clone());
        Box::pin(async move { !matches!(holders::has_ended(&database, &holder).await, Ok(true)) })
    })
}

/// Gets ready within a lease; `None`: it is not wanted any more.
async fn ready(
    worker: &Arc<Worker>,
    holding: &Holding,
    job: Job,
    sessions: i16,
) -> Result<Option<Arc<SnapshotShare>>, Failure> {
    let holder = &holding.holder;
    let family = steps::family(&job.spec);
    let opening = family.hold(worker.resources.clone(), job, worker.id, sessions);
    let opened = tokio::select! {
        opened = tokio::time::timeout(worker.settings.lease, opening) => match opened {
            Ok(opened) => opened,
            Err(_) => return Ok(None),
        },
        () = worker.stopping.cancelled() => return Ok(None),
    };
    let share = Arc::new(opened.map_err(|error| error.into_parts().0)?);
    match holders::enlist(&worker.database, holder).await {
        Ok(true) => Ok(Some(share)),
        Ok(false) => {
            share.close().await;
            Ok(None)
        }
        Err(error) => {
            tracing::warn!(job.id = %holder.job_id, "this worker could not enlist: {error}");
            share.close().await;
            Ok(None)
        }
    }
}

/// Renews until it is time to let go; takes the point when it is told, and then steps.
async fn keep(
    worker: &Arc<Worker>,
    holding: &Holding,
    share: &Arc<SnapshotShare>,
    takers: u32,
    slots: &TaskTracker,
    end: &CancellationToken,
) -> Result<(), Failure> {
    let (holder, lease) = (&holding.holder, worker.settings.lease);
    let mut until = Instant::now() + lease;
    while !share.is_spent() {
        let asked = Instant::now();
        match holders::renew(&worker.database, holder, lease.as_secs_f64()).await {
            Ok(None) => return Ok(()),
            Ok(Some(look)) => {
                until = asked + lease;
                if is_told(&look) && !take(worker, holding, share, &look).await? {
                    return Ok(());
                }
                // Only who was counted when the point was settled takes steps.
                if look.phase == HoldPhase::Open && slots.is_empty() {
                    // The leader makes it too; who consumes what is not there loses a channel.
                    if let Err(error) = worker.bus.make_job_queue(holder.job_id).await {
                        tracing::debug!(job.id = %holder.job_id, "the job's queue is made by its slots: {error}");
                    }
                    for _ in 0..takers {
                        let slot = worker.bus.slot_of_job(holder.job_id, wanted(worker, holder));
                        slots.spawn(consume::run(Arc::clone(worker), slot, end.clone()));
                    }
                }
            }
            Err(error) => {
                tracing::debug!(job.id = %holder.job_id, "a holding could not be renewed: {error}");
                if Instant::now() >= until {
                    return Ok(());
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK.min(lease / 3)) => {}
            () = holding.look.notified() => {}
            () = worker.stopping.cancelled() => return Ok(()),
        }
    }
    Ok(())
}

/// Whether a point is there that this holder does not hold yet.
fn is_told(look: &Look) -> bool {
    look.phase == HoldPhase::Fixing && look.state == HolderState::Enlisted
}

/// Takes the point and reports; `false`: it is not wanted, or nobody can be told.
async fn take(
    worker: &Arc<Worker>,
    holding: &Holding,
    share: &Arc<SnapshotShare>,
    look: &Look,
) -> Result<bool, Failure> {
    let (holder, point) = (&holding.holder, look.point.clone().unwrap_or_default());
    if !share.fix(&point).await? || reach(Failpoint::PointTaken).await.is_err() {
        return Ok(false);
    }
    // Before the report: a step may come at once after it.
    holding.set(Arc::clone(share));
    match holders::report(&worker.database, holder, &point).await {
        // Another point may have been told meanwhile: the next look says.
        Ok(reported) => {
            tracing::info!(job.id = %holder.job_id, generation = holder.generation, reported, "took a job's point");
            Ok(true)
        }
        Err(error) => {
            tracing::warn!(job.id = %holder.job_id, "a holder could not report: {error}");
            Ok(false)
        }
    }
}
