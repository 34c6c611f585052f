//! Decisions about tables that no server has.

mod beside;
mod constraining;
mod deciding;
mod laying_out;
mod selecting;

use longshore_shared::domain::step::{Owed, TableDraft};
use serde_json::Value;

use super::decide::{Candidate, Existing};
use super::fake::spec;
use super::layout::Laid;
use crate::engine::shape::{Range, TableKind, TableListing, TableShape};
use crate::steps::sync::table::TablePlan;

fn listing(name: &str, kind: TableKind) -> TableListing {
    TableListing { name: name.to_owned(), kind, about: "InnoDB".to_owned(), rows: 10, bytes: 1_000 }
}

pub(super) fn candidate(source: TableShape, target: Option<(TableShape, bool)>) -> Candidate {
    Candidate {
        listing: listing(&source.name, TableKind::Base),
        source,
        target: target.map(|(shape, holds_rows)| Existing { shape, holds_rows }),
        owed: Owed::default(),
    }
}

/// A planned table of so many ranges.
pub(super) fn laid(number: i32, plan: TablePlan, chunks: usize, prunes: usize) -> Laid {
    let draft = TableDraft {
        number,
        name: plan.shape.name.clone(),
        mode: plan.mode,
        plan: Value::Null,
        rows_total: 0,
        bytes_total: i64::try_from(chunks).unwrap_or(0),
        failure: None,
        owes: Owed::default(),
    };
    Laid { draft, plan: Some(plan), ranges: vec![Range::ALL; chunks], prune_ranges: vec![Range::ALL; prunes] }
}
