//! Feels whether there is anything to do, for every other duty.
//!
//! Woken by a timer, twice a second: one statement. What the duties promise holds though they rest
//! meanwhile: none of their bounds is shorter than this timer. Idempotent: it only reads. Two
//! schedulers: each feels for itself. While PostgreSQL does not answer nobody rests, so that every
//! duty learns of the outage as it always did.

use std::time::Duration;

use longshore_shared::store::pulse;
use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::EVERYTHING;

const PAUSE: Duration = Duration::from_millis(500);

/// Feels the pulse.
pub(crate) struct Feel;

impl Duty for Feel {
    const NAME: &'static str = "pulse";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        match pulse::feel(&context.database).await {
            Ok(felt) => {
                context.outages.answered();
                context.pulse.set(felt);
                Ok(Round::Idle)
            }
            Err(error) => {
                context.pulse.set(EVERYTHING);
                Err(error.into())
            }
        }
    }
}
