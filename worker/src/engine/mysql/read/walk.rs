//! Which index of this server serves a table's key.
//!
//! The shape may be the other side's, where the same key has another name or role. With
//! the hint the server walks the key instead of sorting or scanning the table, whatever
//! its statistics say of it; where no index fits there is no hint, and it decides.

use std::collections::BTreeMap;

use super::super::super::Result;
use super::super::super::shape::{Column, TableShape};
use super::super::connect::{RawRow, Session, number_at, optional_at, text_at};
use super::super::quote::ident;
use super::select;

/// The hint for the index that holds the rows themselves.
pub(in super::super) const CLUSTERED: &str = " FORCE INDEX (`PRIMARY`)";

/// ` FORCE INDEX (…)` or nothing; asked once a session and table.
pub(in super::super) async fn hint(s: &mut Session, t: &TableShape) -> Result<String> {
    if let Some(known) = s.hints.get(&t.name) {
        return Ok(known.clone());
    }
    let keys = select::key(t)?;
    let doing = format!("read the indexes of table `{}`", t.name);
    let rows = s.rows(format!("SHOW INDEX FROM {}", ident(&t.name)), &doing).await?;
    let found = fitting(&rows, &keys).map(|name| format!(" FORCE INDEX ({})", ident(&name)));
    let hint = found.unwrap_or_default();
    s.hints.insert(t.name.clone(), hint.clone());
    Ok(hint)
}

/// The ordered unique index over exactly the key's columns, whole and in their order; the
/// primary key before others.
fn fitting(rows: &[RawRow], keys: &[&Column]) -> Option<String> {
    let mut indexes: BTreeMap<String, Vec<Option<String>>> = BTreeMap::new();
    for row in rows {
        let usable = number_at(row, 1) == 0 && optional_at(row, 7).is_none() && text_at(row, 10) == "BTREE";
        let column = optional_at(row, 4).filter(|_| usable);
        indexes.entry(text_at(row, 2)).or_default().push(column);
    }
    let fits = |columns: &Vec<Option<String>>| {
        columns.len() == keys.len()
            && columns.iter().zip(keys).all(|(column, key)| {
                column.as_ref().is_some_and(|name| name.to_lowercase() == key.name.to_lowercase())
            })
    };
    let mut names: Vec<String> =
        indexes.into_iter().filter(|(_, columns)| fits(columns)).map(|(name, _)| name).collect();
    names.sort_by_key(|name| name != "PRIMARY");
    names.into_iter().next()
}

#[cfg(test)]
mod tests {
    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    fn index(not_unique: &str, name: &str, column: &str, part: Option<&str>, method: &str) -> RawRow {
        let told = ["t", not_unique, name, "1", column, "A", "5"].map(Some);
        let rest = [part, None, Some(""), Some(method)];
        told.into_iter().chain(rest).map(|value| value.map(|text| text.as_bytes().to_vec())).collect()
    }

    #[test]
    fn indexes_that_serve_a_key() {
        let (a, b) = (sample::column("a", Family::Integer, "int"), sample::column("b", Family::Text, "text"));
        for (indexes, keys, expected) in [
            (vec![index("0", "PRIMARY", "A", None, "BTREE")], vec![&a], Some("PRIMARY")),
            (
                vec![index("0", "A0", "a", None, "BTREE"), index("0", "PRIMARY", "a", None, "BTREE")],
                vec![&a],
                Some("PRIMARY"),
            ),
            (
                vec![index("0", "u", "b", None, "BTREE"), index("0", "u", "a", None, "BTREE")],
                vec![&b, &a],
                Some("u"),
            ),
            (
                vec![index("0", "u", "b", None, "BTREE"), index("0", "u", "a", None, "BTREE")],
                vec![&a, &b],
                None,
            ),
            (vec![index("1", "i", "a", None, "BTREE")], vec![&a], None),
            (vec![index("0", "u", "b", Some("3"), "BTREE")], vec![&b], None),
            (vec![index("0", "PRIMARY", "a", None, "HASH")], vec![&a], None),
            (Vec::new(), vec![&a], None),
        ] {
            assert_eq!(fitting(&indexes, &keys).as_deref(), expected);
        }
    }
}
