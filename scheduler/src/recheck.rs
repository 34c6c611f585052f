//! Tests saved connections again by itself, so that their state is not older than people think.
//!
//! Woken by a timer. A connection is tested once in the setting's time, a quarter more or less,
//! so that those that were registered together do not stay together; a few at once over the
//! whole fleet, as bulk work that no person waits behind. Idempotent: a connection's next time
//! is set before its test is asked for, in a transaction of its own, since who settles a test
//! locks job before connection. A scheduler that dies in between leaves one test out. Two
//! schedulers: the leader does it; a second one would take other connections.

use std::time::Duration;

use longshore_shared::domain::actor::Actor;
use longshore_shared::store::connections::checks;
use longshore_shared::telemetry::TraceContext;
use longshore_shared::workflow::WorkflowError;
use longshore_shared::workflow::submit::{self, Request, Tested};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

/// Between two looks: a small part of the setting's time, within these bounds.
const PAUSES: (Duration, Duration) = (Duration::from_secs(2), Duration::from_secs(15));
const PART: u32 = 20;
/// Tests that are on their way at once, over the whole fleet.
const TOGETHER: i64 = 4;
/// Who asks for these tests.
const ASKS: &str = "regular check of connections";
/// Connections that are given their time in one statement.
const PLANNED: i64 = 1_000;

/// Tests what was not tested for long.
#[derive(Default)]
pub(crate) struct Recheck {
    every: Duration,
}

impl Duty for Recheck {
    const NAME: &'static str = "recheck";

    fn pause(&self) -> Duration {
        (self.every / PART).clamp(PAUSES.0, PAUSES.1)
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        self.every = context.config.scheduler.recheck;
        let every = self.every.as_secs_f64();
        let Some(term) = context.leadership.term() else { return Ok(Round::Idle) };
        if every <= 0.0 {
            return Ok(Round::Idle);
        }
        let mut tx = context.database.system().await?;
        let planned = checks::plan(tx.conn(), every, PLANNED).await?;
        let room = TOGETHER - checks::in_flight(tx.conn()).await?;
        let due = if room > 0 { checks::take_due(tx.conn(), every, room).await? } else { Vec::new() };
        if !context.leadership.fence(tx.conn(), term).await? {
            return Ok(Round::Idle);
        }
        tx.commit().await?;
        let mut owed = Vec::new();
        if !due.is_empty() {
            let mut tx = context.database.system().await?;
            for (org_id, id, name) in due {
                let trace = TraceContext::fresh().to_string();
                let request = Request { by: Actor::longshore(ASKS), trace: Some(&trace) };
                let tested = Tested::Saved(id, name);
                let submitted = submit::connection_test(tx.conn(), org_id, tested, request).await?;
                owed.extend(submitted.owed);
            }
            tx.commit().await?;
        }
        context.publish(owed).await;
        Ok(if planned >= PLANNED.unsigned_abs() { Round::More } else { Round::Idle })
    }
}
