//! A step ends: done with its outcome, or failed with its reason.

use std::collections::BTreeMap;

use super::{Reached, WorkflowError, advance, announce, limits};
use crate::domain::failure::Failure;
use crate::domain::id::OrgId;
use crate::domain::job::{Ending, JobSpec};
use crate::domain::retry::{self, Verdict};
use crate::domain::step::{Finding, Growth, Lease, Outcome, Remains, StageDraft, StepState};
use crate::domain::sync::OnMismatch;
use crate::failpoint::{Failpoint, reach};
use crate::store::connections::checks;
use crate::store::jobs::Locked;
use crate::store::outbox::Owed;
use crate::store::stages::NewStage;
use crate::store::steps::{AtOnce, Claimed, Ended};
use crate::store::{
    Conn, Database, backups, connection_tests, job_log, job_tables, jobs, packages, stages, steps,
};

/// What came of a settlement.
#[derive(Debug)]
pub enum Settled {
    /// The step is done; these outbox rows are to be published.
    Done(Vec<Owed>),
    /// The step will be tried again after a pause (the scheduler announces it).
    Again,
    /// The step was given up and its job ends as failed.
    GivenUp,
    /// The step was given up, and its table with it; the job goes on with the others, and these
    /// outbox rows are to be published.
    WithoutTable(Vec<Owed>),
    /// The job was ending; the step ended as cancelled.
    Cancelled,
}

/// The step is done: its outcome, the job's growth, and the next steps, in one
/// transaction that is fenced by the token and holds the job's lock, so that two last
/// steps that end together see each other.
pub async fn done(database: &Database, step: &Claimed, outcome: &Outcome) -> Result<Settled, WorkflowError> {
    if is_plain(outcome) {
        let announcement = announce::template(&step.lease, step.trace.as_deref())?;
        let (counts, detail) = (outcome.counts, &outcome.detail);
        reach(Failpoint::SettleBeforeCommit).await?;
        let mut single = database.single().await?;
        match steps::end_at_once(single.conn(), step, counts, detail, announcement).await? {
            AtOnce::Done(owed) => {
                reach(Failpoint::SettleAfterCommit).await?;
                return Ok(Settled::Done(owed));
            }
            AtOnce::Limited => {
                drop(single);
                reach(Failpoint::SettleAfterCommit).await?;
                return Ok(Settled::Done(made_room(database, step.lease.org_id).await));
            }
            AtOnce::Lost => return Err(WorkflowError::LeaseLost),
            AtOnce::Left => {}
        }
    }
    done_in_full(database, step, outcome).await
}

/// Whether nothing but the step's own row tells of it.
fn is_plain(outcome: &Outcome) -> bool {
    outcome.growth.is_none()
        && outcome.warnings.is_empty()
        && outcome.findings.is_empty()
        && outcome.tables.is_empty()
}

