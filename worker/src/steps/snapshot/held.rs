//! A worker's part of a job's snapshot: sessions of the source that see one point.
//!
//! Each of the job's steps on this worker borrows one and brings it back. A session that does not
//! come back sound is ended on its server; once none is left the worker has nothing to hold.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future::try_join_all;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::id::WorkerId;
use longshore_shared::domain::job::Job;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::connections::edits;
use longshore_shared::store::job_tables;
use serde::Deserialize;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::shared_reader::SharedReader;
use super::{Point, structure};
use crate::engine::shape::TableShape;
use crate::engine::{Login, Reader};
use crate::steps::attempt::read;
use crate::steps::attempt::{Side, WorkerResources, log_in};
use crate::steps::error::StepError;
use crate::steps::secrets::{changed, gone};
use crate::tunnel::Sharing;

/// How long a step waits for a session that another one has just ended with.
const LENDING: Duration = Duration::from_secs(60);
/// What was heard of within this time is taken to live.
const FRESH: Duration = Duration::from_secs(5);
/// How long an answer, and ending a session that is of no use any more may take.
const ENDING: Duration = Duration::from_secs(5);

/// Sessions that see one point, once it was fixed.
pub(crate) struct Snapshot {
    resources: WorkerResources,
    side: Side,
    job: Job,
    worker_id: WorkerId,
    idle: Mutex<Vec<Idle>>,
    /// Sessions that still see the point, lent ones among them.
    left: AtomicUsize,
    closed: AtomicBool,
    news: Notify,
}

/// What every family's plan of a table holds.
#[derive(Deserialize)]
struct Planned {
    shape: TableShape,
}

/// A session that nobody has borrowed.
struct Idle {
    session: Box<dyn Reader>,
    /// When the server last answered it.
    heard: Instant,
}

impl Idle {
    fn new(session: Box<dyn Reader>) -> Self {
        Self { session, heard: Instant::now() }
    }
}

impl std::fmt::Debug for Snapshot {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Snapshot")
            .field("job", &self.job.id)
            .field("left", &self.left)
            .finish_non_exhaustive()
    }
}

impl Snapshot {
    /// Logs in with so many sessions; fixes nothing.
    pub(crate) async fn open(
        resources: WorkerResources,
        job: Job,
        worker_id: WorkerId,
        sessions: i16,
    ) -> Result<Arc<Self>, StepError> {
        let source = job.source_id.ok_or_else(|| gone("source"))?;
        let mut tx = resources.database.system().await?;
        let found = edits::find_for_job(tx.conn(), job.org_id, source, job.id).await?;
        let now = longshore_shared::store::connections::find(tx.conn(), job.org_id, source).await?;
        tx.commit().await?;
        let Some(found) = found else {
            return Err(now.map_or_else(|| gone("source"), |now| changed(&now)).into());
        };
        let side = Side::new(found, (job.id, SecretName::SourcePassword), sessions);
        let open = (0..sessions.max(1)).map(|_| async {
            let seat = side.seat().await;
            let login = log_in(&resources, &side, job.id, Sharing::Own).await?;
            let opened = side.driver().reader(&Login { seat, ..login }).await;
            opened.map_err(|failure| StepError::from(side.named(failure)))
        });
        let opened = match try_join_all(open).await {
            Ok(opened) => opened,
            Err(error) => {
                side.closed().await;
                return Err(error);
            }
        };
        let idle: Vec<Idle> = opened.into_iter().map(Idle::new).collect();
        let left = AtomicUsize::new(idle.len());
        Ok(Arc::new(Self {
            side,
            resources,
            job,
            worker_id,
            idle: Mutex::new(idle),
            left,
            closed: AtomicBool::new(false),
            news: Notify::new(),
        }))
    }

