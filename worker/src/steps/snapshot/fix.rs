//! How the step that leads fixes the point.
//!
//! In this order: a single session needs nothing, whatever it reads is one point. Where views can
//! tell their places in the server's log they are opened until all are equal, and nobody is kept
//! from writing. Else commits are stopped for the moment in which the views are opened. Where
//! none of this can be done one session reads everything: slower, and right.

use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::domain::id::WorkerId;
use longshore_shared::store::job_holders::Enlisted;
use serde_json::Value;

use super::{Point, structure};
use crate::engine::point::{Anchor, Means};
use crate::engine::shape::TableShape;
use crate::steps::context::Context;
use crate::steps::error::StepError;
use crate::steps::table::written;

/// Tries to find all views at one place of the log; a server that commits all the time may
/// never let them.
const MARKED_ROUNDS: u32 = 8;

/// One fixing.
pub(crate) struct Fixing<'a> {
    context: &'a Context,
    anchor: Option<Box<dyn Anchor>>,
    /// Whether equal marks prove the point; asked once.
    marks: bool,
    /// The tables that will be read, as they were planned.
    tables: Vec<TableShape>,
    round: u32,
    /// Of the newest point.
    way: Way,
}

/// What proves the point.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// Only one session reads.
    Alone,
    /// Equal marks.
    Marks,
    /// Commits are stopped.
    Stopped(Means),
    /// Only one session reads, since nothing else could be done.
    Reduced,
}

impl<'a> Fixing<'a> {
    /// For the context's job.
    pub(crate) async fn begin(context: &'a Context) -> Result<Self, StepError> {
        let plans = context.plans(None).await?;
        let tables = plans.into_iter().map(|plan| plan.shape).collect();
        Ok(Self { context, anchor: None, marks: false, tables, round: 0, way: Way::Alone })
    }

    /// The next point for these holders. From here on commits may be stopped.
    pub(crate) async fn point(&mut self, enlisted: &[Enlisted]) -> Result<Value, StepError> {
        self.round += 1;
        let sessions: i32 = enlisted.iter().map(|holder| i32::from(holder.sessions.max(1))).sum();
        if sessions <= 1 {
            self.way = Way::Alone;
            return Ok(written(&self.told(String::new(), false, None))?);
        }
        let mut anchor = match self.anchor.take() {
            Some(anchor) => anchor,
            None => {
                let mut anchor = self.context.source_anchor().await?;
                self.marks = anchor.marks_prove().await?;
                anchor
            }
        };
        let server = anchor.identity().to_owned();
        self.way = if self.marks && self.round <= MARKED_ROUNDS {
            Way::Marks
        } else {
            let names: Vec<String> = self.tables.iter().map(|table| table.name.clone()).collect();
            match anchor.hold(&names).await? {
                Some(means) => Way::Stopped(means),
                None => Way::Reduced,
            }
        };
        self.anchor = Some(anchor);
        let only = match self.way {
            Way::Reduced => enlisted.first().map(|holder| holder.worker_id),
            _ => None,
        };
        Ok(written(&self.told(server, self.way == Way::Marks, only))?)
    }

    /// Whether the point stands, from what those who hold it saw.
    pub(crate) fn stands(&self, held: &[Enlisted]) -> bool {
        if self.way != Way::Marks {
            return true;
        }
        let mut marks = held.iter().flat_map(|holder| match &holder.mark {
            Some(Value::Array(marks)) => marks.clone(),
            _ => vec![Value::Null],
        });
        let first = marks.next().unwrap_or(Value::Null);
        !first.is_null() && marks.all(|mark| mark == first)
    }

    /// Lets commits go on, once it is settled who holds the point; answers what a reader of the
    /// job should know. An error: the point proves nothing, or shows other tables than were planned.
    pub(crate) async fn end(&mut self) -> Result<Option<String>, StepError> {
        if let Some(mut anchor) = self.anchor.take() {
            anchor.let_go().await.map_err(|failure| not_held(&failure))?;
        }
        structure::check(self.context, &self.tables).await?;
        let rounds = self.round;
        tracing::info!(rounds, "the snapshot's point is fixed: {:?}", self.way);
        Ok((self.way == Way::Reduced).then(|| {
            "the source is read over one session only, because the account may not stop commits for a moment, or \
             the server was too busy: grant it RELOAD (or LOCK TABLES on the database) to read with all workers"
                .to_owned()
        }))
    }

    fn told(&self, server: String, marks: bool, only: Option<WorkerId>) -> Point {
        Point { round: self.round, server, marks, only }
    }
}

fn not_held(failure: &Failure) -> Failure {
    Failure::transient(
        FailureClass::ConnectionFailure,
        "point_lost",
        format!("the source went on before all views of the snapshot were open: {}", failure.message),
        "it is tried again by itself",
    )
}
