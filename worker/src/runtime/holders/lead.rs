//! The step that leads: it asks for holders, tells them the point, and lets the work begin.
//!
//! Idempotent: each attempt begins a new generation, and whoever holds an older one lets go.
//! Without a trace: holders of a job that ends let go by themselves. The leader need not be
//! a holder. While it waits it is an ordinary step: leased, counted, cancelled like any other.

use std::time::Duration;

use longshore_shared::bus::Control;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::step::{Lease, Outcome};
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::job_holders::{Enlisted, Standing};
use longshore_shared::workflow::{WorkflowError, holders};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::runtime::Worker;
use crate::steps::{Fixed, Leader, StepError};

/// Between two looks at who has come: short at first, for commits may be stopped meanwhile.
const LOOKS: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(250));
/// The question is asked again so often, since a control message may be lost.
const ASK: Duration = Duration::from_millis(500);

/// How long is waited.
struct Patience {
    /// For somebody who has not offered himself yet, while others are there.
    more: Duration,
    /// For all who have.
    all: Duration,
    /// For the first.
    any: Duration,
}

/// A login may go through several SSH hosts.
const ENLISTING: Patience =
    Patience { more: Duration::from_secs(2), all: Duration::from_secs(15), any: Duration::from_secs(20) };
/// Nobody may commit on the source meanwhile.
const FIXING: Patience =
    Patience { more: Duration::from_secs(3), all: Duration::from_secs(3), any: Duration::from_secs(3) };

/// Leads, with what the step's family brings along.
pub(in crate::runtime) async fn lead(
    worker: &Worker,
    lease: &Lease,
    mut leader: Box<dyn Leader>,
) -> Result<Outcome, StepError> {
    let wanted = leader.wanted()?;
    let begun = holders::begin(&worker.database, lease, wanted).await.map_err(of_workflow)?;
    if begun.restarts > 0 {
        leader.restart(worker.settings.lease).await?;
    }
    let generation = begun.generation;
    let mut enlisted = enlist(worker, lease, generation, wanted).await?;
    loop {
        let point = leader.point(&enlisted).await?;
        reach(Failpoint::PointStopped).await?;
        tell(worker, lease, generation, &point).await?;
        let held = holders::enlisted(&worker.database, lease, generation).await.map_err(of_workflow)?;
        if leader.stands(&held).await? {
            break;
        }
        enlisted = held;
    }
    // The gate is closed before commits go on: who comes later saw a later state.
    let holders = open(worker, lease, generation).await?;
    reach(Failpoint::PointSettled).await?;
    let Fixed { warning, point } = leader.end(&holders).await?;
    call(worker, lease).await;
    let detail = json!({"generation": generation, "holders": holders.len(), "point": point});
    Ok(Outcome { detail, warnings: warning.into_iter().collect(), ..Outcome::default() })
}

/// Waits for holders that are ready.
async fn enlist(
    worker: &Worker,
    lease: &Lease,
    generation: i32,
    wanted: u32,
) -> Result<Vec<Enlisted>, StepError> {
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    let ask = Control::Enlist { org_id, job_id, generation };
    let here = |at: Standing| at.preparing + at.enlisted;
    let full = |at: Standing| here(at) >= i64::from(wanted).min(at.live.max(1));
    let all = |at: Standing| at.preparing == 0;
    let came = wait(worker, lease, generation, &ask, &ENLISTING, |at| at.enlisted, full, all).await?;
    if came == 0 {
        return Err(nobody(worker, lease, generation).await);
    }
    holders::enlisted(&worker.database, lease, generation).await.map_err(of_workflow)
}

/// Tells the point and waits until all who are ready hold it, or time is up.
async fn tell(worker: &Worker, lease: &Lease, generation: i32, point: &Value) -> Result<(), StepError> {
    holders::fix(&worker.database, lease, generation, point).await.map_err(of_workflow)?;
    let tell = Control::Look { org_id: lease.org_id, job_id: lease.job_id };
    let all = |at: Standing| at.enlisted == 0;
    wait(worker, lease, generation, &tell, &FIXING, |at| at.held, all, all).await?;
    Ok(())
}

/// Leaves out who does not hold the point, and lets the work begin; answers who holds it.
async fn open(worker: &Worker, lease: &Lease, generation: i32) -> Result<Vec<WorkerId>, StepError> {
    let held = holders::open(&worker.database, lease, generation).await.map_err(of_workflow)?;
    if held.is_empty() {
        return Err(nobody(worker, lease, generation).await);
    }
    Ok(held)
}

/// Calls the holders to work: without it they would come at their next look. Nobody's commits wait
/// for RabbitMQ any more.
async fn call(worker: &Worker, lease: &Lease) {
    if let Err(error) = worker.bus.make_job_queue(lease.job_id).await {
        tracing::debug!(job.id = %lease.job_id, "the job's queue is made by whoever needs it first: {error}");
    }
    let word = Control::Look { org_id: lease.org_id, job_id: lease.job_id };
    let _ = tokio::time::timeout(LOOKS.1, worker.bus.tell(&word)).await;
}

/// Tells and looks until as many came as can, and all of them are done, or for as long as
/// patience lasts; answers how many are.
#[expect(clippy::too_many_arguments, reason = "three questions about one standing")]
async fn wait(
    worker: &Worker,
    lease: &Lease,
    generation: i32,
    message: &Control,
    patience: &Patience,
    done: impl Fn(Standing) -> i64,
    full: impl Fn(Standing) -> bool,
    all: impl Fn(Standing) -> bool,
) -> Result<i64, StepError> {
    let since = Instant::now();
    let (mut look, mut asked) = (LOOKS.0, None::<Instant>);
    loop {
        if asked.is_none_or(|at| at.elapsed() >= ASK) {
            // The holders' own looks come to the same, only later.
            let _ = tokio::time::timeout(LOOKS.1, worker.bus.tell(message)).await;
            asked = Some(Instant::now());
        }
        tokio::time::sleep(look).await;
        look = (look * 2).min(LOOKS.1);
        let at = holders::standing(&worker.database, lease, generation).await.map_err(of_workflow)?;
        let (waited, done) = (since.elapsed(), done(at));
        let enough = all(at) && (full(at) || waited >= patience.more) || waited >= patience.all;
        if done > 0 && enough || waited >= patience.any {
            return Ok(done);
        }
    }
}

/// Why nobody holds: what kept those who tried, if anything did; else nobody was free.
async fn nobody(worker: &Worker, lease: &Lease, generation: i32) -> StepError {
    match holders::refusals(&worker.database, lease, generation).await {
        Ok(refusals) => refusals.into_iter().next().unwrap_or_else(nobody_free).into(),
        Err(error) => of_workflow(error),
    }
}

fn nobody_free() -> Failure {
    Failure::transient(FailureCode::NoHolders, "no worker is free to hold something for this job")
}

fn of_workflow(error: WorkflowError) -> StepError {
    match error {
        WorkflowError::Store(error) => error.into(),
        // A newer attempt leads; what this one answers changes nothing.
        _ => nobody_free().into(),
    }
}
