//! Fires schedules: a task whose time has come gets its job.
//!
//! Woken by a timer. In one transaction, for a few tasks at a time: the task's row is locked,
//! the job is submitted with its due time, the next time is set, and what came of it is
//! written to the task's history. Idempotent: (task, due time) is unique, and a transaction whose commit was not confirmed
//! has either moved the next time on or is made again. Two schedulers: the leader does it;
//! the row lock makes two that believe to lead take different tasks, and the transaction of
//! an old term is rolled back. A schedule that is edited, paused or deleted waits for the
//! lock or wins it: the row is read under it.
//!
//! Organisations take turns, a few tasks each, so that one with thousands of due tasks holds up
//! nobody else's. Missed times (all schedulers were down): only the latest is fired, and only
//! within the task's own bound, since a sync meant for the night must not run at noon. A run
//! that has not ended yet: the due time is skipped or queued, as the task says.

mod decide;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::job::Trigger;
use longshore_shared::domain::schedule::DueResult;
use longshore_shared::domain::sync::Overlap;
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::outbox::Owed;
use longshore_shared::store::schedule_events::Entry;
use longshore_shared::store::sync_tasks::{Due, SyncTask};
use longshore_shared::store::{Conn, StoreError, jobs, schedule_events, sync_tasks};
use longshore_shared::telemetry::{Metric, TraceContext};
use longshore_shared::workflow::{WorkflowError, submit};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::leadership::Term;
use crate::pulse::Need;
use decide::{Decision, decide};

const PAUSE: Duration = Duration::from_millis(500);
/// Tasks that are fired side by side at most; a lane takes a connection of the pool.
const LANES: u32 = 4;
/// Turns of organisations before a lane publishes what they owe, or one for each of them.
const TURNS: usize = 4;
/// Tasks of one organisation that are fired in one turn and transaction: one commit for many.
const TOGETHER: i64 = 15;

/// Fires what is due.
pub(crate) struct Tick;

impl Duty for Tick {
    const NAME: &'static str = "tick";
    const NEEDS: Need = Need::Due;

    fn pause(&self) -> Duration {
        PAUSE
    }

    async fn round(&mut self, context: &DutyContext) -> Result<Round, WorkflowError> {
        let Some(term) = context.leadership.term() else { return Ok(Round::Idle) };
        let mut tx = context.database.system().await?;
        let organisations = sync_tasks::due_organisations(tx.conn()).await?;
        tx.commit().await?;
        if organisations.is_empty() {
            return Ok(Round::Idle);
        }
        let lanes = (context.config.process.database.connections / 3).clamp(1, LANES);
        let fired = try_join_all((0..lanes).map(|_| lane(context, term, organisations.clone()))).await?;
        // A task that is locked by its edit is looked at again after a pause.
        Ok(if fired.contains(&true) { Round::More } else { Round::Idle })
    }
}

/// Fires some tasks of each organisation in turn, then publishes what they owe; answers
/// whether there was any.
async fn lane(context: &DutyContext, term: Term, mut waiting: Vec<OrgId>) -> Result<bool, WorkflowError> {
    let (mut owed, mut fired) = (Vec::new(), false);
    let mut outcome = Ok(());
    for turn in 0..TURNS.max(waiting.len()) {
        if waiting.is_empty() {
            break;
        }
        let place = turn % waiting.len();
        match fire_some(context, term, waiting[place]).await {
            Ok(some) if some.is_empty() => {
                waiting.swap_remove(place);
            }
            Ok(some) => {
                fired = true;
                owed.extend(some.into_iter().flatten());
            }
            // The API started a run between our look and our insert: the next look sees it.
            Err(WorkflowError::RunInProgress | WorkflowError::AlreadyFired) => {}
            Err(error) => {
                outcome = Err(error);
                break;
            }
        }
    }
    context.publish(owed).await;
    outcome.map(|()| fired)
}

/// Fires a few due tasks of the organisation, if there are any; answers the outbox rows to
/// publish, task by task.
async fn fire_some(
    context: &DutyContext,
    term: Term,
    org_id: OrgId,
) -> Result<Vec<Vec<Owed>>, WorkflowError> {
    let mut tx = context.database.system().await?;
    let conn = tx.conn();
    let mut turns = Vec::new();
    for due in sync_tasks::lock_due(conn, org_id, TOGETHER).await? {
        turns.push((due, take_turn(conn, &due).await?));
    }
    if turns.is_empty() {
        return Ok(Vec::new());
    }
    reach(Failpoint::FireBeforeCommit).await.map_err(StoreError::from)?;
    // Last, so that what was frozen anywhere above is refused.
    if !context.leadership.fence(conn, term).await? {
        tracing::warn!("the firing of an old term is rolled back");
        return Ok(Vec::new());
    }
    tx.commit().await?;
    Ok(turns.into_iter().map(|(due, fired)| fired.tell(&due)).collect())
}

