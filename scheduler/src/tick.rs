//! Fires schedules: a task whose time has come gets its job.
//!
//! Woken by a timer. One transaction a task: its row is locked, the job is submitted with
//! its due time, the next time is set. Idempotent: (task, due time) is unique, and a
//! transaction whose commit was not confirmed has either moved the next time on or is made
//! again. Two schedulers: the leader does it; the row lock makes two that believe to lead
//! take different tasks, and the transaction of an old term is rolled back. A schedule that
//! is edited, paused or deleted waits for the lock or wins it: the row is read under it.
//!
//! Missed times (all schedulers were down): only the latest is fired, and only within
//! [`CATCH_UP`] of it, since a sync meant for the night must not run at noon. A run that has
//! not ended yet: the due time is skipped.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::job::Trigger;
use longshore_shared::domain::schedule::Schedule;
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::outbox::Owed;
use longshore_shared::store::sync_tasks::{Due, SyncTask};
use longshore_shared::store::{Conn, StoreError, jobs, sync_tasks};
use longshore_shared::telemetry::{Metric, TraceContext};
use longshore_shared::workflow::{WorkflowError, submit};

use crate::Ground;
use crate::duty::{Duty, Round};
use crate::leader::Term;

const PAUSE: Duration = Duration::from_millis(500);
/// A due time that is older than this is missed, not fired.
const CATCH_UP: TimeDelta = TimeDelta::hours(1);
/// Tasks that are fired side by side at most; a lane takes a connection of the pool.
const LANES: u32 = 4;
/// Tasks that a lane fires before it publishes what they owe.
const BATCH: usize = 50;

/// Fires what is due.
pub(crate) struct Tick;

impl Duty for Tick {
    const NAME: &'static str = "tick";

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, ground: &Ground) -> Result<Round, WorkflowError> {
        let Some(term) = ground.leadership.term() else { return Ok(Round::Idle) };
        let lanes = (ground.config.database.connections / 3).clamp(1, LANES);
        let lanes = try_join_all((0..lanes).map(|_| lane(ground, term))).await?;
        Ok(if lanes.contains(&Round::More) { Round::More } else { Round::Idle })
    }
}

/// Fires one task after the other, then publishes what they owe.
async fn lane(ground: &Ground, term: Term) -> Result<Round, WorkflowError> {
    let mut owed = Vec::new();
    let mut state = Round::More;
    let mut outcome = Ok(());
    for _ in 0..BATCH {
        match fire_one(ground, term).await {
            Ok(Some(rows)) => owed.extend(rows),
            Ok(None) => state = Round::Idle,
            // The API started a run between our look and our insert: the next look sees it.
            Err(WorkflowError::RunInProgress | WorkflowError::AlreadyFired) => {}
            Err(error) => outcome = Err(error),
        }
        if state == Round::Idle || outcome.is_err() {
            break;
        }
    }
    ground.publish(owed).await;
    outcome.map(|()| state)
}

/// Fires one due task, if there is one; answers the outbox rows to publish.
async fn fire_one(ground: &Ground, term: Term) -> Result<Option<Vec<Owed>>, WorkflowError> {
    let mut tx = ground.database.system().await?;
    let conn = tx.conn();
    let Some(due) = sync_tasks::lock_due(conn).await? else { return Ok(None) };
    let fired = match sync_tasks::find(conn, due.org_id, due.id).await {
        Ok(Some(SyncTask { schedule: None, .. }) | None) => {
            sync_tasks::set_next_run(conn, due.org_id, due.id, None).await?;
            Fired::Nothing
        }
        Ok(Some(task)) => fire(conn, &task, &due).await?,
        Err(StoreError::Row(reason)) => {
            // One row that does not read must not keep the others from their turn.
            tracing::error!(task.id = %due.id, reason, "a task does not read; it is looked at again in an hour");
            let later = due.now + TimeDelta::hours(1);
            sync_tasks::set_next_run(conn, due.org_id, due.id, Some(later)).await?;
            Fired::Nothing
        }
        Err(error) => return Err(error.into()),
    };
    reach(Failpoint::FireBeforeCommit).await.map_err(StoreError::from)?;
    // Last, so that what was frozen anywhere above is refused.
    if !ground.leadership.fence(conn, term).await? {
        tracing::warn!("the firing of an old term is rolled back");
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(fired.tell(&due)))
}

