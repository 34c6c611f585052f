//! What an account does not see would be left out, or fire, without a word.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::sync::{Selection, TargetTriggers};

use super::decide::Candidate;
use crate::engine::{Hidden, Surveyor};
use crate::steps::error::StepError;
use crate::steps::sync::context::Context;

/// Fails where tables would be left out; answers what else a person should know.
pub(super) async fn check(
    context: &Context,
    ours: Hidden,
    source: &mut dyn Surveyor,
    target: &mut dyn Surveyor,
    candidates: &[Candidate],
) -> Result<Vec<String>, StepError> {
    let theirs = target.hidden().await?;
    let spec = context.spec();
    let mut warnings = Vec::new();
    let name = &context.source().name;
    if ours.tables && spec.selection == Selection::Full {
        return Err(partial(name, source.database()).into());
    }
    if ours.tables && spec.selection.is_open() {
        warnings.push(format!(
            "the account of connection {name} has rights to single tables only: a pattern of the task covers none \
             that it does not see"
        ));
    }
    let exist = candidates.iter().any(|candidate| candidate.target.is_some());
    if theirs.triggers && exist && spec.target_triggers != TargetTriggers::Fire {
        warnings.push(format!(
            "the account of connection {} does not see triggers, which would fire for every row that is written: \
             grant it TRIGGER on the database, so that tables with triggers are refused",
            context.target().name
        ));
    }
    Ok(warnings)
}

fn partial(connection: &str, database: &str) -> Failure {
    Failure::permanent(FailureCode::PrivilegeMissing, format!(
            "the account of connection {connection} has rights to single tables of {database} only: a sync of all \
             tables would leave out what it does not see"
        )).with_hint("grant it SELECT on the whole database, or name the tables in a selective task")
}
