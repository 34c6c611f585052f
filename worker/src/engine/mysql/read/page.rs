//! Rows by key order and by key.
//!
//! Invariants: pages follow the key's index, so they are as fast at the end as at the
//! start; equality of keys is the server's: a join against the wanted keys, each typed
//! and collated like its column by a first, empty arm that reads the column itself, so
//! that the key's index serves. Row size bounds a page, statement size a fetch.
//! A join would hand a number to an ENUM or SET column as text (seen on MySQL 5.7: 1 found
//! the member '1'), so keys with one are looked up by one SELECT each, in a UNION.

use bytes::Bytes;
use longshore_shared::domain::failure::{Failure, FailureCode};
use mysql_async::Value;

use super::super::super::shape::{Column, Family, KeyTuple, Range, Row, TableShape};
use super::super::super::{Columns, Result};
use super::super::connect::Session;
use super::super::errors::classify;
use super::super::quote::literal::{check_width, push_equal, push_typed_key};
use super::super::quote::{ident, idents};
use super::bounds;
use super::select;
use super::walk;

/// A page takes no more rows once it holds this many bytes.
const PAGE_BYTES: usize = 8 << 20;
/// A fetch asks for at most so many keys at once, in at most so many bytes.
const FETCH_KEYS: usize = 500;
const FETCH_BYTES: usize = 256 * 1024;

