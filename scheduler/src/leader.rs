//! Takes the leadership, and keeps it.
//!
//! Woken by a timer. Idempotent: taking what one holds renews it. Two schedulers: see [`leadership`].
//!
//! [`leadership`]: crate::leadership

use std::time::Duration;

use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::leadership::LEASE;

/// Takes the leadership when it is free and keeps it.
pub(crate) struct Lead;

impl Duty for Lead {
    const NAME: &'static str = "lead";

    fn pause(&self) -> Duration {
        LEASE / 4
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        context.leadership.take(&context.database).await?;
        Ok(Round::Idle)
    }
}
