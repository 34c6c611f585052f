//! Asks the target about the definitions of the tables that are to be made.
//!
//! A trial costs about as much as the table itself, so servers of one release are not asked: what
//! one of them refuses nevertheless, by its settings, is told when the table is made.

use super::Table;
use super::decide::{Candidate, Decision};
use crate::engine::shape::TableShape;
use crate::steps::context::Context;
use crate::steps::error::StepError;

/// Refuses tables that the target would not take, or would make others of; answers warnings
/// about what it takes and does not hold to. The tables are made for it under other names and
/// dropped again: of the tables themselves none is made yet.
pub(super) async fn definitions(context: &Context, tables: &mut [Table]) -> Result<Vec<String>, StepError> {
    let asked: Vec<(&mut Decision, TableShape)> = tables.iter_mut().filter_map(to_ask).collect();
    if asked.is_empty() {
        return Ok(Vec::new());
    }
    context.check_lease()?;
    let (decisions, shapes): (Vec<_>, Vec<_>) = asked.into_iter().unzip();
    let tried = context.target_writer().await?.try_tables(&shapes).await?;
    let mut warnings = Vec::new();
    for ((decision, shape), tried) in decisions.into_iter().zip(&shapes).zip(tried) {
        let told = tried.loses.iter().map(|loss| format!("table {}, {loss}", shape.name));
        match tried.refused {
            Some(failure) => *decision = Decision::Refused(failure),
            None => warnings.extend(told),
        }
    }
    Ok(warnings)
}

/// A table that the target lacks, with the foreign keys that it is to get.
fn to_ask(table: &mut Table) -> Option<(&mut Decision, TableShape)> {
    let Candidate { source, target: None, .. } = table.candidate.as_ref()? else { return None };
    let Decision::Settled(settled) = &table.decision else { return None };
    let shape = TableShape { foreign_keys: settled.new_foreign_keys.clone(), ..source.clone() };
    Some((&mut table.decision, shape))
}
