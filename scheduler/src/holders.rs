//! Strikes off holders of jobs that fell silent, and lets a job whose holders are all gone
//! start again from its enlisting. Removes the queues of ended jobs whose holders are gone.
//!
//! Woken by a timer. Idempotent: each holder and job is looked at again under the job's
//! lock. Two schedulers: the leader does it; a second one would find it done. After an
//! outage of PostgreSQL it waits for one lease, as the reaper does: holders could not renew.
//! A scheduler remembers which queues it removed; one that does not removes them once more.

use std::collections::HashMap;
use std::time::Duration;

use longshore_shared::domain::id::JobId;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::{WorkflowError, holders};
use tokio::time::Instant;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(1);
/// Holders and jobs that one round looks at, at most.
const BATCH: i64 = 100;
/// Longer than an ended job is looked at.
const REMEMBERED: Duration = Duration::from_secs(900);

/// Recovers from lost holders.
#[derive(Default)]
pub(crate) struct Recover {
    /// Ended jobs whose queue was removed for good, and when.
    done: HashMap<JobId, Instant>,
}

impl Duty for Recover {
    const NAME: &'static str = "holders";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_none() {
            return Ok(Round::Idle);
        }
        context.database.ping().await?;
        if context.outages.answered() < context.config.scheduler.lease {
            return Ok(Round::Idle);
        }
        self.done.retain(|_, removed| removed.elapsed() < REMEMBERED);
        let done: Vec<_> = self.done.keys().copied().collect();
        let recovered = holders::recover(&context.database, BATCH, &done).await?;
        if recovered.struck + recovered.restarted > 0 {
            let (struck, jobs) = (recovered.struck, recovered.restarted);
            tracing::warn!(holders = struck, jobs, "holders were lost; jobs that have none left start again");
            Metric::HoldersLost.add(u64::try_from(struck).unwrap_or(u64::MAX), &[]);
            Metric::JobsRestarted.add(u64::try_from(jobs).unwrap_or(u64::MAX), &[]);
        }
        for (job_id, for_good) in recovered.ended {
            match context.bus.delete_job_queue(job_id).await {
                Ok(()) if for_good => drop(self.done.insert(job_id, Instant::now())),
                Ok(()) => {}
                Err(error) => tracing::debug!(job.id = %job_id, "the job's queue is removed later: {error}"),
            }
        }
        context.publish(recovered.owed).await;
        Ok(Round::Idle)
    }
}
