//! Many rows in one `UPDATE`: a join with a derived table that holds their values.
//!
//! Only of columns whose values come out of a derived table as they went in, whatever other values
//! stand beside them, and of keys for which equal means identical, so that they need no writing.

use super::super::super::super::Result;
use super::super::super::super::shape::{Column, Family, Row, TableShape};
use super::super::super::quote::ident;
use super::super::super::quote::literal::{push_typed_key, push_value};
use super::super::super::read::select;
use super::key_of;

/// Whether rows of the table can be written so.
pub(super) fn is_possible(t: &TableShape) -> Result<bool> {
    let keys = select::key(t)?;
    let rest = rest(t, &keys)?;
    Ok(!rest.is_empty()
        && keys.iter().all(|column| matches!(column.family, Family::Integer | Family::Temporal))
        && rest.iter().all(|(_, column)| is_kept(column)))
}

/// Not so: numbers that are not exact, or that become decimals beside larger ones and then mean
/// another SET or BIT, and what a derived table would not hold in memory.
const fn is_kept(column: &Column) -> bool {
    matches!(
        column.family,
        Family::Integer | Family::Decimal | Family::Temporal | Family::Enum | Family::Text | Family::Binary
    )
}

/// Stored columns that are not the key's, with their places in a row.
fn rest<'a>(t: &'a TableShape, keys: &[&Column]) -> Result<Vec<(usize, &'a Column)>> {
    let is_key = |column: &Column| keys.iter().any(|key| key.name == column.name);
    Ok(select::stored(t)?.into_iter().enumerate().filter(|(_, column)| !is_key(column)).collect())
}

/// The statement for as many of the rows, from the first on, as fit into `largest` bytes: at least
/// one; and how many these are.
pub(super) fn statement(t: &TableShape, rows: &[Row], largest: usize) -> Result<(Vec<u8>, usize)> {
    let keys = select::key(t)?;
    let (width, rest) = (select::stored(t)?.len(), rest(t, &keys)?);
    let (mut on, mut set) = (Vec::new(), Vec::new());
    for (n, key) in keys.iter().enumerate() {
        on.push(format!("t.{} = n.k{n}", ident(&key.name)));
    }
    for (n, (_, column)) in rest.iter().enumerate() {
        set.push(format!("t.{} = n.v{n}", ident(&column.name)));
    }
    let tail = format!(
        ") AS n STRAIGHT_JOIN {} AS t ON {} SET {}",
        ident(&t.name),
        on.join(" AND "),
        set.join(", ")
    );
    let mut out = b"UPDATE (".to_vec();
    let mut count = 0;
    for row in rows {
        let key = key_of(t, row, width)?;
        let before = out.len();
        out.extend_from_slice(if count == 0 { b"SELECT " } else { b" UNION ALL SELECT " });
        for (n, (column, value)) in keys.iter().zip(&key.0).enumerate() {
            let end = push_type(&mut out, column);
            push_typed_key(&mut out, column, value)?;
            out.extend_from_slice(end);
            out.extend_from_slice(
                if count == 0 { format!(" AS k{n}, ") } else { ", ".to_owned() }.as_bytes(),
            );
        }
        for (n, (at, column)) in rest.iter().enumerate() {
            let end = push_type(&mut out, column);
            push_value(&mut out, column, row.0[*at].as_deref())?;
            out.extend_from_slice(end);
            out.extend_from_slice(
                if count == 0 { format!(" AS v{n}, ") } else { ", ".to_owned() }.as_bytes(),
            );
        }
        out.truncate(out.len() - 2);
        if count > 0 && out.len() + tail.len() > largest {
            out.truncate(before);
            break;
        }
        count += 1;
    }
    out.extend_from_slice(tail.as_bytes());
    Ok((out, count))
}

/// Begins a cast where a value needs it, and answers its end: a derived table of MySQL 5.7 takes
/// small numbers beside those above 2^63 for signed, and refuses the large ones.
fn push_type(out: &mut Vec<u8>, column: &Column) -> &'static [u8] {
    if !(column.full_type.starts_with("bigint") && column.full_type.contains("unsigned")) {
        return b"";
    }
    out.extend_from_slice(b"CAST(");
    b" AS UNSIGNED)"
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::super::structure::sample;
    use super::*;

    fn row(values: &[Option<&'static str>]) -> Row {
        Row(values.iter().map(|value| value.map(|text| Bytes::from_static(text.as_bytes()))).collect())
    }

    fn table(family: Family, key: &[usize]) -> TableShape {
        let names =
            [("a", Family::Integer, "int(11)"), ("b", family, "varchar(5)"), ("c", Family::Text, "text")];
        sample::table(names.map(|(name, family, what)| sample::column(name, family, what)).to_vec(), key)
    }

    #[test]
    fn rows_in_one_statement() {
        let rows = [row(&[Some("1"), None, Some("x")]), row(&[Some("2"), Some("y"), None])];
        for (largest, count, expected) in [
            (
                1 << 20,
                2,
                "UPDATE (SELECT 1 AS k0, NULL AS v0, _binary'x' AS v1 UNION ALL SELECT 2, _binary'y', NULL) AS n \
                 STRAIGHT_JOIN `t` AS t ON t.`a` = n.k0 SET t.`b` = n.v0, t.`c` = n.v1",
            ),
            (
                1,
                1,
                "UPDATE (SELECT 1 AS k0, NULL AS v0, _binary'x' AS v1) AS n \
                 STRAIGHT_JOIN `t` AS t ON t.`a` = n.k0 SET t.`b` = n.v0, t.`c` = n.v1",
            ),
        ] {
            let made = statement(&table(Family::Text, &[0]), &rows, largest);
            let made = made.map_err(|failure| failure.code.to_string());
            let made = made.map(|(sql, count)| (String::from_utf8_lossy(&sql).into_owned(), count));
            assert_eq!(made, Ok((expected.to_owned(), count)));
        }
    }

    #[test]
    fn of_which_tables() {
        for (family, key, expected) in [
            (Family::Text, &[0][..], true),
            (Family::Double, &[0], false),
            (Family::Blob, &[0], false),
            (Family::Text, &[1], false),
            (Family::Temporal, &[1, 0], true),
        ] {
            assert_eq!(is_possible(&table(family, key)).ok(), Some(expected), "{family:?} {key:?}");
        }
    }
}
