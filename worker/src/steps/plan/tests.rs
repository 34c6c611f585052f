//! Decisions about tables that no server has.

mod beside;
mod constraining;
mod deciding;
mod laying_out;
mod selecting;

use super::decide::{Candidate, Existing};
use super::fake::spec;
use crate::engine::shape::{TableKind, TableListing, TableShape};

fn listing(name: &str, kind: TableKind) -> TableListing {
    TableListing { name: name.to_owned(), kind, about: "InnoDB".to_owned(), rows: 10, bytes: 1_000 }
}

pub(super) fn candidate(source: TableShape, target: Option<(TableShape, bool)>) -> Candidate {
    Candidate {
        listing: listing(&source.name, TableKind::Base),
        source,
        target: target.map(|(shape, holds_rows)| Existing { shape, holds_rows }),
        begun: false,
    }
}
