//! How the step that leads fixes the point.
//!
//! A single session needs nothing, whatever it reads is one point. Else the engine's leader offers a point
//! and says what proves it ([`Proof`]); where nothing can, one session reads everything.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use longshore_shared::clock;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::hold::MOST_HOLDERS;
use longshore_shared::domain::id::WorkerId;
use longshore_shared::store::job_holders::Enlisted;
use longshore_shared::telemetry::{Metric, TimerGuard};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Point, SnapshotPayload, structure};
use crate::engine::shape::TableShape;
use crate::engine::{LogPosition, Offer, Proof, SnapshotLeader};
use crate::steps::attempt::{Attempt, Side, written};
use crate::steps::error::StepError;
use crate::steps::family::{Fixed, Leader};

/// What a family does before a job of it starts again from a new point.
#[async_trait]
pub(in crate::steps) trait Undo: Send {
    /// Undoes what was done at the lost point; `lease`: what a worker that nobody hears may still believe in.
    async fn undo(&self, lease: Duration) -> Result<(), StepError>;
}

/// Whether the family wants to know where the source's log of changes stood at the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::steps) enum Keeping {
    /// It does not.
    Nothing,
    /// It does, as far as the source tells.
    Position,
}

/// What the step that led tells those that come after.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::steps) struct FixedPoint {
    /// When the point was fixed.
    pub(in crate::steps) at: DateTime<Utc>,
    /// Where the source's log of changes stood; none: the family did not ask, the source keeps no log, or the
    /// account may not see it.
    pub(in crate::steps) position: Option<LogPosition>,
}

/// One fixing.
pub(in crate::steps) struct Fixing {
    attempt: Arc<Attempt>,
    source: Arc<Side>,
    undo: Box<dyn Undo>,
    keeping: Keeping,
    leader: Option<Box<dyn SnapshotLeader>>,
    /// Who held the newest point when it was proven.
    proven: Vec<WorkerId>,
    /// The tables that will be read, as they were planned.
    tables: Vec<TableShape>,
    round: u32,
    /// The newest point; none: only one session reads.
    offer: Option<Offer>,
    /// When that was offered.
    offered: Option<DateTime<Utc>>,
    /// There while commits stand still on the source.
    stall: Option<TimerGuard>,
}

impl Fixing {
    /// For the attempt's job, which reads these tables of the source.
    pub(in crate::steps) fn begin(
        attempt: &Arc<Attempt>,
        source: &Arc<Side>,
        tables: Vec<TableShape>,
        keeping: Keeping,
        undo: Box<dyn Undo>,
    ) -> Self {
        let (attempt, source) = (Arc::clone(attempt), Arc::clone(source));
        let (proven, round) = (Vec::new(), 0);
        let (leader, offer, offered, stall) = (None, None, None, None);
        Self { attempt, source, undo, keeping, leader, proven, tables, round, offer, offered, stall }
    }

    /// Whether a leader is of use where one session reads everything: only it sees where the log stands, and it is
    /// one more session.
    fn leads_one(&self) -> bool {
        self.keeping == Keeping::Position && self.source.connection.max_sessions != Some(1)
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
        let SnapshotPayload { steps } = self.attempt.payload()?;
        let most = self.source.connection.max_sessions.map_or(MOST_HOLDERS, |most| u32::from(most) - 1);
        Ok(steps.div_ceil(2).clamp(1, most.clamp(1, MOST_HOLDERS)))
    }

    async fn restart(&mut self, lease: Duration) -> Result<(), StepError> {
        self.undo.undo(lease).await
    }

    /// The next point for these holders. From here on commits may be stopped.
    async fn point(&mut self, enlisted: &[Enlisted]) -> Result<Value, StepError> {
        self.round += 1;
        let sessions: i32 = enlisted.iter().map(|holder| i32::from(holder.sessions.max(1))).sum();
        self.offered = Some(clock::now());
        if sessions <= 1 && !self.leads_one() {
            self.offer = None;
            return Ok(written(&self.told(String::new(), None))?);
        }
        let leader = match &mut self.leader {
            Some(leader) => leader,
            none => none.insert(self.attempt.leader(&self.source).await?),
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
    /// the job should know, and the point. An error: the point proves nothing, or shows other tables than were
    /// planned.
    async fn end(&mut self, holders: &[WorkerId]) -> Result<Fixed, StepError> {
        let is_lasting = self.offer.as_ref().is_none_or(|offer| offer.proof.is_lasting());
        if !is_lasting && holders.iter().any(|holder| !self.proven.contains(holder)) {
            return Err(not_held("a worker opened its view late").into());
        }
        let mut position = None;
        if let Some(mut leader) = self.leader.take() {
            leader.release().await.map_err(|failure| not_held(&failure.message))?;
            self.stall = None;
            if self.keeping == Keeping::Position {
                position = leader.position().await?;
            }
        }
        self.stall = None;
        structure::check(&self.attempt, &self.source, &self.tables).await?;
        let (rounds, offer) = (self.round, self.offer.take());
        let by = offer
            .as_ref()
            .map_or("one session".to_owned(), |offer| format!("{:?} ({})", offer.proof, offer.means));
        tracing::info!(rounds, "the snapshot's point is fixed: {by}");
        let point = FixedPoint { at: self.offered.unwrap_or_else(clock::now), position };
        Ok(Fixed { warning: offer.and_then(|offer| offer.warning), point: written(&point)? })
    }
}

fn not_held(why: &str) -> Failure {
    Failure::transient(
        FailureCode::PointLost,
        format!("the source went on before all views of the snapshot were open: {why}"),
    )
}
