//! Publishes what the outbox owes and nobody published: its process died after the
//! commit, RabbitMQ was away, or it had a pause and nobody waits for it.
//!
//! Woken by a timer, often, so that the pauses of retries are kept to a quarter of a
//! second. Idempotent: a row is marked once RabbitMQ confirmed it; one that is published
//! and not marked is published again, and the second message finds its step taken. Two
//! schedulers: the rows of one are locked while it awaits their confirms, the other
//! skips them.

use std::time::Duration;

use longshore_shared::workflow::{WorkflowError, publish};

use crate::Ground;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_millis(250);
/// Rows that one round publishes at most.
const BATCH: i64 = 500;

/// Publishes overdue rows.
pub(crate) struct Sweep;

impl Duty for Sweep {
    const NAME: &'static str = "sweep";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, ground: &Ground) -> Result<Round, WorkflowError> {
        // The bus itself tells of an outage; no rows need be locked to learn of it.
        if ground.bus.ready().is_err() {
            return Ok(Round::Idle);
        }
        let age = ground.config.scheduler.sweep.as_secs_f64();
        let published = publish::overdue(&ground.database, &ground.bus, age, BATCH).await?;
        if published > 0 {
            tracing::debug!(published, "overdue messages were published");
        }
        Ok(if i64::try_from(published).is_ok_and(|n| n >= BATCH) { Round::More } else { Round::Idle })
    }
}
