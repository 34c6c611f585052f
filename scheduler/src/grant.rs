//! Lets jobs go on that wait for their target, once nobody is in their way.
//!
//! Woken by a timer, as often as the sweep publishes what it then owes; it is the only
//! waker, so no release can be missed. Idempotent: who holds is not given anything again.
//! Two schedulers: a lock of the area makes them take turns, the second finds nobody.

use std::time::Duration;

use longshore_shared::workflow::{WorkflowError, target};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_millis(250);

/// Gives free targets to those that wait.
pub(crate) struct Grant;

impl Duty for Grant {
    const NAME: &'static str = "target";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        let woken = target::grant(&context.database).await?;
        if woken > 0 {
            tracing::debug!(jobs = woken, "jobs that waited for their target go on");
        }
        Ok(Round::Idle)
    }
}
