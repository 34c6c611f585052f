//! Which rows a range holds, as a condition.
//!
//! Invariants: one function makes the condition for every statement, so that reading,
//! checking and deleting a range mean the same rows. Key columns are never NULL. A
//! comparison of several columns is written out (`a > x OR a = x AND b > y`): servers use
//! no index for `(a, b) > (x, y)`; the outer `a >= x` bounds the index's range.

use longshore_shared::domain::filter::Condition;

use super::super::super::Result;
use super::super::super::shape::{Column, KeyTuple, Range, TableShape};
use super::super::quote::literal::{check_width, push_key};
use super::super::quote::{ident, text};
use super::select;

/// ` WHERE …` for the rows of a range, after a key, that a sync covers; empty for all rows.
pub(in super::super) fn condition(
    table: &TableShape,
    range: &Range,
    after: Option<&KeyTuple>,
) -> Result<Vec<u8>> {
    let mut out = Vec::new();
    for (key, order) in
        [(range.from.as_ref(), Order::AtLeast), (after, Order::Above), (range.to.as_ref(), Order::Below)]
    {
        let Some(key) = key else { continue };
        let columns = select::key(table)?;
        check_width(&columns, key)?;
        out.extend_from_slice(if out.is_empty() { b" WHERE " } else { b" AND " });
        push_comparison(&mut out, &columns, key, order)?;
    }
    if let Some(filter) = &table.filter {
        out.extend_from_slice(if out.is_empty() { b" WHERE " } else { b" AND " });
        out.extend(filtered(filter, "").into_bytes());
    }
    Ok(out)
}

/// The rows that a sync covers, as a condition on columns of a table that is called `prefix`.
pub(in super::super) fn filtered(filter: &Condition, prefix: &str) -> String {
    filter.sql(|column| format!("{prefix}{}", ident(column)), text)
}

#[derive(Clone, Copy)]
enum Order {
    AtLeast,
    Above,
    Below,
}

impl Order {
    /// For a column before the last: larger or smaller, whatever follows.
    fn strict(self) -> &'static str {
        match self {
            Self::AtLeast | Self::Above => " > ",
            Self::Below => " < ",
        }
    }

    fn loose(self) -> &'static str {
        match self {
            Self::AtLeast | Self::Above => " >= ",
            Self::Below => " <= ",
        }
    }

    fn last(self) -> &'static str {
        match self {
            Self::AtLeast => " >= ",
            Self::Above => " > ",
            Self::Below => " < ",
        }
    }
}

fn push_comparison(out: &mut Vec<u8>, columns: &[&Column], key: &KeyTuple, order: Order) -> Result<()> {
    let last = columns.len() - 1;
    if last > 0 {
        push_term(out, columns[0], order.loose(), &key.0[0])?;
        out.extend_from_slice(b" AND ");
    }
    for (column, value) in columns.iter().zip(&key.0).take(last) {
        out.push(b'(');
        push_term(out, column, order.strict(), value)?;
        out.extend_from_slice(b" OR ");
        push_term(out, column, " = ", value)?;
        out.extend_from_slice(b" AND ");
    }
    push_term(out, columns[last], order.last(), &key.0[last])?;
    out.resize(out.len() + last, b')');
    Ok(())
}

fn push_term(out: &mut Vec<u8>, column: &Column, comparison: &str, value: &[u8]) -> Result<()> {
    out.extend_from_slice(ident(&column.name).as_bytes());
    out.extend_from_slice(comparison.as_bytes());
    push_key(out, column, value)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use bytes::Bytes;

    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    fn key(values: &[&'static str]) -> KeyTuple {
        KeyTuple(values.iter().map(|value| Bytes::from_static(value.as_bytes())).collect())
    }

    #[test]
    fn what_a_sync_covers_is_part_of_every_range() {
        let mut table = sample::table(vec![sample::column("a`b", Family::Integer, "int(11)")], &[0]);
        let text = "`a``b` <> 'it''s \\\\' OR `a``b` IS NULL";
        table.filter = Some(serde_json::from_value(text.into()).unwrap());
        let sql = |range: &Range| String::from_utf8(condition(&table, range, None).unwrap()).unwrap();
        let filter = r"(((`a``b` <> 'it''s \\') OR (`a``b` IS NULL)))";
        assert_eq!(sql(&Range::ALL), format!(" WHERE {filter}"));
        assert_eq!(
            sql(&Range { from: Some(key(&["7"])), to: None }),
            format!(" WHERE `a``b` >= 7 AND {filter}")
        );
    }

    fn check(
        columns: &[usize],
        from: &[&'static str],
        after: &[&'static str],
        to: &[&'static str],
        expected: &str,
    ) {
        let names = ["a", "b", "c"].map(|name| sample::column(name, Family::Integer, "int(11)"));
        let table = sample::table(names.to_vec(), columns);
        let given = |values: &[&'static str]| (!values.is_empty()).then(|| key(values));
        let range = Range { from: given(from), to: given(to) };
        let made = condition(&table, &range, given(after).as_ref());
        let made =
            made.map_or_else(|failure| failure.code.to_string(), |sql| String::from_utf8(sql).unwrap());
        assert_eq!(made, expected);
    }

    #[test]
    fn conditions() {
        check(&[0], &[], &[], &[], "");
        check(&[], &[], &[], &[], "");
        check(&[0], &["1"], &[], &[], " WHERE `a` >= 1");
        check(&[0], &["1"], &["2"], &["3"], " WHERE `a` >= 1 AND `a` > 2 AND `a` < 3");
        check(&[1, 0], &[], &["1", "2"], &[], " WHERE `b` >= 1 AND (`b` > 1 OR `b` = 1 AND `a` > 2)");
        check(
            &[0, 1, 2],
            &["1", "2", "3"],
            &[],
            &["4", "5", "6"],
            " WHERE `a` >= 1 AND (`a` > 1 OR `a` = 1 AND (`b` > 2 OR `b` = 2 AND `c` >= 3)) \
              AND `a` <= 4 AND (`a` < 4 OR `a` = 4 AND (`b` < 5 OR `b` = 5 AND `c` < 6))",
        );
        check(&[0, 1], &["1"], &[], &[], "key_width");
        check(&[], &["1"], &[], &[], "no_key");
        check(&[0], &["1 OR 1"], &[], &[], "value_malformed");
    }
}