/// What came of a due time.
enum Fired {
    Job { id: JobId, due_at: DateTime<Utc>, owed: Vec<Owed> },
    Skipped,
    Missed,
    Nothing,
}

impl Fired {
    /// Says so, now that it is committed; answers what to publish.
    fn tell(self, due: &Due) -> Vec<Owed> {
        let result = match self {
            Self::Job { id, due_at, owed } => {
                tracing::info!(task.id = %due.id, job.id = %id, %due_at, "a schedule fired");
                Metric::SchedulesFired.increment(&[("result", "fired")]);
                return owed;
            }
            Self::Skipped => "skipped",
            Self::Missed => "missed",
            Self::Nothing => return Vec::new(),
        };
        let reason = if result == "skipped" { "the last run has not ended" } else { "it is too long ago" };
        tracing::warn!(task.id = %due.id, due_at = %due.at, result, "a schedule did not fire: {reason}");
        Metric::SchedulesFired.increment(&[("result", result)]);
        Vec::new()
    }
}

async fn fire(conn: &mut Conn, task: &SyncTask, due: &Due) -> Result<Fired, WorkflowError> {
    let Some(schedule) = &task.schedule else { return Ok(Fired::Nothing) };
    let Decision { fire, next } = decide(schedule, due.at, due.now);
    sync_tasks::set_next_run(conn, task.org_id, task.id, next).await?;
    let Some(due_at) = fire else { return Ok(Fired::Missed) };
    let standing = jobs::standing(conn, task.org_id, task.id, due_at).await?;
    if standing.fired {
        return Ok(Fired::Nothing);
    }
    if standing.active {
        return Ok(Fired::Skipped);
    }
    let trace = TraceContext::fresh().to_string();
    let submitted = submit::sync_run(conn, task, Trigger::Schedule, Some(due_at), Some(&trace)).await?;
    Ok(Fired::Job { id: submitted.job.id, due_at, owed: submitted.owed })
}

/// What is to be done about a due time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Decision {
    /// The due time to fire, unless all that were due are too long ago.
    fire: Option<DateTime<Utc>>,
    /// When it is due again.
    next: Option<DateTime<Utc>>,
}

/// Of all times from `due_at` to `now` the latest counts.
fn decide(schedule: &Schedule, due_at: DateTime<Utc>, now: DateTime<Utc>) -> Decision {
    let from = due_at.max(now - CATCH_UP) - TimeDelta::microseconds(1);
    Decision { fire: schedule.last_until(from, now), next: schedule.next_after(now.max(due_at)) }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use chrono::{DateTime, Utc};
    use longshore_shared::domain::schedule::Schedule;

    use super::decide;

    #[test]
    fn only_the_latest_missed_time_fires_and_only_within_the_bound() {
        let check = |cron: &str, due: &str, now: &str, fire: Option<&str>, next: &str| {
            let at = |time: &str| format!("2026-03-02T{time}Z").parse::<DateTime<Utc>>().unwrap();
            let decision = decide(&Schedule::parse(cron, "UTC").unwrap(), at(due), at(now));
            assert_eq!(decision.fire, fire.map(at), "{cron} {due} {now}");
            assert_eq!(decision.next, Some(at(next)), "{cron} {due} {now}");
        };
        check("* * * * *", "10:00:00", "10:00:00.4", Some("10:00:00"), "10:01:00");
        check("* * * * *", "10:00:00", "10:00:00", Some("10:00:00"), "10:01:00");
        check("* * * * *", "10:00:00", "13:07:30", Some("13:07:00"), "13:08:00");
        check("0 * * * *", "10:00:00", "13:07:30", Some("13:00:00"), "14:00:00");
        check("0 3,20 * * *", "03:00:00", "04:00:00", Some("03:00:00"), "20:00:00");
        check("0 3,20 * * *", "03:00:00", "04:00:01", None, "20:00:00");
        check("0 */4 * * *", "04:00:00", "13:00:00", Some("12:00:00"), "16:00:00");
        // The row was written by a clock that is ahead: never twice for one time.
        check("* * * * *", "10:05:00", "10:04:00", None, "10:06:00");
    }
}
