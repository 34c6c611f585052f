//! Fires schedules: a subject whose time has come gets its job. What kinds of subjects there are
//! only `workflow::submit` knows.
//!
//! Woken by a timer. In one transaction, for a few schedules at a time: the schedule's row is locked,
//! the job is submitted with its due time, the next time is set, and what came of it is
//! written to the schedule's history. Idempotent: (subject, due time) is unique, and a transaction
//! whose commit was not confirmed
//! has either moved the next time on or is made again. Two schedulers: the leader does it;
//! the row lock makes two that believe to lead take different schedules, and the transaction of
//! an old term is rolled back. A schedule that is edited, paused or deleted waits for the
//! lock or wins it: the row is read under it.
//!
//! Organisations take turns, a few schedules each, so that one with thousands of due ones holds up
//! nobody else's. Missed times (all schedulers were down): only the latest is fired, and only
//! within the schedule's own bound, since a sync meant for the night must not run at noon. A run
//! that has not ended yet: the due time is skipped or queued, as the schedule says.

mod decide;

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use futures::future::try_join_all;
use longshore_shared::domain::id::{JobId, OrgId};
use longshore_shared::domain::schedule::{DueResult, Overlap, Timing};
use longshore_shared::domain::subject::Subject;
use longshore_shared::failpoint::{Failpoint, reach};
use longshore_shared::store::outbox::Owed;
use longshore_shared::store::schedule_events::Entry;
use longshore_shared::store::schedules::{self, Due};
use longshore_shared::store::{Conn, StoreError, jobs, schedule_events};
use longshore_shared::telemetry::{Metric, TraceContext};
use longshore_shared::workflow::WorkflowError;
use longshore_shared::workflow::submit::{self, DueTime};

use crate::context::DutyContext;
use crate::duty::{Duty, Round};
use crate::leadership::Term;
use crate::pulse::Need;
use decide::{Decision, decide};

const PAUSE: Duration = Duration::from_millis(500);
/// Schedules that are fired side by side at most; a lane takes a connection of the pool.
const LANES: u32 = 4;
/// Turns of organisations before a lane publishes what they owe, or one for each of them.
const TURNS: usize = 4;
/// Schedules of one organisation that are fired in one turn and transaction: one commit for many.
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
        let organisations = schedules::due_organisations(tx.conn()).await?;
        tx.commit().await?;
        if organisations.is_empty() {
            return Ok(Round::Idle);
        }
        let lanes = (context.config.process.database.connections / 3).clamp(1, LANES);
        let fired = try_join_all((0..lanes).map(|_| lane(context, term, organisations.clone()))).await?;
        // A schedule that is locked by an edit is looked at again after a pause.
        Ok(if fired.contains(&true) { Round::More } else { Round::Idle })
    }
}

/// Fires some schedules of each organisation in turn, then publishes what they owe; answers
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

/// Fires a few due schedules of the organisation, if there are any; answers the outbox rows to
/// publish, schedule by schedule.
async fn fire_some(
    context: &DutyContext,
    term: Term,
    org_id: OrgId,
) -> Result<Vec<Vec<Owed>>, WorkflowError> {
    let mut tx = context.database.system().await?;
    let conn = tx.conn();
    let mut turns = Vec::new();
    for due in schedules::lock_due(conn, org_id, TOGETHER).await? {
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

/// One due schedule's turn: whatever comes of it is written to its history.
async fn take_turn(conn: &mut Conn, due: &Due) -> Result<Fired, WorkflowError> {
    let fired = match fire(conn, due).await {
        Ok(fired) => fired,
        Err(WorkflowError::Store(StoreError::Row(reason))) => {
            // One row that does not read must not keep the others from their turn.
            tracing::error!(schedule.id = %due.id, %reason, "a schedule or what it is of does not read; it is looked at again in an hour");
            let later = due.now + TimeDelta::hours(1);
            schedules::set_next_run(conn, due.org_id, due.id, Some(later)).await?;
            Fired::one(due.at, DueResult::Unreadable, None)
        }
        Err(WorkflowError::NoSuchTask) => {
            schedules::set_next_run(conn, due.org_id, due.id, None).await?;
            Fired::default()
        }
        Err(error) => return Err(error),
    };
    for entry in &fired.entries {
        schedule_events::add(conn, due.org_id, due.id, entry).await?;
    }
    Ok(fired)
}

/// What came of a schedule's turn.
#[derive(Default)]
struct Fired {
    /// For the schedule's history.
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
                    tracing::info!(schedule.id = %due.id, job.id = job, %due_at, %result, "a schedule fired");
                }
                DueResult::Skipped | DueResult::Missed | DueResult::Unreadable => {
                    tracing::warn!(schedule.id = %due.id, job.id = job, %due_at, times, %result, "a schedule did not fire");
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

async fn fire(conn: &mut Conn, due: &Due) -> Result<Fired, WorkflowError> {
    let found = schedules::find(conn, due.org_id, due.id).await?;
    let Some((subject, timing)) = found else { return Ok(Fired::default()) };
    let Some(schedule) = &timing.schedule else { return Ok(Fired::default()) };
    let bound = TimeDelta::seconds(timing.catch_up_seconds.into());
    let Decision { missed, fire, next } = decide(schedule, due.at, due.now, bound);
    schedules::set_next_run(conn, due.org_id, due.id, next).await?;
    let mut fired = match fire {
        Some(due_at) => run(conn, due.org_id, subject, &timing, due_at).await?,
        None => Fired::default(),
    };
    fired.entries.splice(0..0, missed);
    Ok(fired)
}

async fn run(
    conn: &mut Conn,
    org_id: OrgId,
    subject: Subject,
    timing: &Timing,
    at: DateTime<Utc>,
) -> Result<Fired, WorkflowError> {
    let standing = jobs::standing(conn, org_id, subject, at).await?;
    if standing.fired {
        return Ok(Fired::default());
    }
    if timing.overlap == Overlap::Skip
        && let Some(active) = standing.active
    {
        return Ok(Fired::one(at, DueResult::Skipped, Some(active)));
    }
    let trace = TraceContext::fresh().to_string();
    let due = DueTime { schedule_id: timing.id, at };
    match submit::due(conn, org_id, subject, due, &trace).await {
        Ok(submitted) => {
            let queued = submitted.job.queued_behind.is_some();
            let result = if queued { DueResult::Queued } else { DueResult::Fired };
            Ok(Fired { owed: submitted.owed, ..Fired::one(at, result, Some(submitted.job.id)) })
        }
        // What a person asked for waits already, and does what this due time would.
        Err(WorkflowError::RunQueued(job_id)) => Ok(Fired::one(at, DueResult::Skipped, Some(job_id))),
        Err(error) => Err(error),
    }
}
