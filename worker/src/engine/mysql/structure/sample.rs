//! Table shapes for the tests of this folder.

use std::collections::BTreeMap;

use super::super::super::shape::{Column, Family, Key, TableShape};

/// A column of a family and a full type.
pub(in super::super) fn column(name: &str, family: Family, full_type: &str) -> Column {
    let text = matches!(family, Family::Text | Family::LongText);
    Column {
        name: name.into(),
        family,
        full_type: full_type.into(),
        nullable: true,
        charset: text.then(|| "utf8mb4".into()),
        collation: text.then(|| "utf8mb4_general_ci".into()),
        generated: false,
        persistent: false,
        expression: None,
        auto_increment: false,
    }
}

/// A table with these columns, of which the ones at `key` are the key.
pub(in super::super) fn table(columns: Vec<Column>, key: &[usize]) -> TableShape {
    TableShape {
        name: "t".into(),
        columns,
        key: (!key.is_empty()).then(|| Key {
            name: "PRIMARY".into(),
            columns: key.to_vec(),
            walkable: true,
            same_order: true,
            prefixed: false,
        }),
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        definition: String::new(),
        storage: "InnoDB".into(),
        keeps_versions: true,
        collation: "utf8mb4_general_ci".into(),
        auto_increment: None,
        row_bytes: 0,
        computed_under: BTreeMap::new(),
        filter: None,
    }
}
