//! Deletes what has served: details of jobs that ended long ago, confirmed outbox rows,
//! requests' keys, workers that are long silent, deliveries to webhooks and what came of due
//! times of more than a month ago, tests of connections that nobody asked for.
//!
//! Woken by a timer, and again at once while there is more, a batch at a time. Idempotent:
//! what is deleted is not there the next time. Two schedulers: the leader does it; a second
//! one would take other rows, or find none.

use std::time::Duration;

use longshore_shared::store::{idempotency_keys, outbox, schedule_events, webhook_deliveries, workers};
use longshore_shared::workflow::{WorkflowError, prune};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(600);
/// Until it is known whether this scheduler leads.
const LOOK: Duration = Duration::from_secs(2);
const DAY_SECONDS: f64 = 86_400.0;

/// Deletes old rows.
#[derive(Default)]
pub(crate) struct Prune {
    led: bool,
}

impl Duty for Prune {
    const NAME: &'static str = "prune";

    fn pause(&self) -> Duration {
        if self.led { PAUSE } else { LOOK }
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        self.led = context.leadership.term().is_some();
        if !self.led {
            return Ok(Round::Idle);
        }
        let mut tx = context.database.system().await?;
        let messages = outbox::prune(tx.conn(), DAY_SECONDS, prune::ROWS).await?;
        let keys = idempotency_keys::prune(tx.conn(), prune::ROWS).await?;
        let silent = workers::prune(tx.conn(), DAY_SECONDS).await?;
        schedule_events::prune(tx.conn(), 30.0 * DAY_SECONDS, prune::ROWS).await?;
        webhook_deliveries::prune(tx.conn(), 30.0 * DAY_SECONDS, prune::ROWS).await?;
        tx.commit().await?;
        let history =
            prune::history(&context.database, context.config.scheduler.history.as_secs_f64()).await?;
        let tests = prune::rechecks(&context.database, DAY_SECONDS).await?;
        if messages + keys + silent + history.rows + tests > 0 {
            tracing::debug!(
                messages,
                keys,
                workers = silent,
                jobs = history.jobs,
                tests,
                details = history.rows,
                "old rows were deleted"
            );
        }
        Ok(if history.more || messages + keys + tests > 0 { Round::More } else { Round::Idle })
    }
}
