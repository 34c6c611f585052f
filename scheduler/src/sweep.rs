//! Publishes what the outbox owes and nobody published: its process died after the
//! commit, RabbitMQ was away, or it had a pause and nobody waits for it.
//!
//! Woken by a timer, often, so that the pauses of retries are kept to a quarter of a
//! second. Idempotent: a row is marked once RabbitMQ confirmed it; one that is published
//! and not marked is published again, and the second message finds its step taken. Two
//! schedulers: the rows of one are locked while it awaits their confirms, the other
//! skips them.
//!
//! RabbitMQ may lose what makes a queue work and keep its name: a node that is killed just
//! after it made a quorum queue can come back with one that has no leader and never confirms a
//! message. Such a queue is deleted and made anew. Nothing is lost by that, whoever is right: its
//! steps are announced again, as after every loss of messages.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use longshore_shared::domain::id::JobId;
use longshore_shared::domain::step::Queue;
use longshore_shared::workflow::publish::Swept;
use longshore_shared::workflow::{WorkflowError, publish};
use tokio::time::Instant;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_millis(250);
/// Rows that one round publishes at most.
const BATCH: i64 = 500;

/// How long a queue may take nothing before it is made anew: a job's own matters to nobody else,
/// one of the fleet may be without a leader for a while.
const fn patience(queue: Queue) -> Duration {
    match queue {
        Queue::Job => Duration::from_secs(1),
        Queue::Interactive | Queue::First | Queue::Bulk => Duration::from_secs(60),
    }
}

/// Publishes overdue rows.
#[derive(Default)]
pub(crate) struct Sweep {
    /// Queues that took nothing in each round since then.
    silent: BTreeMap<(Queue, Option<JobId>), Instant>,
}

impl Duty for Sweep {
    const NAME: &'static str = "sweep";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        // The bus itself tells of an outage; no rows need be locked to learn of it.
        if context.bus.ready().is_err() {
            return Ok(Round::Idle);
        }
        let age = context.config.scheduler.sweep.as_secs_f64();
        let Swept { published, silent, error } =
            publish::overdue(&context.database, &context.bus, age, BATCH).await?;
        if published > 0 {
            tracing::debug!(published, "overdue messages were published");
        }
        self.mend(context, silent).await;
        if let Some(error) = error {
            return Err(error);
        }
        Ok(if i64::try_from(published).is_ok_and(|n| n >= BATCH) { Round::More } else { Round::Idle })
    }
}

impl Sweep {
    async fn mend(&mut self, context: &DutyContext, silent: BTreeSet<(Queue, Option<JobId>)>) {
        let before = std::mem::take(&mut self.silent);
        for (queue, own) in silent {
            let since = before.get(&(queue, own)).copied().unwrap_or_else(Instant::now);
            self.silent.insert((queue, own), since);
            // If RabbitMQ takes what needs no queue, it is the queue that is wrong.
            if since.elapsed() < patience(queue) || context.bus.takes_messages().await.is_err() {
                continue;
            }
            self.silent.remove(&(queue, own));
            match context.bus.remake(queue, own).await {
                Ok(()) => {
                    tracing::warn!(%queue, job.id = own.map(tracing::field::display), "a queue that took no messages was made anew");
                }
                Err(error) => {
                    tracing::warn!(%queue, "a queue takes no messages and cannot be made anew: {error}");
                }
            }
        }
    }
}
