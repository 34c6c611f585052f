//! Ranges that cover a table.
//!
//! Invariants: each range begins with the very key at which the one before ends, as the
//! server's own order found it, so no row is in two ranges or in none, whatever lies
//! between the keys; ends because every step moves past at least one row.
//! A large table with one integer for its key is not walked: [`guess`] cuts it by what the index
//! itself estimates.

mod guess;

/// Tables that are counted by one packet.
const COUNTED: usize = 100;

use super::super::Result;
use super::super::shape::{KeyTuple, Range, TableShape};
use super::connect::{Session, number_at};
use super::quote::{ident, idents};
use super::read::bounds;
use super::read::select;
use super::read::walk;
use bytes::Bytes;

pub(super) async fn split(s: &mut Session, t: &TableShape, rows: u64) -> Result<(Vec<Range>, u64)> {
    let mut ranges = Vec::new();
    let mut seen = 0;
    let mut rest = Range::ALL;
    if t.key.as_ref().is_some_and(|key| key.walkable) {
        let rows = rows.max(1);
        if let Some(guessed) = guess::split(s, t, rows).await? {
            return Ok(guessed);
        }
        while let Some(end) = key_after(s, t, &rest, rows).await? {
            if rest.from.as_ref() == Some(&end) {
                break;
            }
            ranges.push(Range { from: rest.from.take(), to: Some(end.clone()) });
            rest.from = Some(end);
            seen += rows;
        }
    }
    seen += count(s, t, &rest).await?;
    ranges.push(rest);
    Ok((ranges, seen))
}

/// The key that `rows` rows of the range come before, if there is one.
pub(super) async fn key_after(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    rows: u64,
) -> Result<Option<KeyTuple>> {
    let keys = select::key(t)?;
    let list = select::list(keys.iter().copied(), "");
    let order = idents(keys.iter().map(|column| column.name.as_str()));
    let by_key = walk::hint(s, t).await?;
    let mut query = format!("SELECT {list} FROM {}{by_key}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    query.extend(format!(" ORDER BY {order} LIMIT 1 OFFSET {rows}").into_bytes());
    let row = s.rows(query, &doing(t)).await?.into_iter().next();
    Ok(row.and_then(|row| row.into_iter().map(|value| value.map(Bytes::from)).collect()).map(KeyTuple))
}

async fn count(s: &mut Session, t: &TableShape, range: &Range) -> Result<u64> {
    let mut query = format!("SELECT COUNT(*) FROM {}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    let rows = s.rows(query, &doing(t)).await?;
    Ok(rows.first().map_or(0, |row| number_at(row, 0)))
}

/// How many rows tables have, counted to `most` and one; many in a packet.
pub(super) async fn counts(s: &mut Session, tables: &[&TableShape], most: u64) -> Result<Vec<u64>> {
    let limit = most.saturating_add(1);
    let count = |t: &&TableShape| {
        format!("SELECT COUNT(*) FROM (SELECT 1 FROM {} LIMIT {limit}) AS counted", ident(&t.name))
    };
    let mut found = Vec::with_capacity(tables.len());
    for some in tables.chunks(COUNTED) {
        let queries: Vec<String> = some.iter().map(count).collect();
        let answers = s.batch(&queries, "count the rows of small tables").await?;
        found.extend(answers.iter().map(|rows| rows.first().map_or(0, |row| number_at(row, 0))));
    }
    Ok(found)
}

fn doing(t: &TableShape) -> String {
    format!("cut table `{}` into ranges", t.name)
}