/// One due task's turn: whatever comes of it is written to its history.
async fn take_turn(conn: &mut Conn, due: &Due) -> Result<Fired, WorkflowError> {
    let fired = match sync_tasks::find(conn, due.org_id, due.id).await {
        Ok(Some(SyncTask { schedule: None, .. }) | None) => {
            sync_tasks::set_next_run(conn, due.org_id, due.id, None).await?;
            Fired::default()
        }
        Ok(Some(task)) => fire(conn, &task, due).await?,
        Err(StoreError::Row(reason)) => {
            // One row that does not read must not keep the others from their turn.
            tracing::error!(task.id = %due.id, reason, "a task does not read; it is looked at again in an hour");
            let later = due.now + TimeDelta::hours(1);
            sync_tasks::set_next_run(conn, due.org_id, due.id, Some(later)).await?;
            Fired::one(due.at, DueResult::Unreadable, None)
        }
        Err(error) => return Err(error.into()),
    };
    for entry in &fired.entries {
        schedule_events::add(conn, due.org_id, due.id, entry).await?;
    }
    Ok(fired)
}

/// What came of a task's turn.
#[derive(Default)]
struct Fired {
    /// For the task's history.
    entries: Vec<Entry>,
    /// To be published.
    owed: Vec<Owed>,
}

impl Fired {
    fn one(due_at: DateTime<Utc>, result: DueResult, job_id: Option<JobId>) -> Self {
        let entry = Entry { due_at, last_due_at: due_at, times: 1, result, job_id };
        Self { entries: vec![entry], owed: Vec::new() }
    }

    /// Says so, now that it is committed; answers what to publish.
    fn tell(self, due: &Due) -> Vec<Owed> {
        for Entry { due_at, times, result, job_id, .. } in self.entries {
            let job = job_id.map(|id| id.to_string());
            match result {
                DueResult::Fired | DueResult::Queued => {
                    tracing::info!(task.id = %due.id, job.id = job, %due_at, %result, "a schedule fired");
                }
                DueResult::Skipped | DueResult::Missed | DueResult::Unreadable => {
                    tracing::warn!(task.id = %due.id, job.id = job, %due_at, times, %result, "a schedule did not fire");
                }
            }
            if matches!(result, DueResult::Fired | DueResult::Queued) {
                Metric::ScheduleLag.record((due.now - due_at).as_seconds_f64(), &[]);
            }
            Metric::SchedulesFired.add(u64::try_from(times).unwrap_or(1), &[("result", result.as_str())]);
        }
        self.owed
    }
}

async fn fire(conn: &mut Conn, task: &SyncTask, due: &Due) -> Result<Fired, WorkflowError> {
    let Some(schedule) = &task.schedule else { return Ok(Fired::default()) };
    let bound = TimeDelta::seconds(task.catch_up_seconds.into());
    let Decision { missed, fire, next } = decide(schedule, due.at, due.now, bound);
    sync_tasks::set_next_run(conn, task.org_id, task.id, next).await?;
    let mut fired = match fire {
        Some(due_at) => run(conn, task, due_at).await?,
        None => Fired::default(),
    };
    fired.entries.splice(0..0, missed);
    Ok(fired)
}

async fn run(conn: &mut Conn, task: &SyncTask, due_at: DateTime<Utc>) -> Result<Fired, WorkflowError> {
    let standing = jobs::standing(conn, task.org_id, task.id, due_at).await?;
    if standing.fired {
        return Ok(Fired::default());
    }
    if task.overlap == Overlap::Skip
        && let Some(active) = standing.active
    {
        return Ok(Fired::one(due_at, DueResult::Skipped, Some(active)));
    }
    let trace = TraceContext::fresh().to_string();
    match submit::sync_run(conn, task, Trigger::Schedule, None, Some(due_at), Some(&trace)).await {
        Ok(submitted) => {
            let queued = submitted.job.queued_behind.is_some();
            let result = if queued { DueResult::Queued } else { DueResult::Fired };
            Ok(Fired { owed: submitted.owed, ..Fired::one(due_at, result, Some(submitted.job.id)) })
        }
        // What a person asked for waits already, and does what this due time would.
        Err(WorkflowError::RunQueued(job_id)) => Ok(Fired::one(due_at, DueResult::Skipped, Some(job_id))),
        Err(error) => Err(error),
    }
}
