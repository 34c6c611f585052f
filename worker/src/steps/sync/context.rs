//! What a step of a sync touches beside its attempt: both databases, and what the task says.
//!
//! Invariant: made after the job is the one writer of its target; whatever reads rows for a step for
//! holders reads them from the job's snapshot.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use futures::future::try_join_all;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::sync::SyncSpec;
use longshore_shared::failpoint::reach;

use super::places;
use crate::engine::shape::TableShape;
use crate::engine::{Hash, ReadAhead, Reader, Surveyor, Writer};
use crate::steps::attempt::{Attempt, MOST_HELPERS, Side, lock_names};
use crate::steps::error::StepError;
use crate::steps::secrets::gone;
use crate::tunnel::Sharing;

/// A chunk of fewer rows costs more in its making than it moves.
const LEAST_ROWS: u64 = 500;

/// One attempt at one step of a sync.
pub(super) struct Context {
    attempt: Arc<Attempt>,
    spec: SyncSpec,
    source: Arc<Side>,
    target: Arc<Side>,
}

/// An attempt like every other, and more.
impl Deref for Context {
    type Target = Attempt;

    fn deref(&self) -> &Attempt {
        &self.attempt
    }
}

impl Context {
    /// Of an attempt whose job names both databases.
    pub(super) async fn load(attempt: &Arc<Attempt>, spec: SyncSpec) -> Result<Self, StepError> {
        let (source, target) = both(attempt).await?;
        Ok(Self { attempt: Arc::clone(attempt), spec, source, target })
    }

    pub(super) fn spec(&self) -> &SyncSpec {
        &self.spec
    }

    pub(super) fn source(&self) -> &Connection {
        &self.source.connection
    }

    pub(super) fn target(&self) -> &Connection {
        &self.target.connection
    }

    /// Commits the target's transaction: the one way in which rows come to stay. One that is
    /// cut off in the middle may have happened or not, and that is remembered.
    pub(super) async fn commit(&self, target: &mut dyn Writer) -> Result<(), StepError> {
        let places = places::around_commit(self.step().kind);
        if let Some((before, _)) = places {
            reach(before).await?;
        }
        self.check_lease()?;
        self.meter().commits(true);
        target.commit().await?;
        self.meter().commits(false);
        if let Some((_, after)) = places {
            reach(after).await?;
        }
        Ok(())
    }

    /// Rows a chunk of the table: by the bytes that are aimed at, within bounds.
    pub(super) fn chunk_rows(&self, table: &TableShape) -> u64 {
        let aimed = u64::from(self.resources.chunk_bytes) / table.row_bytes.max(1);
        aimed.max(LEAST_ROWS).min(self.resources.chunk_rows.into()).max(1)
    }

    /// How long a chunk may take.
    pub(super) fn chunk_time(&self) -> Duration {
        self.resources.chunk_time
    }

    /// What the step compares by: one step in sixteen, others each time, by the strong hash.
    pub(super) fn hash(&self) -> Hash {
        // The end of a step's id is random.
        let [.., a, b, c, d] = self.step().lease.step_id.0.into_bytes();
        if d.is_multiple_of(16) { Hash::Strong } else { Hash::Quick(u32::from_be_bytes([a, b, c, d])) }
    }

    pub(super) fn source_side(&self) -> Arc<Side> {
        Arc::clone(&self.source)
    }

    /// A reader of the source: one that sees the job's snapshot, in a step for holders.
    pub(super) async fn source_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        Box::pin(self.point_reader(&self.source)).await
    }

    pub(super) async fn source_surveyor(&self) -> Result<Box<dyn Surveyor>, StepError> {
        self.surveyor(&self.source).await
    }

    pub(super) async fn target_surveyor(&self) -> Result<Box<dyn Surveyor>, StepError> {
        self.surveyor(&self.target).await
    }

    pub(super) async fn target_reader(&self) -> Result<Box<dyn Reader>, StepError> {
        self.reader(&self.target).await
    }

    /// A session that reads ahead of the step's writer, where that is of use, unless the target's sessions
    /// are limited: those are counted, and this one is not.
    pub(super) async fn target_read_ahead(&self) -> Result<Option<Box<dyn ReadAhead>>, StepError> {
        if self.target.connection.max_sessions.is_some() {
            return Ok(None);
        }
        let login = self.login(&self.target, Sharing::Shared).await?;
        let opened = self.target.driver().read_ahead(&login).await;
        let ahead = opened.map_err(|failure| self.target.named(failure))?;
        ahead.iter().for_each(|ahead| self.target.remember(ahead.session_id()));
        Ok(ahead)
    }

    /// A session that writes to the target, alone in this step's name.
    pub(super) async fn target_writer(&self) -> Result<Box<dyn Writer>, StepError> {
        self.locked_writer(&self.target).await
    }

    /// The names of those of [`Context::target_helpers`].
    pub(super) fn helper_names(&self) -> Vec<String> {
        lock_names(self.step().lease.step_id).skip(1).collect()
    }

    /// Sessions that write beside that one, each alone in a name of its own: as many as are asked for and the step may
    /// have, none where the target's sessions are limited.
    pub(super) async fn target_helpers(&self, wanted: usize) -> Result<Vec<Box<dyn Writer>>, StepError> {
        let may = match self.target.connection.max_sessions {
            Some(_) => 0,
            None => self.step().kind.traits().spare_sessions.clamp(0, MOST_HELPERS),
        };
        let numbers = (1..=may).take(wanted);
        try_join_all(numbers.map(|number| self.helping_writer(&self.target, number))).await
    }
}

/// The two databases of a sync's job.
pub(super) async fn both(attempt: &Attempt) -> Result<(Arc<Side>, Arc<Side>), StepError> {
    let sides = attempt.sides().await?.clone();
    let source = sides.source.ok_or_else(|| gone("source"))?;
    Ok((source, sides.target.ok_or_else(|| gone("target"))?))
}
