//! Lets go runs that wait although the run before them has ended.
//!
//! The transition that ends a run lets the next one go; this is for what that missed (an
//! older release ended the run, or a row was mended by hand). Woken by a timer. Idempotent:
//! it looks again under the task's lock. Two schedulers: the leader does it; a second one
//! would find nothing.

use std::time::Duration;

use longshore_shared::workflow::{WorkflowError, release};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(5);
/// Runs that one round lets go at most.
const BATCH: i64 = 100;

/// Lets waiting runs go.
pub(crate) struct Unqueue;

impl Duty for Unqueue {
    const NAME: &'static str = "unqueue";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_some() {
            let found = release::reconcile(&context.database, BATCH).await?;
            if found > 0 {
                tracing::warn!(runs = found, "runs waited although nothing was in their way");
            }
        }
        Ok(Round::Idle)
    }
}
