//! Announces again the steps whose message is gone: RabbitMQ lost what it held, or a
//! worker died between taking a message and claiming its step.
//!
//! Woken by a timer. A message is taken for lost only when its queue holds fewer messages
//! than there are steps waiting to be claimed, and twice in a row, since a message in a
//! worker's hands is in neither number; then as many are announced again as are missing, the
//! oldest first. So a backlog does not multiply: it has its messages. Whatever the queue
//! holds, a step that waited for LONGSHORE_REANNOUNCE_SECONDS is announced again.
//! Idempotent: a step that is claimed meanwhile leaves a message that finds it taken. Two
//! schedulers: the leader does it; if two believe to lead for a moment, some messages are
//! double, which is harmless.

use std::collections::BTreeMap;
use std::time::Duration;

use longshore_shared::bus::BusError;
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::step::Queue;
use longshore_shared::store::steps;
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::{WorkflowError, publish};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::pulse::Need;

const PAUSE: Duration = Duration::from_secs(1);
/// A step is waited for so long before its message is missed at all.
const AGE_SECONDS: f64 = 2.0;
/// Steps that one round announces again at most, a queue.
const BATCH: i64 = 1_000;

/// A queue of the fleet, or a job's own.
type Place = (Queue, Option<JobId>);

/// Announces lost steps again.
#[derive(Default)]
pub(crate) struct Announce {
    /// How many messages each queue lacked at the last look.
    lacking: BTreeMap<Place, i64>,
}

impl Duty for Announce {
    const NAME: &'static str = "announce";
    const NEEDS: Need = Need::Work;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        let before = std::mem::take(&mut self.lacking);
        if context.leadership.term().is_none() || context.bus.ready().is_err() {
            return Ok(Round::Idle);
        }
        let longest = context.config.scheduler.reannounce.as_secs_f64();
        for (place, waiting) in waiting(context).await? {
            let lacks = lacks(context, place, waiting).await?;
            let lost = lacks.min(before.get(&place).copied().unwrap_or(0));
            if again(context, place, AGE_SECONDS, lost).await? == 0 {
                self.lacking.insert(place, lacks);
            }
            again(context, place, longest, BATCH).await?;
        }
        Ok(Round::Idle)
    }
}

/// How many steps wait to be claimed, by queue; jobs' own queues only if any wait there.
async fn waiting(context: &DutyContext) -> Result<Vec<(Place, i64)>, WorkflowError> {
    let mut tx = context.database.system().await?;
    let mut found = Vec::new();
    for queue in Queue::FLEET {
        found.push(((*queue, None), steps::unclaimed(tx.conn(), *queue, AGE_SECONDS).await?));
    }
    let own = steps::unclaimed_by_job(tx.conn(), AGE_SECONDS).await?;
    found.extend(own.into_iter().map(|(job_id, waiting)| ((Queue::Job, Some(job_id)), waiting)));
    tx.commit().await?;
    Ok(found)
}

/// How many messages the queue lacks.
async fn lacks(context: &DutyContext, (queue, job_id): Place, waiting: i64) -> Result<i64, WorkflowError> {
    if waiting == 0 {
        return Ok(0);
    }
    let depth = match job_id {
        Some(job_id) => context.bus.depth_of_job(job_id).await,
        None => context.bus.depth(queue).await,
    };
    let held = match depth {
        Ok(held) => held,
        // The queue is gone; publishing makes it again.
        Err(BusError::Broker { .. }) => 0,
        Err(error) => return Err(error.into()),
    };
    Ok(missing(waiting, held))
}

fn missing(waiting: i64, held: u32) -> i64 {
    waiting.saturating_sub(i64::from(held)).clamp(0, BATCH)
}

async fn again(
    context: &DutyContext,
    (queue, job_id): Place,
    age_seconds: f64,
    limit: i64,
) -> Result<usize, WorkflowError> {
    if limit == 0 {
        return Ok(0);
    }
    let owed = publish::unclaimed(&context.database, queue, job_id, age_seconds, limit).await?;
    if owed.is_empty() {
        return Ok(0);
    }
    tracing::info!(queue = %queue, steps = owed.len(), "steps that nobody claimed are announced again");
    Metric::StepsReannounced.add(u64::try_from(owed.len()).unwrap_or(u64::MAX), &[]);
    let found = owed.len();
    context.publish(owed).await;
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::{BATCH, missing};

    #[test]
    fn only_what_the_queue_lacks() {
        assert_eq!(missing(10, 0), 10);
        assert_eq!(missing(10, 7), 3);
        assert_eq!(missing(10, 4_000_000_000), 0);
        assert_eq!(missing(50_000, 2), BATCH);
    }
}
