//! A job's events as they happen (server-sent events).
//!
//! State first, so that whoever reconnects is right at once: event `job` with the whole
//! view, again whenever the job or one of its tables goes to another state; `progress`
//! at most twice a second; `end` when nothing will change any more. The store is asked
//! when running steps report something, and once a second whatever they do.

use std::convert::Infallible;
use std::time::{Duration, Instant};

use axum::extract::State;
use axum::http::HeaderName;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::{Stream, stream};
use longshore_shared::domain::id::JobId;
use serde::Serialize;
use tokio::time::{Interval, MissedTickBehavior};

use crate::access::{Caller, History};
use crate::error::ApiError;
use crate::extract::Id;
use crate::records::job;
use crate::state::AppState;
use crate::view::{JobView, ProgressEvent};

/// Between two looks.
const TICK: Duration = Duration::from_millis(500);
/// How long a look may take.
const PATIENCE: Duration = Duration::from_secs(10);
/// Looks without a report after which the store is asked all the same.
const QUIET: u32 = 2;

/// Follows a job.
#[utoipa::path(get, path = "/v1/jobs/{id}/events", operation_id = "follow_job", tag = "jobs",
    params(("id" = uuid::Uuid, Path, description = "the job")),
    responses((status = 200, content_type = "text/event-stream", body = ProgressEvent,
        description = "events `job` (data: a Job), `progress` (data: a ProgressEvent) and `end` (data: {})")))]
pub(crate) async fn events(
    caller: Caller<History>,
    State(state): State<AppState>,
    Id(id): Id<JobId>,
) -> Result<impl IntoResponse, ApiError> {
    let mut watch = Watch::new(caller, state, id);
    // A job that is not there is answered 404 and not with an empty stream.
    let first = watch.look().await?;
    watch.next = Next::Job(Box::new(first));
    let unbuffered = [(HeaderName::from_static("x-accel-buffering"), "no")];
    Ok((unbuffered, Sse::new(watch.events()).keep_alive(KeepAlive::new().interval(Duration::from_secs(15)))))
}

/// What the stream says next.
enum Next {
    Job(Box<JobView>),
    Wait,
    End,
    Nothing,
}

struct Watch {
    caller: Caller<History>,
    state: AppState,
    id: JobId,
    next: Next,
    ticks: Interval,
    told: Option<(JobView, ProgressEvent)>,
    version: u64,
    quiet: u32,
}

impl Watch {
    fn new(caller: Caller<History>, state: AppState, id: JobId) -> Self {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { caller, state, id, next: Next::Wait, ticks, told: None, version: 0, quiet: 0 }
    }

    fn events(self) -> impl Stream<Item = Result<Event, Infallible>> {
        stream::unfold(self, |mut watch| async move {
            let event = watch.event().await?;
            Some((Ok(event), watch))
        })
    }

    /// The next event; none when the stream is over or the process stops.
    async fn event(&mut self) -> Option<Event> {
        loop {
            match std::mem::replace(&mut self.next, Next::Wait) {
                Next::Job(view) => {
                    self.next = if view.is_final() { Next::End } else { Next::Wait };
                    let (event, progress) = (named("job", &*view), view.progress());
                    self.told = Some((*view, progress));
                    return Some(event);
                }
                Next::End => {
                    self.next = Next::Nothing;
                    return Some(Event::default().event("end").data("{}"));
                }
                Next::Nothing => return None,
                Next::Wait => {
                    let shutdown = self.state.shutdown.clone();
                    shutdown.run_until_cancelled(self.ticks.tick()).await?;
                    if let Some(progress) = self.tick().await {
                        return Some(progress);
                    }
                }
            }
        }
    }

    /// Looks again if there is a reason to; a milestone is told next, progress at once.
    async fn tick(&mut self) -> Option<Event> {
        let version = self.state.progress_hub.of(self.caller.org_id(), self.id, Instant::now()).version;
        self.quiet += 1;
        if version == self.version && self.quiet < QUIET {
            return None;
        }
        (self.version, self.quiet) = (version, 0);
        // The store may be away for a while; the stream waits for it.
        let view = tokio::time::timeout(PATIENCE, self.look()).await.ok()?.ok()?;
        let (before, told) = self.told.as_ref()?;
        if view.milestone() != before.milestone() {
            self.next = Next::Job(Box::new(view));
            return None;
        }
        let progress = view.progress();
        if progress == *told {
            return None;
        }
        let event = named("progress", &progress);
        self.told = Some((view, progress));
        Some(event)
    }

    async fn look(&self) -> Result<JobView, ApiError> {
        let mut tx = self.caller.read_only().await?;
        let view = job::view(&mut tx, &self.state.progress_hub, self.id).await?;
        tx.commit().await?;
        Ok(view)
    }
}

fn named(name: &str, data: &impl Serialize) -> Event {
    // Views hold nothing that JSON cannot say.
    Event::default().event(name).json_data(data).unwrap_or_else(|_| Event::default().event(name).data("{}"))
}
