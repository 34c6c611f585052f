//! Publishes what the outbox owes and nobody published: its process died after the
//! commit, RabbitMQ was away, or it had a pause and nobody waits for it.
//!
//! Woken by a timer, often, so that the pauses of retries are kept to a quarter of a
//! second. Idempotent: a row is marked once RabbitMQ confirmed it; one that is published
//! and not marked is published again, and the second message finds its step taken. Two
//! schedulers: the rows of one are locked while it awaits their confirms, the other
//! skips them.

use std::time::Duration;

use longshore_shared::store::outbox;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::{WorkflowError, publish};
use tokio::time::Instant;

use crate::Ground;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_millis(250);
/// Rows that one round publishes at most.
const BATCH: i64 = 500;
/// How often the backlog is measured.
const MEASURE: Duration = Duration::from_secs(5);

/// Publishes overdue rows.
#[derive(Default)]
pub(crate) struct Sweep {
    measured: Option<Instant>,
}

impl Duty for Sweep {
    const NAME: &'static str = "sweep";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, ground: &Ground) -> Result<Round, WorkflowError> {
        if self.measured.is_none_or(|at| at.elapsed() >= MEASURE) {
            measure(ground).await?;
            self.measured = Some(Instant::now());
        }
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

async fn measure(ground: &Ground) -> Result<(), WorkflowError> {
    let mut tx = ground.database.system().await?;
    let (owed, _) = outbox::backlog(tx.conn()).await?;
    tx.commit().await?;
    // A gauge need not be exact beyond four thousand million.
    Metric::OutboxBacklog.set(f64::from(u32::try_from(owed).unwrap_or(u32::MAX)), &[]);
    Ok(())
}
