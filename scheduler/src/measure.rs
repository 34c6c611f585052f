//! Measures how the whole fleet stands, for the gauges that no single process can know:
//! jobs, queues, windows, workers, the outbox, connections, schedules.
//!
//! Woken by a timer. Idempotent: it only reads. Two schedulers: the leader does it, and what it found is
//! shown only while it leads; the other one shows nothing, so that no series of the fleet stands twice.

use std::sync::Arc;
use std::time::{Duration, Instant};

use longshore_shared::domain::connection::ConnectionState;
use longshore_shared::domain::job::{JobKind, JobState};
use longshore_shared::domain::step::Queue;
use longshore_shared::store::{Conn, StoreError, jobs, measures, now, outbox, overdue, webhook_deliveries};
use longshore_shared::telemetry::{Metric, Picture, SessionState};
use longshore_shared::workflow::WorkflowError;

use crate::context::DutyContext;
use crate::duty::{Duty, Round};

const PAUSE: Duration = Duration::from_secs(5);
/// What turns on every connection or task is looked at less often.
const SLOW: Duration = Duration::from_secs(15);
/// Running jobs whose windows one round looks at; a histogram needs no more.
const JOBS: i64 = 200;

/// Measures the fleet.
#[derive(Default)]
pub(crate) struct Measure {
    /// What is looked at less often, and when it was.
    slow: Option<(Instant, Standing)>,
}

impl Duty for Measure {
    const NAME: &'static str = "measure";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        if context.leadership.term().is_none() {
            self.slow = None;
            return Ok(Round::Idle);
        }
        let mut tx = context.database.system().await?;
        let fleet = Fleet::look(tx.conn()).await?;
        let standing = match self.slow.take().filter(|(at, _)| at.elapsed() < SLOW) {
            Some(known) => known,
            None => (Instant::now(), Standing::look(tx.conn()).await?),
        };
        let window = jobs::window(tx.conn()).await?;
        let fills = measures::window_fill(tx.conn(), window, JOBS).await?;
        tx.commit().await?;
        let picture = Picture::new();
        fleet.show(&picture);
        standing.1.show(&picture);
        self.slow = Some(standing);
        let leadership = Arc::clone(&context.leadership);
        picture.show_while(move || leadership.term().is_some());
        for fill in fills {
            Metric::WindowFill.record(fill, &[]);
        }
        Ok(Round::Idle)
    }
}

/// Jobs, steps and messages, and who works.
struct Fleet {
    jobs: Vec<measures::ActiveJobs>,
    queues: Vec<measures::Unclaimed>,
    workers: (i64, i64),
    owed: (i64, f64),
    webhooks: i64,
    schedules: (i64, f64),
}

impl Fleet {
    async fn look(conn: &mut Conn) -> Result<Self, StoreError> {
        Ok(Self {
            jobs: measures::active_jobs(conn).await?,
            queues: measures::unclaimed(conn).await?,
            workers: measures::live_workers(conn).await?,
            owed: outbox::backlog(conn).await?,
            webhooks: webhook_deliveries::backlog(conn).await?,
            schedules: measures::schedules(conn).await?,
        })
    }

    fn show(&self, picture: &Picture) {
        for kind in JobKind::ALL {
            for state in JobState::ALL.iter().filter(|state| !state.is_final()) {
                let found = self.jobs.iter().find(|active| (active.kind, active.state) == (*kind, *state));
                let labels = [("kind", kind.as_str()), ("state", state.as_str())];
                picture.set(Metric::JobsActive, number(found.map_or(0, |active| active.jobs)), &labels);
                let oldest = found.map_or(0.0, |active| active.oldest_seconds);
                picture.set(Metric::OldestJob, oldest, &labels);
            }
        }
        for queue in Queue::ALL {
            let found = self.queues.iter().find(|unclaimed| unclaimed.queue == *queue);
            let labels = [("queue", queue.as_str())];
            picture.set(
                Metric::StepsUnclaimed,
                number(found.map_or(0, |unclaimed| unclaimed.steps)),
                &labels,
            );
            let oldest = found.map_or(0.0, |unclaimed| unclaimed.oldest_seconds);
            picture.set(Metric::QueueAge, oldest, &labels);
        }
        picture.set(Metric::WorkersLive, number(self.workers.0), &[]);
        picture.set(Metric::PermitsLive, number(self.workers.1), &[]);
        picture.set(Metric::OutboxBacklog, number(self.owed.0), &[]);
        picture.set(Metric::OutboxAge, self.owed.1, &[]);
        picture.set(Metric::WebhookBacklog, number(self.webhooks), &[]);
        picture.set(Metric::TasksScheduled, number(self.schedules.0), &[]);
        picture.set(Metric::ScheduleWait, self.schedules.1, &[]);
    }
}

/// What people have saved, and how it stands.
struct Standing {
    connections: Vec<(ConnectionState, i64)>,
    sessions: measures::LimitedSessions,
    overdue: i64,
    overdue_seconds: f64,
}

impl Standing {
    async fn look(conn: &mut Conn) -> Result<Self, StoreError> {
        let connections = measures::connections(conn).await?;
        let sessions = measures::limited_sessions(conn).await?;
        let found = overdue::find(conn, None, 1).await?;
        let now = now(conn).await?;
        let overdue_seconds = found.tasks.first().map_or(0.0, |task| (now - task.since).as_seconds_f64());
        Ok(Self { connections, sessions, overdue: found.total, overdue_seconds })
    }

    fn show(&self, picture: &Picture) {
        for state in ConnectionState::ALL {
            let found = self.connections.iter().find(|(found, _)| found == state);
            let connections = number(found.map_or(0, |(_, connections)| *connections));
            picture.set(Metric::Connections, connections, &[("state", state.as_str())]);
        }
        let sessions = self.sessions;
        for (state, count) in [(SessionState::Used, sessions.used), (SessionState::Allowed, sessions.allowed)]
        {
            picture.set(Metric::Sessions, number(count), &[("state", state.as_str())]);
        }
        picture.set(Metric::ConnectionsFull, number(sessions.full), &[]);
        picture.set(Metric::TasksOverdue, number(self.overdue), &[]);
        picture.set(Metric::OverdueAge, self.overdue_seconds, &[]);
    }
}

/// A gauge need not be exact beyond four thousand million.
fn number(count: i64) -> f64 {
    f64::from(u32::try_from(count).unwrap_or(u32::MAX))
}
