//! Decisions about tables that no server has.

mod constraining;
mod deciding;
mod laying_out;
mod selecting;

use longshore_shared::domain::sync::{
    ConflictPolicy, Keyless, OnMismatch, Selection, SyncSpec, TargetBusy, TargetTriggers,
};

use super::decide::{Candidate, Existing};
use crate::engine::shape::{TableKind, TableListing, TableShape};

fn spec() -> SyncSpec {
    SyncSpec {
        selection: Selection::Full,
        policy: ConflictPolicy::SourceFirst,
        delete_extra: false,
        keyless: Keyless::Refuse,
        target_triggers: TargetTriggers::Refuse,
        on_mismatch: OnMismatch::Fail,
        target_busy: TargetBusy::Wait,
    }
}

fn listing(name: &str, kind: TableKind) -> TableListing {
    TableListing { name: name.to_owned(), kind, rows: 10, bytes: 1_000 }
}

fn candidate(source: TableShape, target: Option<(TableShape, bool)>) -> Candidate {
    Candidate {
        listing: listing(&source.name, TableKind::Base),
        source,
        target: target.map(|(shape, holds_rows)| Existing { shape, holds_rows }),
        begun: false,
    }
}
