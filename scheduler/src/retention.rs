//! Deletes what has served: confirmed outbox rows, workers that are long silent, and what
//! came of due times of more than a month ago.
//!
//! Woken by a timer. Idempotent: what is deleted is not there the next time. Two
//! schedulers: the leader does it; a second one would delete nothing more.

use std::time::Duration;

use longshore_shared::store::{outbox, schedule_events, workers};
use longshore_shared::workflow::WorkflowError;

use crate::Ground;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(600);
const DAY_SECONDS: f64 = 86_400.0;
/// Rows that one round deletes at most of a table that grows with the runs.
const BATCH: i64 = 10_000;

/// Deletes old rows.
pub(crate) struct Prune;

impl Duty for Prune {
    const NAME: &'static str = "prune";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, ground: &Ground) -> Result<Round, WorkflowError> {
        if ground.leadership.term().is_some() {
            let mut tx = ground.database.system().await?;
            let messages = outbox::prune(tx.conn(), DAY_SECONDS).await?;
            let silent = workers::prune(tx.conn(), DAY_SECONDS).await?;
            schedule_events::prune(tx.conn(), 30.0 * DAY_SECONDS, BATCH).await?;
            tx.commit().await?;
            if messages + silent > 0 {
                tracing::debug!(messages, workers = silent, "old rows were deleted");
            }
        }
        Ok(Round::Idle)
    }
}
