//! Takes lapsed leases back: the step of a worker that died goes to another one, or is
//! given up when every worker that takes it dies.
//!
//! Woken by a timer. Idempotent: each lease is looked at again under its job's lock, and
//! its token and the database's clock decide; a worker that renewed or ended in between
//! keeps what it has. Two schedulers: the lock makes them take turns, the second finds
//! nothing. After an outage of PostgreSQL, seen by any duty of this process or before its
//! start, it waits for one lease from the first answer: the workers could not renew
//! either, and get the chance to do so first.

use std::time::Duration;

use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::{WorkflowError, expire};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(1);
/// Leases that one round takes back at most.
const BATCH: i64 = 100;

/// Takes lapsed leases back.
pub(crate) struct Reap;

impl Duty for Reap {
    const NAME: &'static str = "reap";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        context.database.ping().await?;
        if context.outages.answered() < context.config.scheduler.lease {
            return Ok(Round::Idle);
        }
        let reaped = expire::lapsed(&context.database, BATCH).await?;
        if reaped.steps > 0 {
            tracing::warn!(steps = reaped.steps, "leases of silent workers were taken back");
            Metric::LeasesExpired.add(u64::try_from(reaped.steps).unwrap_or(u64::MAX), &[]);
        }
        context.publish(reaped.owed).await;
        Ok(Round::Idle)
    }
}
