//! `together`: brings small tables to their ends, several in one step: each is loaded or compared, gets its indexes
//! and statistics, and is verified, in one session on either side.
//!
//! What servers do alike for all of them is asked at once: tables that held no row are loaded in one transaction, and
//! checksums, which tell which tables are equal already and which have become it, travel many in a packet. Where that
//! meets trouble, or two sides differ, each table is treated by itself as steps of its own would, so that the one that is to
//! blame is named and the others go on.
//! Idempotent: what came of a table is kept whenever an attempt ends that could tell it, and only what is unfinished is
//! looked at again; of an attempt that could not tell, tables that it had to load are compared and completed, as
//! `copy` does. The session's hold ends a former attempt that still runs on the server.
//! Cancelled: the server takes the open transaction back; tables that were put down are told as they are, those that
//! nobody came to as untouched.

mod single;
mod waves;

use std::time::Instant;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::retry::{self, Verdict};
use longshore_shared::domain::step::{
    Counts, Finding, Outcome, TableMode, Travelled, Verified, VerifyResult,
};
use longshore_shared::domain::sync::OnMismatch;

use super::table::{TablePlan, TogetherPayload};
use crate::engine::{Reader, Writer};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::transfer::whole;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let TogetherPayload { tables } = context.payload()?;
    let (mut new, mut old) = (Vec::new(), Vec::new());
    for (number, plan) in context.unfinished(&tables).await? {
        let is_loaded = matches!(plan.mode, TableMode::Create | TableMode::Fill);
        let waits = if is_loaded && !context.is_repeated() { &mut new } else { &mut old };
        waits.push(Small { number, plan });
    }
    let mut group = Group { context, sessions: None, again: None, outcome: Outcome::default() };
    let mut apart = group.load(new).await?;
    apart.extend(group.compare(old).await?);
    for table in apart {
        group.alone(&table).await?;
    }
    group.end().await
}

/// A table of the group.
struct Small {
    number: i32,
    plan: TablePlan,
}

/// A table whose rows are all there, to be finished.
struct Loaded {
    table: Small,
    counts: Counts,
    since: Instant,
}

/// One attempt at a group.
struct Group<'a> {
    context: &'a Context,
    /// Its sessions on both sides; none before the first table, and after trouble.
    sessions: Option<Sessions>,
    /// Why tables are to be tried again.
    again: Option<Failure>,
    outcome: Outcome,
}

/// A session on either side.
struct Sessions {
    source: Box<dyn Reader>,
    target: Box<dyn Writer>,
}

impl Group<'_> {
    async fn sessions(&mut self) -> Result<(&mut dyn Reader, &mut dyn Writer), StepError> {
        let sessions = match self.sessions.take() {
            Some(open) => open,
            None => {
                let context = self.context;
                let (mut source, target) =
                    futures::try_join!(context.source_reader(), context.target_writer())?;
                source.begin_snapshot(None).await?;
                Sessions { source, target }
            }
        };
        let Sessions { source, target } = self.sessions.insert(sessions);
        Ok((&mut **source, &mut **target))
    }

    /// Something went wrong: its sessions may be in the middle of an answer or a transaction, and the next ones begin
    /// when these are over. Answers why, if it is about tables; else no table can fare better.
    fn recovers(&mut self, error: StepError) -> Result<Failure, StepError> {
        self.sessions = None;
        let (failure, findings) = error.into_parts();
        if !failure.is_of_table() || is_of_longshore(&failure) {
            // A commit that was cut off stays open to whoever asks what is left.
            return Err(StepError::Found { failure, findings });
        }
        self.context.meter().commits(false);
        self.context.meter().commits_together(Vec::new());
        Ok(failure)
    }

    /// A table is put down: its verification found this.
    fn put_down(&self, number: i32, (counts, wrote): (Counts, bool), since: Instant, verified: Verified) {
        let done = verified.result == VerifyResult::Equal;
        let (seconds, verified) = (since.elapsed().as_secs_f64(), Some(verified));
        self.context.meter().puts_down(Travelled { number, counts, done, wrote, seconds, verified });
    }

    /// A table is put down that did not come to its end.
    fn drop_down(&self, number: i32, (counts, wrote): (Counts, bool), since: Instant) {
        let seconds = since.elapsed().as_secs_f64();
        self.context.meter().puts_down(Travelled { number, counts, wrote, seconds, ..Travelled::default() });
    }

    /// A table fails. It is tried again where that can help; else the job goes on without it, if it is told to.
    fn fails(&mut self, number: i32, failure: Failure) -> Result<(), StepError> {
        let step = self.context.step();
        if retry::verdict(step.kind, &failure, step.attempt, 0.0) != Verdict::GiveUp {
            self.again.get_or_insert(failure);
            return Ok(());
        }
        self.outcome.findings.push(Finding::FailedTable { number, failure: failure.clone() });
        match self.context.spec().on_mismatch {
            OnMismatch::Continue => Ok(()),
            OnMismatch::Fail => {
                let findings = std::mem::take(&mut self.outcome.findings);
                Err(StepError::Found { failure, findings })
            }
        }
    }

    /// What comes of the step.
    async fn end(mut self) -> Result<Outcome, StepError> {
        if let Some(failure) = self.again {
            let findings = self.outcome.findings;
            return Err(StepError::Found { failure, findings });
        }
        if let Some(Sessions { source, .. }) = &mut self.sessions {
            source.end_snapshot().await?;
        }
        Ok(self.outcome)
    }
}

/// Whether the trouble is Longshore's own, of which no table is to blame.
fn is_of_longshore(failure: &Failure) -> bool {
    matches!(
        failure.code,
        FailureCode::LeaseLost
            | FailureCode::ControlPlaneAway
            | FailureCode::SnapshotLost
            | FailureCode::TargetChanged
            | FailureCode::TargetNotHeld
            | FailureCode::Stopped
    )
}

/// What equal checksums of both sides prove of a table.
fn proven(plan: &TablePlan, rows: u64) -> Verified {
    let rows = whole(rows);
    Verified {
        result: VerifyResult::Equal,
        policy: plan.verify,
        source_rows: rows,
        target_rows: rows,
        extra_rows: 0,
        skipped_rows: 0,
    }
}