async fn done_in_full(
    database: &Database,
    step: &Claimed,
    outcome: &Outcome,
) -> Result<Settled, WorkflowError> {
    let lease = &step.lease;
    let mut tx = database.system().await?;
    let conn = tx.conn();
    let job = jobs::lock(conn, lease.org_id, lease.job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    let ended = Ended {
        state: StepState::Done,
        counts: outcome.counts,
        detail: &outcome.detail,
        failure: None,
        wrote: false,
    };
    let stage = steps::end(conn, lease, &ended).await?.ok_or(WorkflowError::LeaseLost)?;
    job_tables::set_travelled(conn, lease, &outcome.tables).await?;
    for finding in &outcome.findings {
        record(conn, step, finding).await?;
    }
    if !outcome.warnings.is_empty() {
        jobs::warn(conn, lease.org_id, lease.job_id, &outcome.warnings).await?;
    }
    let (settled, reached) = if job.ending.is_some() {
        // What it did stands; what would follow does not.
        let reached = match steps::held(conn, lease.org_id, lease.job_id).await? {
            0 => advance::finish_ending(conn, lease.org_id, lease.job_id).await?,
            _ => Reached::NOBODY,
        };
        (Settled::Cancelled, reached)
    } else {
        if let Some(growth) = &outcome.growth {
            grow(conn, lease, stage, growth).await?;
        }
        let without: Vec<i32> = outcome.findings.iter().filter_map(Finding::failed_table).collect();
        let (owed, reached) =
            advance::after_done(conn, lease.org_id, lease.job_id, stage, &without, &job).await?;
        (Settled::Done(owed), reached)
    };
    reach(Failpoint::SettleBeforeCommit).await?;
    tx.commit().await?;
    reached.count();
    reach(Failpoint::SettleAfterCommit).await?;
    Ok(match settled {
        Settled::Done(_) if job.limited => Settled::Done(made_room(database, lease.org_id).await),
        other => other,
    })
}

/// Keeps what a step found out where it is looked for.
async fn record(conn: &mut Conn, step: &Claimed, finding: &Finding) -> Result<(), WorkflowError> {
    let lease = &step.lease;
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    match finding {
        Finding::Verified(verified) => {
            if let Some(number) = step.table_number {
                job_tables::set_verified(conn, org_id, job_id, number, verified).await?;
            }
        }
        Finding::Examined(examined) => {
            connection_tests::insert(conn, org_id, job_id, examined).await?;
            checks::record(conn, org_id, examined).await?;
        }
        Finding::FailedTable { number, failure } => {
            job_tables::set_failure(conn, org_id, job_id, *number, failure).await?;
            let line = failure.to_string();
            job_log::add(conn, org_id, job_id, "error", &line, Some(lease.step_id), None).await?;
        }
        Finding::AddedKeys { number, names } => {
            job_tables::forget_keys(conn, org_id, job_id, *number, names).await?;
        }
        Finding::PackageWritten(written) => {
            // A package that was deleted meanwhile stays so, and the sweep takes what was written.
            if packages::complete(conn, org_id, written).await? {
                backups::complete(conn, org_id, written).await?;
            }
        }
        Finding::PackageChecked { package_id } => backups::verified(conn, org_id, *package_id).await?,
    }
    Ok(())
}

/// Lets out what waited for this step's end. The end stands whatever comes of it, and what
/// fails here the scheduler does.
async fn made_room(database: &Database, org_id: OrgId) -> Vec<Owed> {
    limits::announce_within_limits(database, org_id).await.unwrap_or_else(|error| {
        tracing::warn!("what waits for a limit is let out by the scheduler: {error}");
        Vec::new()
    })
}

/// The attempt failed. The one retry policy decides; `worker` is named in the job's log.
/// `findings` are what it found out nevertheless, kept once it is given up; `remains` is what the attempt
/// left.
pub async fn failed(
    database: &Database,
    step: &Claimed,
    failure: &Failure,
    findings: &[Finding],
    remains: &Remains,
    worker: &str,
) -> Result<Settled, WorkflowError> {
    let (lease, table) = (&step.lease, step.table_number);
    let mut tx = database.system().await?;
    let verdict = retry::verdict(step.kind, failure, step.attempt, rand::random());
    let alone = table.is_some() && failure.is_of_table() && goes_on(&step.job.spec);
    let tried = Tried { lease, attempt: step.attempt, table_number: table, alone, remains, worker };
    let (settled, reached) = failed_within(tx.conn(), &tried, verdict, failure).await?;
    let gives_up = matches!(settled, Settled::GivenUp | Settled::WithoutTable(_));
    for finding in findings.iter().filter(|_| gives_up) {
        record(tx.conn(), step, finding).await?;
    }
    reach(Failpoint::FailBeforeCommit).await?;
    tx.commit().await?;
    reached.count();
    reach(Failpoint::FailAfterCommit).await?;
    Ok(match settled {
        Settled::WithoutTable(owed) if owed.is_empty() => {
            Settled::WithoutTable(made_room(database, lease.org_id).await)
        }
        other => other,
    })
}

/// Whether the job goes on without a table that fails.
fn goes_on(spec: &JobSpec) -> bool {
    matches!(spec, JobSpec::Sync(spec) if spec.on_mismatch == OnMismatch::Continue)
}

/// An attempt that came to nothing.
pub(super) struct Tried<'a> {
    /// The right that it was made by.
    pub(super) lease: &'a Lease,
    /// Which one it was, from 1.
    pub(super) attempt: i32,
    /// The table that it worked on.
    pub(super) table_number: Option<i32>,
    /// Its job goes on without that table.
    pub(super) alone: bool,
    /// What it left.
    pub(super) remains: &'a Remains,
    /// Who made it, for the job's log.
    pub(super) worker: &'a str,
}