    /// Opens every session's view. Can be told a later point, whose views take the place of the
    /// older ones. `false`: another worker alone is to read.
    pub(crate) async fn fix(&self, point: &Value) -> Result<bool, Failure> {
        let point: Point = read(point, "point")?;
        if point.only.is_some_and(|only| only != self.worker_id) {
            return Ok(false);
        }
        let idle = std::mem::take(&mut *self.lock());
        let mut sessions: Vec<_> = idle.into_iter().map(|idle| idle.session).collect();
        if point.only.is_some() {
            sessions.truncate(1);
        }
        for session in &sessions {
            if !point.server.is_empty() && session.identity() != point.server {
                return Err(self.side.named(elsewhere()));
            }
        }
        if point.round > 1 {
            try_join_all(sessions.iter_mut().map(|session| session.end_snapshot())).await?;
        }
        try_join_all(sessions.iter_mut().map(|session| session.begin_snapshot(point.token.as_ref()))).await?;
        if let ([only], Some(1)) = (sessions.as_mut_slice(), self.side.connection.max_sessions) {
            structure::check_by(&mut **only, self.side.driver(), &self.planned().await?).await?;
        }
        self.left.store(sessions.len(), Ordering::SeqCst);
        *self.lock() = sessions.into_iter().map(Idle::new).collect();
        Ok(true)
    }

    /// The tables that will be read, as they were planned.
    async fn planned(&self) -> Result<Vec<TableShape>, Failure> {
        let plans = async {
            let mut tx = self.resources.database.system().await?;
            let plans = job_tables::plans(tx.conn(), self.job.org_id, self.job.id, None).await?;
            tx.commit().await?;
            Ok::<_, StepError>(plans)
        };
        let plans = plans.await.map_err(|error| error.into_parts().0)?;
        let written = plans.iter().filter(|(_, plan)| !plan.is_null());
        written.map(|(_, plan)| read::<Planned>(plan, "plan").map(|plan| plan.shape)).collect()
    }

    /// A session that sees the point; waits for one that is about to come back.
    pub(in crate::steps) async fn lend(self: &Arc<Self>) -> Result<SharedReader, Failure> {
        let lent = async {
            loop {
                let news = self.news.notified();
                let idle = self.lock().pop();
                if let Some(Idle { session, heard }) = idle {
                    // In its keeper's resources from here on: a step that is stopped while it asks
                    // must not take the session with it.
                    let mut lent = SharedReader::new(Arc::clone(self), session);
                    if heard.elapsed() < FRESH || lent.is_alive(ENDING).await {
                        return Ok(lent);
                    }
                    lent.discard().await;
                    continue;
                }
                if self.is_spent() {
                    return Err(lost());
                }
                news.await;
            }
        };
        tokio::time::timeout(LENDING, lent).await.unwrap_or_else(|_| Err(lost()))
    }

    /// Nothing is left that sees the point.
    pub(crate) fn is_spent(&self) -> bool {
        self.closed.load(Ordering::SeqCst) || self.left.load(Ordering::SeqCst) == 0
    }

    /// The session is sound and sees the point still.
    pub(super) fn take_back(&self, session: Box<dyn Reader>) {
        self.lock().push(Idle::new(session));
        // All who wait: of two that come back at once a single word would be kept.
        self.news.notify_waiters();
    }

    /// The session is of no use any more: it is ended on its server, where a statement of it may
    /// still run.
    pub(super) async fn discard(&self, session: Box<dyn Reader>) {
        let id = session.session_id();
        drop(session);
        self.left.fetch_sub(1, Ordering::SeqCst);
        self.news.notify_waiters();
        let seat = self.side.last_seat().await;
        if !self.side.is_to_be_ended() {
            return;
        }
        let ended = async {
            let login = log_in(&self.resources, &self.side, self.job.id, Sharing::Shared).await?;
            let login = Login { seat, ..login };
            Ok::<_, StepError>(self.side.driver().end_sessions(&login, &[id]).await?)
        };
        if !matches!(tokio::time::timeout(ENDING, ended).await, Ok(Ok(()))) {
            tracing::warn!(job.id = %self.job.id, "a session that read a snapshot could not be ended in time");
        }
    }

    /// Lets go of the point; its sessions are over on the server then, within bounds.
    pub(crate) async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.lock().clear();
        self.news.notify_waiters();
        self.side.closed().await;
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::SeqCst)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Idle>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn lost() -> Failure {
    Failure::transient(
        FailureCode::SnapshotLost,
        "the sessions that saw the job's snapshot on this worker are gone",
    )
}

fn elsewhere() -> Failure {
    Failure::transient(
        FailureCode::SourceChanged,
        "the address leads to several servers: this worker reached another one than the one that leads",
    )
}
