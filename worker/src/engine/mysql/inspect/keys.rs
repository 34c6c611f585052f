//! Which key addresses the rows, and the other keys.

use super::super::super::shape::{Column, Family, ForeignKey, Index, Key};
use super::super::structure::parse::{ForeignKeyItem, KeyItem};

/// The primary key, or else the first unique key whose columns are all NOT NULL, whole
/// and stored; the server lists unique keys without NULL first.
pub(super) fn addressing(keys: &[KeyItem], columns: &[Column], storage: &str) -> Option<Key> {
    let primary = keys.iter().filter(|key| key.name == "PRIMARY");
    let unique = keys.iter().filter(|key| key.unique && key.name != "PRIMARY");
    primary.chain(unique).find_map(|item| addresses(item, columns, storage))
}

fn addresses(item: &KeyItem, columns: &[Column], storage: &str) -> Option<Key> {
    let positions = item
        .parts
        .iter()
        .map(|part| columns.iter().position(|c| Some(&c.name) == part.column.as_ref()))
        .collect::<Option<Vec<_>>>()?;
    let of_key = || positions.iter().map(|&at| &columns[at]);
    let whole = item.parts.iter().all(|part| part.prefix.is_none());
    let hashed = method(item, storage) == "HASH";
    // MariaDB's hashed unique keys are over long columns, which no index finds.
    let usable = item.name == "PRIMARY" || whole && (!hashed || is_memory(storage));
    if !usable || of_key().any(|c| c.generated || c.nullable || c.family == Family::Unknown) {
        return None;
    }
    Some(Key {
        name: item.name.clone(),
        walkable: whole && !hashed && of_key().all(|c| is_ordered(c.family)),
        same_order: whole && of_key().all(has_same_order),
        prefixed: !whole,
        columns: positions,
    })
}

fn is_ordered(family: Family) -> bool {
    matches!(
        family,
        Family::Integer
            | Family::Decimal
            | Family::Text
            | Family::Binary
            | Family::Temporal
            | Family::Address
    )
}

/// MariaDB's UUID is sorted by parts whose order changed between releases: not listed.
fn has_same_order(column: &Column) -> bool {
    match column.family {
        Family::Integer | Family::Decimal | Family::Binary | Family::Temporal => true,
        Family::Text => column.collation.as_ref().is_some_and(|name| name.ends_with("_bin")),
        _ => false,
    }
}

fn is_memory(storage: &str) -> bool {
    storage.eq_ignore_ascii_case("MEMORY")
}

fn method(item: &KeyItem, storage: &str) -> String {
    let default = if is_memory(storage) { "HASH" } else { "BTREE" };
    item.method.clone().unwrap_or_else(|| default.to_owned())
}

/// Every key but the one that addresses the rows.
pub(super) fn secondary(keys: &[KeyItem], addressing: Option<&Key>, storage: &str) -> Vec<Index> {
    keys.iter()
        .filter(|item| addressing.is_none_or(|key| key.name != item.name))
        .map(|item| Index {
            name: item.name.clone(),
            columns: item.parts.iter().map(|part| part.text.clone()).collect(),
            unique: item.unique,
            method: method(item, storage),
            clause: format!("ADD {}", item.text),
        })
        .collect()
}

/// The foreign keys, with the clauses that add them.
pub(super) fn foreign(items: Vec<ForeignKeyItem>) -> Vec<ForeignKey> {
    items
        .into_iter()
        .map(|item| ForeignKey {
            clause: format!("ADD {}", item.text),
            name: item.name,
            columns: item.columns,
            parent_schema: item.parent_schema,
            parent: item.parent,
            parent_columns: item.parent_columns,
            on_update: item.on_update,
            on_delete: item.on_delete,
        })
        .collect()
}

/// Whether a key begins with the column. If none does, the numbers of an AUTO_INCREMENT column
/// begin anew behind each value of the columns before it, and the table has no next one.
pub(super) fn leads_any(keys: &[KeyItem], column: &str) -> bool {
    keys.iter().any(|key| key.parts.first().is_some_and(|part| part.column.as_deref() == Some(column)))
}

/// The next AUTO_INCREMENT value out of the table's options; 1 is not written there.
pub(in super::super) fn next_value(options: &str) -> u64 {
    let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>();
    // A comment comes after it, so the first occurrence is the option.
    options.split_once("AUTO_INCREMENT=").and_then(|(_, rest)| digits(rest).parse().ok()).unwrap_or(1)
}

/// A definition without the next AUTO_INCREMENT value, which tells nothing of rows that are there.
pub(super) fn without_next_value(definition: &str) -> String {
    const WORD: &str = " AUTO_INCREMENT=";
    // The columns' items begin on lines of their own, and their texts hold no line break.
    let options = definition.find("\n) ").unwrap_or(0);
    let Some(at) = definition[options..].find(WORD).map(|at| options + at) else {
        return definition.to_owned();
    };
    let rest = definition[at + WORD.len()..].trim_start_matches(|c: char| c.is_ascii_digit());
    format!("{}{rest}", &definition[..at])
}

#[cfg(test)]
mod tests {
    use super::without_next_value;

    #[test]
    fn a_definition_is_the_same_whatever_number_comes_next() {
        let with = |next: &str| {
            format!(
                "CREATE TABLE `t` (\n  `a` int COMMENT ' AUTO_INCREMENT=7'\n) ENGINE=InnoDB{next} COMMENT='x'"
            )
        };
        let bare = with("");
        assert_eq!(without_next_value(&with(" AUTO_INCREMENT=12")), bare);
        assert_eq!(without_next_value(&bare), bare);
        assert_ne!(without_next_value(&with(" ROW_FORMAT=COMPACT")), bare);
    }
}