pub(super) async fn failed_within(
    conn: &mut Conn,
    tried: &Tried<'_>,
    verdict: Verdict,
    failure: &Failure,
) -> Result<(Settled, Reached), WorkflowError> {
    let Tried { lease, attempt, remains, worker, .. } = *tried;
    let job = jobs::lock(conn, lease.org_id, lease.job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    if job.ending.is_some() {
        return Ok((Settled::Cancelled, advance::cancel_held(conn, lease, remains).await?));
    }
    job_tables::set_travelled(conn, lease, &remains.tables).await?;
    match verdict {
        Verdict::Again(pause) => {
            let pause = pause.as_secs_f64();
            let step = steps::give_back(conn, lease, true, Some(failure), remains.wrote, pause)
                .await?
                .ok_or(WorkflowError::LeaseLost)?;
            let line = format!("attempt {attempt} failed and is made again in {pause:.1} s: {failure}");
            log(conn, lease, "warn", &line, worker).await?;
            announce::owe(conn, lease.org_id, lease.job_id, job.trace.as_deref(), &[step], pause).await?;
            Ok((Settled::Again, Reached::NOBODY))
        }
        Verdict::Wait(pause) => {
            let pause = pause.as_secs_f64();
            let step = steps::give_back(conn, lease, false, Some(failure), remains.wrote, pause)
                .await?
                .ok_or(WorkflowError::LeaseLost)?;
            announce::owe(conn, lease.org_id, lease.job_id, job.trace.as_deref(), &[step], pause).await?;
            Ok((Settled::Again, Reached::NOBODY))
        }
        Verdict::GiveUp => give_up(conn, tried, failure, &job).await,
    }
}

/// No further attempt is made: the job ends, or goes on without the step's table.
async fn give_up(
    conn: &mut Conn,
    tried: &Tried<'_>,
    failure: &Failure,
    job: &Locked,
) -> Result<(Settled, Reached), WorkflowError> {
    let Tried { lease, attempt, table_number, alone, remains, worker } = *tried;
    let ended = Ended {
        state: StepState::Failed,
        counts: remains.counts,
        detail: &serde_json::Value::Null,
        failure: Some(failure),
        wrote: remains.wrote,
    };
    let stage = steps::end(conn, lease, &ended).await?.ok_or(WorkflowError::LeaseLost)?;
    if let Some(number) = table_number {
        job_tables::set_failure(conn, lease.org_id, lease.job_id, number, failure).await?;
    }
    log(conn, lease, "error", &format!("given up after attempt {attempt}: {failure}"), worker).await?;
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    if let (true, Some(number)) = (alone, table_number) {
        let (owed, reached) = advance::after_tables(conn, org_id, job_id, (stage, &[number]), job).await?;
        return Ok((Settled::WithoutTable(owed), reached));
    }
    let reached = advance::end_early(conn, org_id, job_id, Ending::Failed, Some(failure)).await?;
    Ok((Settled::GivenUp, reached))
}

/// The attempt stopped because the job is ending.
pub async fn stopped(
    database: &Database,
    lease: &Lease,
    remains: &Remains,
) -> Result<Settled, WorkflowError> {
    let mut tx = database.system().await?;
    jobs::lock(tx.conn(), lease.org_id, lease.job_id).await?.ok_or(WorkflowError::NoSuchJob)?;
    let reached = advance::cancel_held(tx.conn(), lease, remains).await?;
    reach(Failpoint::StopBeforeCommit).await?;
    tx.commit().await?;
    reached.count();
    reach(Failpoint::StopAfterCommit).await?;
    Ok(Settled::Cancelled)
}

async fn log(
    conn: &mut Conn,
    lease: &Lease,
    level: &str,
    line: &str,
    worker: &str,
) -> Result<(), WorkflowError> {
    Ok(job_log::add(conn, lease.org_id, lease.job_id, level, line, Some(lease.step_id), Some(worker)).await?)
}

/// Adds a plan's tables, stages and steps to the job.
async fn grow(conn: &mut Conn, lease: &Lease, from_stage: i32, growth: &Growth) -> Result<(), WorkflowError> {
    let (org_id, job_id) = (lease.org_id, lease.job_id);
    let from = steps::last_ordinal(conn, org_id, job_id).await? + 1;
    job_tables::insert_all(conn, org_id, job_id, &growth.tables, &travels_in(from, growth)).await?;
    let mut feeds: BTreeMap<i32, Vec<i32>> = BTreeMap::new();
    let mut steps_in: BTreeMap<i32, i32> = growth.stages.iter().map(|s| (s.number, 0)).collect();
    let drafts: Vec<_> = growth.stages.iter().map(|stage| waiting(stage, from_stage)).collect();
    for stage in &drafts {
        for &before in &stage.waits_for {
            if before != from_stage && (before >= stage.number || !steps_in.contains_key(&before)) {
                return Err(WorkflowError::BadGrowth(format!("{} waits for stage {before}", stage.name)));
            }
            feeds.entry(before).or_default().push(stage.number);
        }
    }
    for step in &growth.steps {
        *steps_in
            .get_mut(&step.stage)
            .ok_or_else(|| WorkflowError::BadGrowth(format!("a step in stage {}", step.stage)))? += 1;
    }
    let stages: Vec<_> = drafts
        .iter()
        .map(|draft| {
            let own = feeds.get(&draft.number).cloned().unwrap_or_default();
            NewStage { draft, feeds: own, remaining: steps_in[&draft.number] }
        })
        .collect();
    stages::insert_all(conn, org_id, job_id, &stages).await?;
    stages::set_feeds(conn, org_id, job_id, from_stage, &feeds.remove(&from_stage).unwrap_or_default())
        .await?;
    Ok(steps::insert_waiting(conn, org_id, job_id, from, &growth.steps).await?)
}

/// The place of the step that each table travels in, where it travels with others; the first step gets `from`.
fn travels_in(from: i32, growth: &Growth) -> BTreeMap<i32, i32> {
    (from..)
        .zip(&growth.steps)
        .flat_map(|(ordinal, step)| step.tables.iter().map(move |table| (*table, ordinal)))
        .collect()
}

/// The stage with each that it waits for named once, since each ends once. An empty stage
/// closes with the stages before it; one that waits for nothing would never be closed by
/// anybody, so it waits for the plan.
fn waiting(stage: &StageDraft, from_stage: i32) -> StageDraft {
    let mut stage = stage.clone();
    stage.waits_for.sort_unstable();
    stage.waits_for.dedup();
    if stage.waits_for.is_empty() {
        stage.waits_for.push(from_stage);
    }
    stage
}
