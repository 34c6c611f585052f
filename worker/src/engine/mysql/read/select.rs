//! How a column is read, everywhere the same.
//!
//! Invariants: no bit is lost, and a value's text is the same on every server of the
//! group. FLOAT and DOUBLE are read as `* 1e0`: FLOAT alone is rounded to six digits, a
//! declared number of decimals would cut, and `+ 0e0` would lose the sign of -0. BIT,
//! ENUM and SET are read as numbers: the text of an ENUM's error value is that of its
//! empty member, and a member may look like another one's number.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::shape::{Column, Family, TableShape};
use super::super::quote::ident;

/// The expression that reads a column; `table` is empty or an alias with its point.
pub(in super::super) fn expression(column: &Column, table: &str) -> String {
    let name = ident(&column.name);
    match column.family {
        Family::Float | Family::Double => format!("{table}{name} * 1e0"),
        Family::Bit | Family::Enum | Family::Set => format!("CAST({table}{name} AS UNSIGNED)"),
        _ => format!("{table}{name}"),
    }
}

/// The expressions that read `columns`.
pub(in super::super) fn list<'a>(columns: impl IntoIterator<Item = &'a Column>, table: &str) -> String {
    columns.into_iter().map(|column| expression(column, table)).collect::<Vec<_>>().join(", ")
}

/// The columns that are read and written, all of types that can be moved.
pub(in super::super) fn stored(table: &TableShape) -> Result<Vec<&Column>> {
    let columns: Vec<&Column> = table.stored().collect();
    let refused = |what: String| Err(Failure::permanent(FailureCode::TableNotMovable, what));
    if let Some(column) = columns.iter().find(|column| column.family == Family::Unknown) {
        return refused(format!(
            "table `{}`: the type {} of column `{}` cannot be moved",
            table.name, column.full_type, column.name
        ));
    }
    if columns.is_empty() {
        return refused(format!("table `{}` has no stored column", table.name));
    }
    Ok(columns)
}

/// The columns that are read to prove rows equal: what is written, and what is stored of what the
/// server computes.
pub(in super::super) fn proven(table: &TableShape) -> Result<Vec<&Column>> {
    let mut columns = stored(table)?;
    columns.extend(table.computed());
    Ok(columns)
}

/// The values to be written of a row; `None`: it has another number of them than the table has columns.
pub(in super::super) fn written<'a, T>(table: &TableShape, row: &'a [T]) -> Option<&'a [T]> {
    let written = table.stored().count();
    let is_whole = row.len() == written || row.len() == written + table.computed().count();
    row.get(..written).filter(|_| is_whole)
}

/// The key's columns, in the key's order.
pub(in super::super) fn key(table: &TableShape) -> Result<Vec<&Column>> {
    let columns: Option<Vec<&Column>> =
        table.key.as_ref().and_then(|key| key.columns.iter().map(|&at| table.columns.get(at)).collect());
    columns.filter(|columns| !columns.is_empty()).ok_or_else(|| {
        Failure::permanent(
            FailureCode::NoKey,
            format!("table `{}` has no key to address rows by", table.name),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::structure::sample;
    use super::*;

    #[test]
    fn expressions() {
        for (family, expected) in [
            (Family::Integer, "t.`a``b`"),
            (Family::Float, "t.`a``b` * 1e0"),
            (Family::Double, "t.`a``b` * 1e0"),
            (Family::Enum, "CAST(t.`a``b` AS UNSIGNED)"),
            (Family::Geometry, "t.`a``b`"),
        ] {
            assert_eq!(expression(&sample::column("a`b", family, ""), "t."), expected);
        }
    }

    #[test]
    fn what_cannot_be_moved() {
        let mut generated = sample::column("g", Family::Integer, "int(11)");
        generated.generated = true;
        for (columns, expected) in [
            (vec![sample::column("a", Family::Unknown, "xmltype")], Some("table_not_movable")),
            (vec![generated.clone()], Some("table_not_movable")),
            (vec![sample::column("a", Family::Integer, "int(11)"), generated], None),
        ] {
            let table = sample::table(columns, &[]);
            assert_eq!(stored(&table).err().map(|failure| failure.code.as_str()), expected);
        }
    }
}
