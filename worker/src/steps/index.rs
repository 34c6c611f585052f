//! `index`: builds what a loaded table lacks of its indexes, and refreshes its statistics. (A small
//! table's `copy` does it.)
//!
//! Idempotent: an index that is there is not built again. Cancelled: the server undoes
//! the statement that runs; indexes that were built stay, as any later run would build
//! them.

use longshore_shared::domain::step::Outcome;
use longshore_shared::failpoint::{Failpoint, reach};

use super::context::Context;
use super::error::StepError;
use super::table::TablePlan;
use crate::engine::Writer;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    let mut target = context.target_writer().await?;
    build(&mut *target, &plan).await?;
    Ok(Outcome::default())
}

/// Builds what the table lacks.
pub(super) async fn build(target: &mut dyn Writer, plan: &TablePlan) -> Result<(), StepError> {
    reach(Failpoint::IndexBefore).await?;
    target.build_indexes(&plan.to_index()).await?;
    reach(Failpoint::IndexAfter).await?;
    target.analyse(&plan.shape).await?;
    Ok(())
}
