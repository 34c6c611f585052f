//! Rows by key order and by key.
//!
//! Invariants: pages follow the key's index, so they are as fast at the end as at the
//! start; equality of keys is the server's: a join against the wanted keys, each typed
//! and collated like its column by a first, empty arm that reads the column itself, so
//! that the key's index serves. Row size bounds a page, statement size a fetch.

use bytes::Bytes;
use longshore_shared::domain::failure::{Failure, FailureClass};
use mysql_async::Value;
use mysql_async::prelude::Queryable;

use super::super::shape::{Column, KeyTuple, Range, Row, TableShape};
use super::super::{Columns, Result};
use super::bounds;
use super::errors::classify;
use super::literal::{check_width, push_typed_key};
use super::quote::{ident, idents};
use super::select;
use super::session::Session;

/// A page takes no more rows once it holds this many bytes.
const PAGE_BYTES: usize = 8 << 20;
/// A fetch asks for at most so many keys at once, in at most so many bytes.
const FETCH_KEYS: usize = 500;
const FETCH_BYTES: usize = 256 * 1024;

pub(super) async fn page(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    after: Option<&KeyTuple>,
    limit: u32,
    columns: Columns,
) -> Result<Vec<Row>> {
    let doing = format!("read a page of table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    let keys = select::key(t)?;
    let (list, rows) = match columns {
        Columns::Stored => (select::list(select::stored(t)?, ""), bounded(limit, t.row_bytes)),
        Columns::Key => (select::list(keys.iter().copied(), ""), limit.max(1)),
    };
    let order = idents(keys.iter().map(|column| column.name.as_str()));
    let mut query = format!("SELECT {list} FROM {}{}", ident(&t.name), select::by_key(t)).into_bytes();
    query.extend(bounds::condition(t, range, after)?);
    query.extend(format!(" ORDER BY {order} LIMIT {rows}").into_bytes());
    let mut result = s.conn.query_iter(query).await.map_err(failed)?;
    let mut page = Vec::new();
    let mut bytes = 0;
    while let Some(row) = result.next().await.map_err(failed)? {
        // The rest of an unusually large page is read and dropped: the next call brings it.
        if bytes < PAGE_BYTES {
            let row = values(row);
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

fn values(row: mysql_async::Row) -> Vec<Option<Bytes>> {
    let values = row.unwrap().into_iter();
    values
        .map(|value| match value {
            Value::Bytes(bytes) => Some(bytes.into()),
            _ => None,
        })
        .collect()
}

pub(super) async fn fetch(
    s: &mut Session,
    t: &TableShape,
    keys: &[KeyTuple],
    columns: Columns,
) -> Result<Vec<Option<Row>>> {
    let mut found = vec![None; keys.len()];
    let query = Lookup::new(t, columns)?;
    let mut from = 0;
    while from < keys.len() {
        let (statement, to) = query.statement(keys, from)?;
        look_up(s, t, statement, &mut found[from..to]).await?;
        from = to;
    }
    Ok(found)
}

async fn look_up(
    s: &mut Session,
    t: &TableShape,
    statement: Vec<u8>,
    found: &mut [Option<Row>],
) -> Result<()> {
    let doing = format!("look up rows of table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    let mut result = s.conn.query_iter(statement).await.map_err(failed)?;
    while let Some(row) = result.next().await.map_err(failed)? {
        let mut row = values(row);
        let at = row.pop().flatten().and_then(|text| std::str::from_utf8(&text).ok()?.parse::<usize>().ok());
        match at.and_then(|at| found.get_mut(at)) {
            Some(place) => *place = Some(Row(row)),
            None => return Err(misplaced(t)),
        }
    }
    Ok(())
}

fn misplaced(t: &TableShape) -> Failure {
    Failure::permanent(
        FailureClass::Internal,
        "fetch_misplaced",
        format!("look up rows of table `{}`: the server sent a row that was not asked for", t.name),
        "report this as a fault of Longshore",
    )
}

/// The statement that looks keys up, but for the keys.
struct Lookup<'a> {
    keys: Vec<&'a Column>,
    head: String,
    tail: String,
}

impl<'a> Lookup<'a> {
    fn new(t: &'a TableShape, columns: Columns) -> Result<Self> {
        let keys = select::key(t)?;
        let list = match columns {
            Columns::Stored => select::list(select::stored(t)?, "t."),
            Columns::Key => select::list(keys.iter().copied(), "t."),
        };
        let (mut arm, mut equal) = (String::new(), String::new());
        for (n, column) in keys.iter().enumerate() {
            arm += &format!("{} AS k{n}, ", select::expression(column, ""));
            let and = if n == 0 { "" } else { " AND " };
            equal += &format!("{and}t.{} = k.k{n}", ident(&column.name));
        }
        let name = ident(&t.name);
        let head = format!("SELECT {list}, k.n FROM (SELECT {arm}0 AS n FROM {name} WHERE 1 = 0");
        let tail = format!(") AS k STRAIGHT_JOIN {name} AS t{} ON {equal}", select::by_key(t));
        Ok(Self { keys, head, tail })
    }

    /// The statement for as many keys from `from` on as fit, and where the next one starts.
    fn statement(&self, keys: &[KeyTuple], from: usize) -> Result<(Vec<u8>, usize)> {
        let mut out = self.head.clone().into_bytes();
        let mut to = from;
        while to < keys.len() && to - from < FETCH_KEYS && (to == from || out.len() < FETCH_BYTES) {
            check_width(&self.keys, &keys[to])?;
            out.extend_from_slice(b" UNION ALL SELECT ");
            for (column, value) in self.keys.iter().zip(&keys[to].0) {
                push_typed_key(&mut out, column, value)?;
                out.extend_from_slice(b", ");
            }
            out.extend_from_slice((to - from).to_string().as_bytes());
            to += 1;
        }
        out.extend_from_slice(self.tail.as_bytes());
        Ok((out, to))
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::shape::Family;
    use super::super::sample;
    use super::*;

    #[test]
    fn pages_are_bounded_by_row_size() {
        for (limit, row_bytes, expected) in
            [(1000, 0, 1000), (1000, 8192, 1000), (5000, 8192, 1024), (1000, 1 << 30, 1), (0, 5, 1)]
        {
            assert_eq!(bounded(limit, row_bytes), expected);
        }
    }

    #[test]
    fn keys_are_looked_up_by_a_join() {
        let columns = vec![
            sample::column("a", Family::Text, "varchar(5)"),
            sample::column("v", Family::Float, "float"),
            sample::column("d", Family::Temporal, "date"),
        ];
        let table = sample::table(columns, &[0, 2]);
        let keys = [KeyTuple(vec![Bytes::from_static(b"x"), Bytes::from_static(b"2020-01-01")])];
        let made = Lookup::new(&table, Columns::Stored).and_then(|lookup| lookup.statement(&keys, 0));
        let made = made.map(|(sql, to)| (String::from_utf8_lossy(&sql).into_owned(), to));
        let expected = "SELECT t.`a`, t.`v` * 1e0, t.`d`, k.n \
            FROM (SELECT `a` AS k0, `d` AS k1, 0 AS n FROM `t` WHERE 1 = 0 \
            UNION ALL SELECT _utf8mb4 x'78', CAST('2020-01-01' AS date), 0) AS k \
            STRAIGHT_JOIN `t` AS t FORCE INDEX (`PRIMARY`) ON t.`a` = k.k0 AND t.`d` = k.k1";
        assert_eq!(made, Ok((expected.to_owned(), 1)));
    }
}
