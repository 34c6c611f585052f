//! Which of the source's tables the task means; pure.

use std::collections::BTreeMap;

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::sync::Selection;

use super::beside;
use super::refuse::mismatch;
use crate::engine::shape::TableListing;

/// What a selection comes to.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// Tables to look at.
    pub(super) tables: Vec<TableListing>,
    /// Tables that can be told at once not to work.
    pub(super) refused: Vec<(String, Failure)>,
    /// What is no table of rows.
    pub(super) beside: Vec<TableListing>,
    /// What is worth telling.
    pub(super) warnings: Vec<String>,
}

/// Chooses from the source's list; `folds`: the target does not tell names apart by case.
pub(super) fn select(
    selection: &Selection,
    listings: Vec<TableListing>,
    folds: bool,
) -> Result<Selected, Failure> {
    refuse_missing(selection, &listings)?;
    let mut selected = Selected::default();
    for listing in listings.into_iter().filter(|listing| selection.covers(&listing.name)) {
        match listing.kind.holds_rows() {
            true => selected.tables.push(listing),
            false => {
                let is_named = is_named(selection, &listing.name);
                beside::sort(listing, is_named, &mut selected);
            }
        }
    }
    if selected.tables.is_empty() && selected.refused.is_empty() {
        return Err(mismatch(FailureCode::NoTables, "the task's selection covers no table of the source"));
    }
    selected.warnings.extend(beside::left_out(&selected.beside));
    if folds {
        refuse_collisions(&mut selected);
    }
    Ok(selected)
}

/// Missing tables that are named; of more only the number is told.
const NAMED: usize = 20;

fn refuse_missing(selection: &Selection, listings: &[TableListing]) -> Result<(), Failure> {
    let names: Vec<&str> = listings.iter().map(|listing| listing.name.as_str()).collect();
    let missing = selection.missing(&names);
    if missing.is_empty() {
        return Ok(());
    }
    let named = &missing[..missing.len().min(NAMED)];
    let more = match missing.len() - named.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    Err(mismatch(FailureCode::UnknownTable, format!("the source has no table {}{more}", named.join(", "))))
}

fn is_named(selection: &Selection, name: &str) -> bool {
    matches!(selection, Selection::Selective { tables, .. } if tables.iter().any(|table| table == name))
}

/// Two tables that the target would take for one (D10).
fn refuse_collisions(selected: &mut Selected) {
    let mut by_folded: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for table in &selected.tables {
        by_folded.entry(table.name.to_lowercase()).or_default().push(table.name.clone());
    }
    for names in by_folded.into_values().filter(|names| names.len() > 1) {
        selected.tables.retain(|table| !names.contains(&table.name));
        for name in &names {
            let failure = mismatch(
                FailureCode::NameCollision,
                format!("table {name}: the target does not tell these names apart: {}", names.join(", ")),
            );
            selected.refused.push((name.clone(), failure));
        }
    }
}
