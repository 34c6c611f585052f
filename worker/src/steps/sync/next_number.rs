//! The target's next AUTO_INCREMENT value, where the source's is ahead of it.
//!
//! A source that moved on and deleted the rows has given those numbers away; a target that takes its
//! place must not give them again. It is raised by the step that is the last in the key's order, or
//! by `index`; a table that is loaded gets it there as well.
//! Idempotent: the table is asked first. It is no part of the rows: what keeps it from being raised
//! (a right, a session that holds the table) is told and is no failure.

use longshore_shared::domain::failure::{Failure, FailureClass, FailureCode};

use super::table::TablePlan;
use crate::engine::Writer;

/// Raises it if the plan found it behind; answers what is to be told.
pub(super) async fn raise(target: &mut dyn Writer, plan: &TablePlan) -> Result<Option<String>, Failure> {
    if !plan.raises {
        return Ok(None);
    }
    match target.raise_next(&plan.shape).await {
        Ok(()) => Ok(None),
        // Nothing more can be asked of such a session.
        Err(failure) if failure.class == FailureClass::ConnectionFailure => Err(failure),
        Err(failure) => Ok(Some(untold(plan, &failure))),
    }
}

fn untold(plan: &TablePlan, failure: &Failure) -> String {
    format!(
        "table {}: the rows are there, but the next AUTO_INCREMENT value is still behind the source's ({}): {}; {}",
        plan.shape.name,
        plan.shape.auto_increment.unwrap_or(1),
        failure.message,
        match failure.code {
            FailureCode::LockWait => "the next run tries again",
            _ => failure.hint.as_str(),
        }
    )
}
