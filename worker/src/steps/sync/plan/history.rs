//! Tables that keep their rows' history (MariaDB's `WITH SYSTEM VERSIONING`); pure.
//!
//! Their current rows are synchronised like any others. The history stays where it is: the target's
//! own begins with the first row that is written there.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::refuse::mismatch;
use crate::engine::shape::{Flavour, TableKind, TableListing};

/// Tells of tables whose history stays behind.
pub(super) fn stays(tables: &[TableListing]) -> Option<String> {
    let names: Vec<&str> = tables.iter().filter(|t| keeps(t)).map(|table| table.name.as_str()).collect();
    (!names.is_empty()).then(|| {
        format!(
            "these tables keep their rows' history (WITH SYSTEM VERSIONING): their current rows are synchronised, \
             their history stays on the source: {}",
            names.join(", ")
        )
    })
}

/// Why the table cannot be made on a target of this flavour, if it cannot.
pub(super) fn unmakeable(table: &TableListing, target: Flavour) -> Option<Failure> {
    (keeps(table) && target != Flavour::Mariadb).then(|| {
        mismatch(
            FailureCode::SystemVersioned,
            format!("table {}: it keeps its rows' history, which the target's server cannot", table.name),
        )
    })
}

fn keeps(table: &TableListing) -> bool {
    table.kind == TableKind::SystemVersioned
}
