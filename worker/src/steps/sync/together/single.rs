//! A table of a group by itself, as steps of its own would treat it.

use std::time::Instant;

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Counts, TableMode, Verified, VerifyResult};

use super::{Group, Small};
use crate::engine::shape::Range;
use crate::engine::{Reader, Writer};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;
use crate::steps::sync::table::{DiffDetail, TablePlan};
use crate::steps::sync::{copy, diff, index, next_number, prune, reconcile, replace, verify};

/// What came of a table.
struct Done {
    verified: Verified,
    failure: Option<Failure>,
    warning: Option<String>,
}

impl Group<'_> {
    /// Brings a table to its end, or notes why it fails.
    pub(super) async fn alone(&mut self, table: &Small) -> Result<(), StepError> {
        let (context, since) = (self.context, Instant::now());
        context.meter().takes(table.number);
        let done = async {
            let (source, target) = self.sessions().await?;
            let done = work(context, source, target, &table.plan).await?;
            source.release_locks().await?;
            Ok::<_, StepError>(done)
        };
        match done.await {
            Ok(Done { verified, failure, warning }) => {
                self.put_down(table.number, context.meter().in_hand(), since, verified);
                self.outcome.warnings.extend(warning);
                failure.map_or(Ok(()), |failure| self.fails(table.number, failure))
            }
            Err(error) => {
                let came = context.meter().in_hand();
                let failure = self.recovers(error);
                self.drop_down(table.number, came, since);
                self.fails(table.number, failure?)
            }
        }
    }

    /// Verifies a table whose rows and indexes are there, and puts it down.
    pub(super) async fn verify(
        &mut self,
        table: &Small,
        came: (Counts, bool),
        since: Instant,
    ) -> Result<(), StepError> {
        let context = self.context;
        let proven = async {
            let (source, target) = self.sessions().await?;
            verify::prove(context, (source, target), &table.plan, Vec::new()).await
        };
        match proven.await {
            Ok((verified, failure)) => {
                debug_assert_eq!(failure.is_none(), verified.result == VerifyResult::Equal);
                self.put_down(table.number, came, since, verified);
                failure.map_or(Ok(()), |failure| self.fails(table.number, failure))
            }
            Err(error) => {
                let failure = self.recovers(error);
                self.drop_down(table.number, came, since);
                self.fails(table.number, failure?)
            }
        }
    }
}

/// What the table's own steps would do, one after the other.
async fn work(
    context: &Context,
    source: &mut dyn Reader,
    target: &mut dyn Writer,
    plan: &TablePlan,
) -> Result<Done, StepError> {
    let (mut details, mut warning) = (Vec::new(), None);
    let mut tells = |deferred, equal: Option<u64>, kept| {
        details.push(DiffDetail { deferred, equal, kept, range: Range::ALL });
    };
    match plan.mode {
        TableMode::Create | TableMode::Fill => {
            copy::rows(context, source, target, plan, &Range::ALL).await?;
            index::build(target, plan).await?;
        }
        TableMode::Diff => {
            if plan.prunes {
                prune::all(context, source, target, &plan.shape).await?;
            }
            let done = diff::rows(context, source, target, plan, &Range::ALL).await?;
            if done.deferred > 0 {
                reconcile::settle(context, source, target, plan).await?;
            }
            tells(done.deferred, done.equal, done.kept);
            warning = next_number::raise(target, plan).await?;
            if plan.is_indexed() {
                index::build(target, plan).await?;
            }
        }
        TableMode::Replace => {
            let equal = replace::all(context, source, target, &plan.shape, &[]).await?;
            tells(0, equal, equal.is_some());
            index::build(target, plan).await?;
        }
        TableMode::Equal if !plan.new_indexes.is_empty() => index::build(target, plan).await?,
        TableMode::Equal => warning = next_number::raise(target, plan).await?,
        TableMode::Refused | TableMode::Dump => {}
    }
    let (verified, failure) = verify::prove(context, (source, target), plan, details).await?;
    Ok(Done { verified, failure, warning })
}
