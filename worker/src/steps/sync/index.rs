//! `index`: builds what a loaded table lacks of its indexes, and refreshes its statistics. (A small
//! table's `copy` does it.)
//!
//! Idempotent: an index that is there is not built again. Cancelled: the server undoes
//! the statement that runs; indexes that were built stay, as any later run would build
//! them.

use longshore_shared::domain::step::Outcome;
use longshore_shared::failpoint::{Failpoint, reach};

use std::convert::Infallible;
use std::future::pending;

use super::next_number;
use super::table::TablePlan;
use crate::engine::Writer;
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

pub(super) async fn run(context: &Context) -> Result<Outcome, StepError> {
    let plan = context.table().await?;
    let mut target = context.target_writer().await?;
    if !plan.is_written() && plan.new_indexes.is_empty() {
        let warnings = next_number::raise(&mut *target, &plan).await?.into_iter().collect();
        return Ok(Outcome { warnings, ..Outcome::default() });
    }
    tokio::select! {
        biased;
        built = build(&mut *target, &plan) => built?,
        never = read_ahead(context, &plan) => match never {},
    }
    Ok(Outcome::default())
}

/// Has the rows in the server's memory by the time the building comes to them. It is a favour:
/// nothing waits for it or fails by it.
async fn read_ahead(context: &Context, plan: &TablePlan) -> Infallible {
    if !plan.to_index().indexes.is_empty() {
        let read = async {
            let Some(mut ahead) = context.target_read_ahead().await? else { return Ok(()) };
            Ok::<_, StepError>(ahead.read_ahead(&plan.shape, plan.bytes).await?)
        };
        if let Err(error) = read.await {
            let (failure, _) = error.into_parts();
            tracing::info!(failure.code = %failure.code, "an index is built without reading ahead");
        }
    }
    pending().await
}

/// Builds what the table lacks.
pub(super) async fn build(target: &mut dyn Writer, plan: &TablePlan) -> Result<(), StepError> {
    reach(Failpoint::IndexBefore).await?;
    target.build_indexes(&plan.to_index()).await?;
    reach(Failpoint::IndexAfter).await?;
    target.analyse(&[&plan.shape]).await?;
    Ok(())
}
