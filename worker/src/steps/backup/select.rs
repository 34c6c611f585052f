//! What of the source a backup holds; pure.
//!
//! Tables with rows of their own are read; those that show rows of elsewhere (a union of tables, another
//! server, a file) are kept as their definition, as the servers' own dumps do. Of a selection the objects that
//! are not its tables stay behind, but for what belongs to them: triggers of its tables, sequences that
//! its tables draw from, and views that it names.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::object::{DatabaseObject, ObjectKind};
use longshore_shared::domain::sync::Selection;

use crate::engine::shape::{TableKind, TableListing};

/// Missing tables that are named; of more only the number is told.
const NAMED: usize = 20;

/// What a selection comes to.
#[derive(Debug, Default)]
pub(super) struct Selected {
    /// Tables whose rows are read.
    pub(super) tables: Vec<TableListing>,
    /// Tables of which only the definition is kept.
    pub(super) bare: Vec<TableListing>,
    /// What is worth telling.
    pub(super) warnings: Vec<String>,
}

/// Chooses from the source's list.
pub(super) fn select(selection: &Selection, listings: Vec<TableListing>) -> Result<Selected, Failure> {
    refuse_missing(selection, &listings)?;
    let mut selected = Selected::default();
    for listing in listings.into_iter().filter(|listing| selection.covers(&listing.name)) {
        match listing.kind {
            TableKind::Base | TableKind::SystemVersioned => selected.tables.push(listing),
            TableKind::Union | TableKind::Elsewhere => selected.bare.push(listing),
            TableKind::View | TableKind::Sequence => {}
            TableKind::Unreadable => return Err(unreadable(&listing)),
        }
    }
    selected.warnings.extend(histories(&selected.tables));
    selected.warnings.extend(bare(&selected.bare));
    Ok(selected)
}

/// Whether the backup holds this object. `drawn`: names of sequences that its tables draw from.
pub(super) fn holds(selection: &Selection, object: &DatabaseObject, drawn: &[String]) -> bool {
    if *selection == Selection::Full {
        return true;
    }
    match object.kind {
        ObjectKind::Trigger => object.table.as_deref().is_some_and(|table| selection.covers(table)),
        ObjectKind::Sequence => selection.covers(&object.name) || drawn.contains(&object.name),
        ObjectKind::View => selection.covers(&object.name),
        ObjectKind::Function
        | ObjectKind::Procedure
        | ObjectKind::Package
        | ObjectKind::PackageBody
        | ObjectKind::Event => false,
    }
}

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
    Err(Failure::permanent(
        FailureCode::UnknownTable,
        format!("the source has no table {}{more}", named.join(", ")),
    ))
}

fn unreadable(listing: &TableListing) -> Failure {
    Failure::permanent(
        FailureCode::TableUnreadable,
        format!("table {}: its server cannot open it: {}", listing.name, listing.about),
    )
    .with_hint("repair or drop it, or leave it out by `exclude`")
}

fn histories(tables: &[TableListing]) -> Option<String> {
    let kept = tables.iter().filter(|table| table.kind == TableKind::SystemVersioned);
    told(
        kept,
        "these tables keep their rows' history (WITH SYSTEM VERSIONING): their current rows are kept, their history is \
         not",
    )
}

fn bare(tables: &[TableListing]) -> Option<String> {
    told(tables.iter(), "these tables show rows that are kept elsewhere, so only their definitions are kept")
}

fn told<'a>(tables: impl Iterator<Item = &'a TableListing>, what: &str) -> Option<String> {
    let names: Vec<&str> = tables.map(|table| table.name.as_str()).collect();
    (!names.is_empty()).then(|| format!("{what}: {}", names.join(", ")))
}
