//! Measures how the whole fleet stands, for the gauges that no single process can know:
//! jobs, queues, windows, workers, the outbox.
//!
//! Woken by a timer. Idempotent: it only reads. Two schedulers: the leader does it, the
//! other one shows zeroes, so that a sum over all schedulers is the truth.

use std::time::Duration;

use longshore_shared::domain::job::{JobKind, JobState};
use longshore_shared::domain::step::Queue;
use longshore_shared::store::{Conn, StoreError, jobs, measures, outbox, webhook_deliveries};
use longshore_shared::telemetry::Metric;
use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(5);
/// Running jobs whose windows one round looks at; a histogram needs no more.
const JOBS: i64 = 200;

/// Measures the fleet.
pub(crate) struct Measure;

impl Duty for Measure {
    const NAME: &'static str = "measure";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_none() {
            Picture::default().show();
            return Ok(Round::Idle);
        }
        let mut tx = context.database.system().await?;
        let picture = Picture::take(tx.conn()).await?;
        let window = jobs::window(tx.conn()).await?;
        let fills = measures::window_fill(tx.conn(), window, JOBS).await?;
        tx.commit().await?;
        picture.show();
        for fill in fills {
            Metric::WindowFill.record(fill, &[]);
        }
        Ok(Round::Idle)
    }
}

/// What was found; nothing at all is what a scheduler shows that does not lead.
#[derive(Default)]
struct Picture {
    jobs: Vec<(JobKind, JobState, i64)>,
    queues: Vec<measures::Unclaimed>,
    workers: i64,
    permits: i64,
    owed: i64,
    owed_seconds: f64,
    webhooks: i64,
}

impl Picture {
    async fn take(conn: &mut Conn) -> Result<Self, StoreError> {
        let jobs = measures::active_jobs(conn).await?;
        let queues = measures::unclaimed(conn).await?;
        let (workers, permits) = measures::live_workers(conn).await?;
        let (owed, owed_seconds) = outbox::backlog(conn).await?;
        let webhooks = webhook_deliveries::backlog(conn).await?;
        Ok(Self { jobs, queues, workers, permits, owed, owed_seconds, webhooks })
    }

    fn show(&self) {
        for kind in JobKind::ALL {
            for state in JobState::ALL.iter().filter(|state| !state.is_final()) {
                let found = self.jobs.iter().find(|(k, s, _)| (k, s) == (kind, state));
                let labels = [("kind", kind.as_str()), ("state", state.as_str())];
                Metric::JobsActive.set(number(found.map_or(0, |(_, _, jobs)| *jobs)), &labels);
            }
        }
        for queue in Queue::ALL {
            let found = self.queues.iter().find(|unclaimed| unclaimed.queue == *queue);
            let labels = [("queue", queue.as_str())];
            Metric::StepsUnclaimed.set(number(found.map_or(0, |unclaimed| unclaimed.steps)), &labels);
            Metric::QueueAge.set(found.map_or(0.0, |unclaimed| unclaimed.oldest_seconds), &labels);
        }
        Metric::WorkersLive.set(number(self.workers), &[]);
        Metric::PermitsLive.set(number(self.permits), &[]);
        Metric::OutboxBacklog.set(number(self.owed), &[]);
        Metric::OutboxAge.set(self.owed_seconds, &[]);
        Metric::WebhookBacklog.set(number(self.webhooks), &[]);
    }
}

/// A gauge need not be exact beyond four thousand million.
fn number(count: i64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
