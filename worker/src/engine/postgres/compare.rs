//! Whether two tables' structures fit: rows of the one can be stored in the other unchanged and be found
//! there by the same key. The columns' order is no difference: every statement names its columns.

use super::super::difference::{Change, Difference};
use super::super::shape::{Column, TableShape};

/// What differs; empty where rows of the one can be rows of the other.
pub(super) fn compare(source: &TableShape, target: &TableShape) -> Vec<Difference> {
    let mut found = Vec::new();
    for column in &source.columns {
        match target.columns.iter().find(|other| other.name == column.name) {
            Some(other) => found.extend(differs(column, other)),
            None => found.push(Change::ColumnMissing(column.name.clone(), column.full_type.clone())),
        }
    }
    let is_surplus = |column: &&Column| source.columns.iter().all(|other| other.name != column.name);
    for column in target.columns.iter().filter(is_surplus) {
        found.push(Change::ColumnSurplus(column.name.clone(), column.full_type.clone()));
    }
    let (here, there) = (key(source), key(target));
    if here != there {
        found.push(match here {
            Some(here) => Change::Key(here, there),
            None => Change::UniqueSurplus(there.unwrap_or_default()),
        });
    }
    found.into_iter().map(|change| Difference { table: source.name.clone(), change }).collect()
}

fn differs(source: &Column, target: &Column) -> Vec<Change> {
    let null = |column: &Column| if column.nullable { "nullable" } else { "NOT NULL" }.to_owned();
    let generated = |column: &Column| if column.generated { "generated" } else { "not generated" }.to_owned();
    let collation = |column: &Column| column.collation.clone().unwrap_or_else(|| "none".to_owned());
    [
        ("the type", source.full_type.clone(), target.full_type.clone()),
        ("the column", null(source), null(target)),
        ("the column", generated(source), generated(target)),
        ("the collation", collation(source), collation(target)),
    ]
    .into_iter()
    .filter(|(_, here, there)| here != there)
    .map(|(part, here, there)| Change::Column {
        name: source.name.clone(),
        part,
        source: here,
        target: there,
    })
    .collect()
}

fn key(table: &TableShape) -> Option<Vec<String>> {
    let key = table.key.as_ref()?;
    Some(key.columns.iter().map(|&at| table.columns[at].name.clone()).collect())
}
