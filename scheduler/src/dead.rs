//! Keeps for an operator what was put aside: the dead queue is emptied into the store.
//!
//! Woken by a timer. Idempotent: a message is acknowledged after it is stored; one that is
//! stored and comes again counts up its row. Two schedulers: the leader does it; a second
//! one would take other messages. What is kept is bounded in number, length and age.

use std::time::Duration;

use longshore_shared::store::dead_letters;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::{WorkflowError, dead_letters as workflow};
use tokio::time::Instant;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(4);
/// Messages that one round takes at most.
const BATCH: usize = 100;
/// How often what is kept is cut to its bounds.
const CUT: Duration = Duration::from_secs(60);
/// Messages that are kept at most, and for how long.
const MOST: i64 = 10_000;
const AGE_SECONDS: f64 = 30.0 * 86_400.0;

/// Keeps dead letters.
#[derive(Default)]
pub(crate) struct Keep {
    cut: Option<Instant>,
}

impl Duty for Keep {
    const NAME: &'static str = "dead letters";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_none() || context.bus.ready().is_err() {
            return Ok(Round::Idle);
        }
        // What is taken and given back too often, RabbitMQ drops: the store has to be there.
        context.database.ping().await?;
        let kept = workflow::keep(&context.database, &context.bus, BATCH).await?;
        for class in &kept {
            Metric::DeadLetters.increment(&[("class", class.as_str())]);
        }
        if self.cut.is_none_or(|at| at.elapsed() >= CUT) {
            let mut tx = context.database.system().await?;
            dead_letters::prune(tx.conn(), AGE_SECONDS, MOST).await?;
            tx.commit().await?;
            self.cut = Some(Instant::now());
        }
        Ok(if kept.len() == BATCH { Round::More } else { Round::Idle })
    }
}
