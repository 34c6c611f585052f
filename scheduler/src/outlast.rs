//! Ends jobs that have lasted longer than any job may (`LONGSHORE_JOB_SECONDS`).
//!
//! Woken by a timer. Idempotent: each job is looked at again under its lock. Two schedulers:
//! the leader does it; a second one would find nothing.

use std::time::Duration;

use longshore_shared::workflow::{WorkflowError, outlast};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(5);
/// Jobs that one round ends at most.
const BATCH: i64 = 100;

/// Ends jobs that outlast the bound.
pub(crate) struct Outlast;

impl Duty for Outlast {
    const NAME: &'static str = "outlast";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        let longest = context.config.scheduler.longest_job;
        if longest.is_zero() || context.leadership.term().is_none() {
            return Ok(Round::Idle);
        }
        let ended = outlast::end(&context.database, longest, BATCH).await?;
        if ended > 0 {
            tracing::warn!(jobs = ended, "jobs that lasted too long are ended");
        }
        Ok(Round::Idle)
    }
}