pub(in super::super) async fn page(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    after: Option<&KeyTuple>,
    limit: u32,
    columns: Columns,
) -> Result<Vec<Row>> {
    let doing = format!("read a page of table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    s.compute_under(t, &doing).await?;
    let keys = select::key(t)?;
    let (list, rows) = match columns {
        Columns::Stored => (select::list(select::proven(t)?, ""), bounded(limit, t.row_bytes)),
        Columns::Key => (select::list(keys.iter().copied(), ""), limit.max(1)),
    };
    let order = idents(keys.iter().map(|column| column.name.as_str()));
    let by_key = walk::hint(s, t).await?;
    let mut query = format!("SELECT {list} FROM {}{by_key}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, after)?);
    query.extend(format!(" ORDER BY {order} LIMIT {rows}").into_bytes());
    let mut result = s.conn.ask(query).await.map_err(failed)?;
    let mut page = Vec::new();
    let (mut bytes, mut left) = (0, rows);
    while let Some(row) = result.next().await.map_err(failed)? {
        left = left.checked_sub(1).ok_or_else(|| surplus(t))?;
        // The rest of an unusually large page is read and dropped: the next call brings it.
        if bytes < PAGE_BYTES {
            let row: Vec<Option<Bytes>> = values(row).collect();
            bytes += row.iter().flatten().map(Bytes::len).sum::<usize>();
            page.push(Row(row));
        }
    }
    Ok(page)
}

/// The limit, lowered to the rows that make up a page.
fn bounded(limit: u32, row_bytes: u64) -> u32 {
    let fitting = (PAGE_BYTES as u64 / row_bytes.max(1)).max(1);
    limit.clamp(1, u32::try_from(fitting).unwrap_or(u32::MAX))
}

/// A row's values as they are.
pub(in super::super) fn values(row: mysql_async::Row) -> impl Iterator<Item = Option<Bytes>> {
    row.unwrap().into_iter().map(|value| match value {
        Value::Bytes(bytes) => Some(bytes.into()),
        _ => None,
    })
}

pub(in super::super) async fn fetch(
    s: &mut Session,
    t: &TableShape,
    keys: &[KeyTuple],
    columns: Columns,
) -> Result<Vec<Option<Row>>> {
    let lookup = Lookup::new(t, columns, &walk::hint(s, t).await?)?;
    looked_up(s, t, &lookup, keys, true).await
}

/// No index is hinted at: the shape's key may be none of the server's.
pub(in super::super) async fn held(s: &mut Session, t: &TableShape, keys: &[KeyTuple]) -> Result<Vec<bool>> {
    let found = looked_up(s, t, &Lookup::new(t, Columns::Key, "")?, keys, false).await?;
    Ok(found.iter().map(Option::is_some).collect())
}

/// What the lookup tells of each key; `unique`: each has one row at most.
pub(in super::super) async fn looked_up(
    s: &mut Session,
    t: &TableShape,
    lookup: &Lookup<'_>,
    keys: &[KeyTuple],
    unique: bool,
) -> Result<Vec<Option<Row>>> {
    let mut found = vec![None; keys.len()];
    let mut from = 0;
    while from < keys.len() {
        let (statement, to) = lookup.statement(keys, from, s.fitting(FETCH_BYTES))?;
        look_up(s, t, statement, &mut found[from..to], unique).await?;
        from = to;
    }
    Ok(found)
}

async fn look_up(
    s: &mut Session,
    t: &TableShape,
    statement: Vec<u8>,
    found: &mut [Option<Row>],
    unique: bool,
) -> Result<()> {
    let doing = format!("look up rows of table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    s.compute_under(t, &doing).await?;
    let mut result = s.conn.ask(statement).await.map_err(failed)?;
    let mut left = found.len();
    while let Some(row) = result.next().await.map_err(failed)? {
        if unique {
            left = left.checked_sub(1).ok_or_else(|| surplus(t))?;
        }
        let mut row = values(row);
        let at = row.next().flatten();
        let at = at.and_then(|text| std::str::from_utf8(&text).ok()?.parse::<usize>().ok());
        match at.and_then(|at| found.get_mut(at)) {
            Some(place) => *place = Some(Row(row.collect())),
            None => return Err(surplus(t)),
        }
    }
    Ok(())
}

fn surplus(t: &TableShape) -> Failure {
    Failure::permanent(
        FailureCode::FetchMisplaced,
        format!("read table `{}`: the server sent a row that was not asked for", t.name),
    )
}

/// The statement that looks keys up, but for the keys.
pub(in super::super) struct Lookup<'a> {
    keys: Vec<&'a Column>,
    /// Opens the statement.
    head: String,
    /// What of a key's arm stands between its ordinal and its values.
    arm: String,
    /// Ends the statement.
    tail: String,
    joined: bool,
}

impl<'a> Lookup<'a> {
    fn new(t: &'a TableShape, columns: Columns, by_key: &str) -> Result<Self> {
        let wanted = match columns {
            Columns::Stored => select::proven(t)?,
            Columns::Key => select::key(t)?,
        };
        let filter = t.filter.as_ref().map(|filter| bounds::filtered(filter, "t."));
        Self::of(t, &ident(&t.name), &select::list(wanted, "t."), by_key, filter)
    }

    /// Looks for rows of another table, `name` quoted, which has the key's columns.
    pub(in super::super) fn elsewhere(t: &'a TableShape, name: &str) -> Result<Self> {
        Self::of(t, name, "1", "", None)
    }

    /// Looks for rows that meet the condition, on columns of `t`: tells these columns of one of them, and how
    /// many there are; which may be none.
    pub(in super::super) fn counting(
        t: &'a TableShape,
        columns: &[&Column],
        by_key: &str,
        condition: String,
    ) -> Result<Self> {
        let list = format!("{}, COUNT(*)", select::list(columns.iter().copied(), "t."));
        let mut lookup = Self::of(t, &ident(&t.name), &list, by_key, Some(condition))?;
        if lookup.joined {
            lookup.tail.push_str(" GROUP BY k.n");
        }
        Ok(lookup)
    }

    fn of(t: &'a TableShape, name: &str, list: &str, by_key: &str, filter: Option<String>) -> Result<Self> {
        let keys = select::key(t)?;
        if keys.iter().any(|column| matches!(column.family, Family::Enum | Family::Set)) {
            let filter = filter.map(|filter| format!("{filter} AND ")).unwrap_or_default();
            let arm = format!(", {list} FROM {name} AS t{by_key} WHERE {filter}");
            return Ok(Self { keys, head: String::new(), arm, tail: String::new(), joined: false });
        }
        let (mut first, mut equal) = (String::new(), String::new());
        for (n, column) in keys.iter().enumerate() {
            first += &format!(", {} AS k{n}", select::expression(column, ""));
            let and = if n == 0 { "" } else { " AND " };
            equal += &format!("{and}t.{} = k.k{n}", ident(&column.name));
        }
        let head =
            format!("SELECT k.n, {list} FROM (SELECT 0 AS n{first} FROM {name} WHERE 1 = 0 UNION ALL ");
        let filter = filter.map(|filter| format!(" AND {filter}")).unwrap_or_default();
        let tail = format!(") AS k STRAIGHT_JOIN {name} AS t{by_key} ON {equal}{filter}");
        Ok(Self { keys, head, arm: String::new(), tail, joined: true })
    }

    /// The statement for as many keys from `from` on as fit into so many bytes, at least one, and where
    /// the next one starts.
    fn statement(&self, keys: &[KeyTuple], from: usize, most: usize) -> Result<(Vec<u8>, usize)> {
        let mut out = self.head.clone().into_bytes();
        let mut to = from;
        while to < keys.len() && to - from < FETCH_KEYS {
            check_width(&self.keys, &keys[to])?;
            let before = out.len();
            if to > from {
                out.extend_from_slice(b" UNION ALL ");
            }
            self.push_arm(&mut out, &keys[to], to - from)?;
            if to > from && out.len() + self.tail.len() > most {
                out.truncate(before);
                break;
            }
            to += 1;
        }
        out.extend_from_slice(self.tail.as_bytes());
        Ok((out, to))
    }

    fn push_arm(&self, out: &mut Vec<u8>, key: &KeyTuple, ordinal: usize) -> Result<()> {
        out.extend_from_slice(format!("SELECT {ordinal}{}", self.arm).as_bytes());
        if !self.joined {
            return push_equal(out, &self.keys, key);
        }
        for (column, value) in self.keys.iter().zip(&key.0) {
            out.extend_from_slice(b", ");
            push_typed_key(out, column, value)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    #[test]
    fn pages_are_bounded_by_row_size() {
        for (limit, row_bytes, expected) in
            [(1000, 0, 1000), (1000, 8192, 1000), (5000, 8192, 1024), (1000, 1 << 30, 1), (0, 5, 1)]
        {
            assert_eq!(bounded(limit, row_bytes), expected);
        }
    }

    fn looked_up(columns: Vec<Column>, key: &[usize], values: &[&'static str]) -> String {
        let table = sample::table(columns, key);
        let keys = values.chunks(key.len()).map(|values| {
            KeyTuple(values.iter().map(|value| Bytes::from_static(value.as_bytes())).collect())
        });
        let keys: Vec<KeyTuple> = keys.collect();
        match Lookup::new(&table, Columns::Stored, " FORCE INDEX (`k`)")
            .and_then(|lookup| lookup.statement(&keys, 0, FETCH_BYTES))
        {
            Ok((sql, _)) => String::from_utf8_lossy(&sql).into_owned(),
            Err(failure) => failure.code.to_string(),
        }
    }

    #[test]
    fn keys_are_looked_up_by_a_join() {
        let columns = vec![
            sample::column("a", Family::Text, "varchar(5)"),
            sample::column("v", Family::Float, "float"),
            sample::column("d", Family::Temporal, "date"),
        ];
        let expected = "SELECT k.n, t.`a`, t.`v` * 1e0, t.`d` \
            FROM (SELECT 0 AS n, `a` AS k0, `d` AS k1 FROM `t` WHERE 1 = 0 \
            UNION ALL SELECT 0, _utf8mb4 x'78', CAST('2020-01-01' AS date)) AS k \
            STRAIGHT_JOIN `t` AS t FORCE INDEX (`k`) ON t.`a` = k.k0 AND t.`d` = k.k1";
        assert_eq!(looked_up(columns, &[0, 2], &["x", "2020-01-01"]), expected);
    }

    #[test]
    fn enums_are_looked_up_one_by_one() {
        let columns = vec![sample::column("e", Family::Enum, "enum('1')")];
        let expected = "SELECT 0, CAST(t.`e` AS UNSIGNED) FROM `t` AS t FORCE INDEX (`k`) WHERE `e` = 1 \
            UNION ALL SELECT 1, CAST(t.`e` AS UNSIGNED) FROM `t` AS t FORCE INDEX (`k`) WHERE `e` = 2";
        assert_eq!(looked_up(columns, &[0], &["1", "2"]), expected);
    }
}
