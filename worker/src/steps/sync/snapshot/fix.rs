//! How the step that leads fixes the point.
//!
//! In this order: a single session needs nothing, whatever it reads is one point. Where each change
//! goes to the server's log the views are opened again until the log stands still meanwhile, and nobody
//! is kept from writing. Else commits are stopped for the moment in which the views are opened. Where
//! none of this can be done one session reads everything: slower, and right.

use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::store::job_holders::Enlisted;
use serde_json::Value;

use super::again::empty_what_was_loaded;
use super::{Point, SnapshotPayload, structure};
use crate::engine::commit_blocker::{CommitBlocker, LockMethod};
use crate::engine::shape::TableShape;
use crate::steps::attempt::written;
use crate::steps::error::StepError;
use crate::steps::family::Leader;
use crate::steps::sync::context::Context;

/// Tries to open all views at one place of the log; a server that commits all the time may
/// never let them.
const QUIET_ROUNDS: u32 = 8;

/// One fixing.
pub(in crate::steps::sync) struct Fixing {
    context: Context,
    blocker: Option<Box<dyn CommitBlocker>>,
    /// Whether the source's log tells of each change; asked once.
    logs_all: bool,
    /// Where the log ended before the newest point was told.
    place: Option<String>,
    /// Who held the newest point when it was proven.
    proven: Vec<WorkerId>,
    /// The tables that will be read, as they were planned.
    tables: Vec<TableShape>,
    round: u32,
    /// Of the newest point.
    method: ProofMethod,
}

/// What proves the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum ProofMethod {
    /// Only one session reads.
    Alone,
    /// The log stood still.
    Quiet,
    /// Commits are stopped.
    Stopped(LockMethod),
    /// Only one session reads, since nothing else could be done.
    Reduced,
}

impl Fixing {
    /// For the context's job.
    pub(in crate::steps::sync) async fn begin(context: Context) -> Result<Self, StepError> {
        let plans = context.plans(None).await?;
        let tables = plans.into_iter().map(|plan| plan.shape).collect();
        Ok(Self {
            context,
            blocker: None,
            logs_all: false,
            place: None,
            proven: Vec::new(),
            tables,
            round: 0,
            method: ProofMethod::Alone,
        })
    }

    fn told(&self, server: String, only: Option<WorkerId>) -> Point {
        Point { round: self.round, server, only }
    }
}

#[async_trait]
impl Leader for Fixing {
    /// As many as find something to read, and a session beside the leader's.
    fn wanted(&self) -> Result<u32, Failure> {
        let SnapshotPayload { steps } = self.context.payload()?;
        let most = self.context.source().max_sessions.map_or(MOST_HOLDERS, |most| u32::from(most) - 1);
        Ok(steps.div_ceil(2).clamp(1, most.clamp(1, MOST_HOLDERS)))
    }

    async fn restart(&mut self, lease: Duration) -> Result<(), StepError> {
        empty_what_was_loaded(&self.context, lease).await
    }

    /// The next point for these holders. From here on commits may be stopped.
    async fn point(&mut self, enlisted: &[Enlisted]) -> Result<Value, StepError> {
        self.round += 1;
        let sessions: i32 = enlisted.iter().map(|holder| i32::from(holder.sessions.max(1))).sum();
        if sessions <= 1 {
            self.method = ProofMethod::Alone;
            return Ok(written(&self.told(String::new(), None))?);
        }
        let mut blocker = match self.blocker.take() {
            Some(blocker) => blocker,
            None => {
                let mut blocker = self.context.source_commit_blocker().await?;
                self.logs_all = blocker.logs_all().await?;
                blocker
            }
        };
        let server = blocker.identity().to_owned();
        self.place = None;
        if self.logs_all && self.round <= QUIET_ROUNDS {
            self.place = blocker.place().await?;
        }
        self.method = if self.place.is_some() {
            ProofMethod::Quiet
        } else {
            let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
            match blocker.block(&names).await? {
                Some(means) => ProofMethod::Stopped(means),
                None => ProofMethod::Reduced,
            }
        };
        self.blocker = Some(blocker);
        let only = match self.method {
            ProofMethod::Reduced => enlisted.first().map(|holder| holder.worker_id),
            _ => None,
        };
        Ok(written(&self.told(server, only))?)
    }

    /// Whether the point stands, now that these hold it or have not told.
    async fn stands(&mut self, enlisted: &[Enlisted]) -> Result<bool, StepError> {
        let holders = enlisted.iter().filter(|holder| holder.holds);
        self.proven = holders.map(|holder| holder.worker_id).collect();
        match &mut self.blocker {
            Some(blocker) if self.method == ProofMethod::Quiet => Ok(blocker.place().await? == self.place),
            _ => Ok(true),
        }
    }

    /// Lets commits go on, once it is settled who holds the point; answers what a reader of
    /// the job should know. An error: the point proves nothing, or shows other tables than were planned.
    async fn end(&mut self, holders: &[WorkerId]) -> Result<Option<String>, StepError> {
        if self.method == ProofMethod::Quiet && holders.iter().any(|holder| !self.proven.contains(holder)) {
            return Err(not_held("a worker opened its view late").into());
        }
        if let Some(mut blocker) = self.blocker.take() {
            blocker.unblock().await.map_err(|failure| not_held(&failure.message))?;
        }
        structure::check(&self.context, &self.tables).await?;
        let rounds = self.round;
        tracing::info!(rounds, "the snapshot's point is fixed: {:?}", self.method);
        Ok((self.method == ProofMethod::Reduced).then(|| {
            "the source is read over one session only, because the account may not stop commits for a moment, or \
             the server was too busy: grant it RELOAD (or LOCK TABLES on the database) to read with all workers"
                .to_owned()
        }))
    }
}

fn not_held(why: &str) -> Failure {
    Failure::transient(
        FailureCode::PointLost,
        format!("the source went on before all views of the snapshot were open: {why}"),
    )
}
