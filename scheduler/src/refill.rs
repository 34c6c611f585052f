//! Fills the windows of running jobs that have fewer steps out than they might.
//!
//! A step's end announces the next ones by itself; this is for what no end tells of:
//! workers joined, another job ended. Woken by a timer. Idempotent: it announces waiting
//! steps under the job's lock, until the window is full. Two schedulers: the leader does
//! it; a second one would find the window full.

use std::time::Duration;

use longshore_shared::workflow::{WorkflowError, refill};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(2);
/// Jobs that one round fills at most.
const BATCH: i64 = 100;

/// Fills windows.
pub(crate) struct Refill;

impl Duty for Refill {
    const NAME: &'static str = "refill";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_some() {
            let owed = refill::windows(&context.database, BATCH).await?;
            context.publish(owed).await;
        }
        Ok(Round::Idle)
    }
}
