//! Tables that no server has, for tests of what is decided about tables.

use std::collections::BTreeMap;

use longshore_shared::domain::step::{TableMode, VerifyPolicy};
use longshore_shared::domain::sync::{ConflictPolicy, Selection, SyncSpec};

use crate::engine::shape::{Column, Family, ForeignKey, Index, Key, TableShape};
use crate::steps::sync::table::TablePlan;

/// What a task does that says nothing but that the source wins.
pub(in crate::steps) fn spec() -> SyncSpec {
    SyncSpec::new(Selection::Full, ConflictPolicy::SourceFirst)
}

/// A table `id`, `code`, keyed by `id`.
pub(in crate::steps) fn shape(name: &str) -> TableShape {
    TableShape {
        name: name.to_owned(),
        columns: vec![column("id"), column("code")],
        key: Some(Key {
            name: "PRIMARY".to_owned(),
            columns: vec![0],
            walkable: true,
            same_order: true,
            prefixed: false,
        }),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        definition: String::new(),
        storage: "InnoDB".to_owned(),
        keeps_versions: true,
        collation: "utf8mb4_bin".to_owned(),
        auto_increment: None,
        row_bytes: 100,
        computed_under: BTreeMap::new(),
        filter: None,
    }
}

/// An integer column.
pub(in crate::steps) fn column(name: &str) -> Column {
    Column {
        name: name.to_owned(),
        family: Family::Integer,
        full_type: "int".to_owned(),
        nullable: false,
        charset: None,
        collation: None,
        generated: false,
        persistent: false,
        expression: None,
        auto_increment: false,
    }
}

/// An index on `code`.
pub(in crate::steps) fn index(name: &str, unique: bool) -> Index {
    Index {
        name: name.to_owned(),
        columns: vec!["code".to_owned()],
        unique,
        method: "BTREE".to_owned(),
        clause: String::new(),
    }
}

/// A foreign key from `code` to `id` of the parent.
pub(in crate::steps) fn points_to(parent: &str) -> ForeignKey {
    ForeignKey {
        name: format!("to_{parent}"),
        columns: vec!["code".to_owned()],
        parent_schema: None,
        parent: parent.to_owned(),
        parent_columns: vec!["id".to_owned()],
        on_update: "RESTRICT".to_owned(),
        on_delete: "RESTRICT".to_owned(),
        clause: String::new(),
    }
}

/// A plan that neither builds nor prunes anything.
pub(in crate::steps) fn plan(shape: TableShape, mode: TableMode) -> TablePlan {
    TablePlan {
        shape,
        mode,
        verify: VerifyPolicy::Exact,
        prunes: false,
        new_indexes: Vec::new(),
        new_foreign_keys: Vec::new(),
        old_foreign_keys: Vec::new(),
        chunk_rows: 0,
        bytes: 0,
        raises: false,
        begun: false,
    }
}
