//! The step that leads: it asks for holders, tells them the point, and lets the work begin.
//!
//! Idempotent: each attempt begins a new generation, and whoever holds an older one lets go.
//! Without a trace: holders of a job that ends let go by themselves. The leader need not be
//! a holder. While it waits it is an ordinary step: leased, counted, cancelled like any other.

use std::time::Duration;

use longshore_shared::bus::Control;
use longshore_shared::clock;
use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::step::{Lease, Outcome};
use longshore_shared::store::job_holders::Standing;
use longshore_shared::workflow::{WorkflowError, holders};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::runtime::Worker;
use crate::steps::StepError;

/// Between two looks at who has come; the question is asked again each time, since a
/// control message may be lost.
const LOOK: Duration = Duration::from_millis(250);
/// How long all holders are waited for; then those who came suffice.
const ALL: Duration = Duration::from_secs(5);
/// How long the first is waited for.
const ANY: Duration = Duration::from_secs(20);

/// Leads the enlisting of at most `wanted` holders.
pub(in crate::runtime) async fn run(
    worker: &Worker,
    lease: &Lease,
    wanted: u32,
) -> Result<Outcome, StepError> {
    let generation = holders::begin(&worker.database, lease, wanted).await.map_err(of_workflow)?;
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    let ask = Control::Enlist { org_id, job_id, generation };
    let enough = |at: Standing| at.enlisted >= i64::from(wanted).min(at.live.max(1));
    let came = wait(worker, lease, generation, &ask, |at| at.enlisted, enough).await?;
    if came == 0 {
        return Err(nobody("no worker was free to hold something for this job").into());
    }
    let point = Value::String(clock::fresh_id().to_string());
    holders::fix(&worker.database, lease, generation, &point).await.map_err(of_workflow)?;
    let tell = Control::Look { org_id, job_id };
    wait(worker, lease, generation, &tell, |at| at.held, |at| at.enlisted == 0).await?;
    let held = holders::open(&worker.database, lease, generation).await.map_err(of_workflow)?;
    if held == 0 {
        return Err(nobody("no holder reported in time").into());
    }
    if let Err(error) = worker.bus.make_job_queue(job_id).await {
        tracing::debug!(job.id = %job_id, "the job's queue is made by whoever needs it first: {error}");
    }
    Ok(Outcome { detail: json!({"generation": generation, "holders": held}), ..Outcome::default() })
}

/// Tells and looks until `enough`, or for as long as patience lasts; answers how many came.
async fn wait(
    worker: &Worker,
    lease: &Lease,
    generation: i32,
    message: &Control,
    came: impl Fn(Standing) -> i64,
    enough: impl Fn(Standing) -> bool,
) -> Result<i64, StepError> {
    let since = Instant::now();
    loop {
        // The holders' own looks come to the same, only later.
        let _ = tokio::time::timeout(LOOK, worker.bus.tell(message)).await;
        tokio::time::sleep(LOOK).await;
        let at = holders::standing(&worker.database, lease, generation).await.map_err(of_workflow)?;
        let (waited, came) = (since.elapsed(), came(at));
        if enough(at) || came > 0 && waited >= ALL || waited >= ANY {
            return Ok(came);
        }
    }
}

fn nobody(what: &str) -> Failure {
    Failure::transient(
        FailureClass::Internal,
        "no_holders",
        what,
        "start more workers, or wait until other jobs that are held have ended",
    )
}

fn of_workflow(error: WorkflowError) -> StepError {
    match error {
        WorkflowError::Store(error) => error.into(),
        // A newer attempt leads; what this one answers changes nothing.
        error => nobody(&error.to_string()).into(),
    }
}
