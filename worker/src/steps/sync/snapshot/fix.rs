//! How the step that leads fixes the point.
//!
//! A single session needs nothing, whatever it reads is one point. Else the engine's leader offers a point
//! and says what proves it ([`Proof`]); where nothing can, one session reads everything.

use std::time::Duration;

use async_trait::async_trait;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::store::job_holders::Enlisted;
use longshore_shared::telemetry::{Metric, TimerGuard};
use serde_json::Value;

use super::again::empty_what_was_loaded;
use super::{Point, SnapshotPayload, structure};
use crate::engine::shape::TableShape;
use crate::engine::{Offer, Proof, SnapshotLeader};
use crate::steps::attempt::written;
use crate::steps::error::StepError;
use crate::steps::family::Leader;
use crate::steps::sync::context::Context;

/// One fixing.
pub(in crate::steps::sync) struct Fixing {
    context: Context,
    leader: Option<Box<dyn SnapshotLeader>>,
    /// Who held the newest point when it was proven.
    proven: Vec<WorkerId>,
    /// The tables that will be read, as they were planned.
    tables: Vec<TableShape>,
    round: u32,
    /// The newest point; none: only one session reads.
    offer: Option<Offer>,
    /// There while commits stand still on the source.
    stall: Option<TimerGuard>,
}

impl Fixing {
    /// For the context's job.
    pub(in crate::steps::sync) async fn begin(context: Context) -> Result<Self, StepError> {
        let plans = context.plans(None).await?;
        let tables = plans.into_iter().map(|plan| plan.shape).collect();
        Ok(Self { context, leader: None, proven: Vec::new(), tables, round: 0, offer: None, stall: None })
    }

    fn told(&self, server: String, only: Option<WorkerId>) -> Point {
        let token = self.offer.as_ref().and_then(|offer| offer.token.clone());
        Point { round: self.round, server, token, only }
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
            self.offer = None;
            return Ok(written(&self.told(String::new(), None))?);
        }
        let leader = match &mut self.leader {
            Some(leader) => leader,
            none => none.insert(self.context.source_leader().await?),
        };
        let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
        // A lock that is waited for keeps commits back already.
        let stall = Metric::CommitStall.timer();
        Metric::SnapshotRounds.increment(&[]);
        let offer = leader.open(&names).await?;
        self.stall = (offer.proof == Proof::Blocked).then(|| stall.guard());
        let server = leader.identity().to_owned();
        let only = match offer.proof {
            Proof::Single => enlisted.first().map(|holder| holder.worker_id),
            Proof::Token | Proof::Unchanged | Proof::Blocked => None,
        };
        self.offer = Some(offer);
        Ok(written(&self.told(server, only))?)
    }

    /// Whether the point stands, now that these hold it or have not told.
    async fn stands(&mut self, enlisted: &[Enlisted]) -> Result<bool, StepError> {
        let holders = enlisted.iter().filter(|holder| holder.holds);
        self.proven = holders.map(|holder| holder.worker_id).collect();
        match &mut self.leader {
            Some(leader) if self.offer.is_some() => Ok(leader.confirm().await?),
            _ => Ok(true),
        }
    }

    /// Lets commits go on, once it is settled who holds the point; answers what a reader of
    /// the job should know. An error: the point proves nothing, or shows other tables than were planned.
    async fn end(&mut self, holders: &[WorkerId]) -> Result<Option<String>, StepError> {
        let is_lasting = self.offer.as_ref().is_none_or(|offer| offer.proof.is_lasting());
        if !is_lasting && holders.iter().any(|holder| !self.proven.contains(holder)) {
            return Err(not_held("a worker opened its view late").into());
        }
        if let Some(mut leader) = self.leader.take() {
            leader.release().await.map_err(|failure| not_held(&failure.message))?;
        }
        self.stall = None;
        structure::check(&self.context, &self.tables).await?;
        let (rounds, offer) = (self.round, self.offer.take());
        let by = offer
            .as_ref()
            .map_or("one session".to_owned(), |offer| format!("{:?} ({})", offer.proof, offer.means));
        tracing::info!(rounds, "the snapshot's point is fixed: {by}");
        Ok(offer.and_then(|offer| offer.warning))
    }
}

fn not_held(why: &str) -> Failure {
    Failure::transient(
        FailureCode::PointLost,
        format!("the source went on before all views of the snapshot were open: {why}"),
    )
}
