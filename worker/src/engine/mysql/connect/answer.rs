//! A statement's answer, read no further than an honest server's goes.
//!
//! Invariants: rows are counted in bytes of our memory while they come, result sets one by one;
//! where the bound is passed the session is of no use any more, and whoever drops it does not
//! read the rest (`line`).
//! Deliberately not here: rows of tables, which stream (`stream`) or come in pages (`page`).

use std::fmt;

use mysql_async::prelude::Queryable;
use mysql_async::{Conn, Error, QueryResult, TextProtocol};

use super::{RawRow, raw};

/// What the rows of an answer may take in the login, where a few words are asked for.
pub(super) const LOGIN_BYTES: usize = 4 << 20;
/// As much of any other answer.
pub(in super::super) const BYTES: usize = 32 << 20;
/// As much of what tells of a whole schema: the columns of ten thousand wide tables do.
pub(super) const STRUCTURE_BYTES: usize = 192 << 20;
/// What a value and a row take besides their bytes: their place and the allocation.
const VALUE: usize = 48;
const ROW: usize = 48;
/// Result sets that nobody asked for and that are passed over.
const SURPLUS: usize = 8;

/// The answer is larger than any that an honest server gives.
#[derive(Debug)]
pub(in super::super) struct TooLarge;

impl fmt::Display for TooLarge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer is larger than an honest server's, or has no end")
    }
}

impl std::error::Error for TooLarge {}

fn too_large() -> Error {
    Error::Other(Box::new(TooLarge))
}

/// The rows of the only result set, which may take so many bytes.
pub(super) async fn rows(conn: &mut Conn, query: &[u8], bytes: usize) -> mysql_async::Result<Vec<RawRow>> {
    let mut left = bytes;
    let mut results = conn.query_iter(query).await?;
    let rows = set(&mut results, &mut left).await?;
    pass_over(results, SURPLUS).await?;
    Ok(rows)
}

/// The rows of each of several statements that are sent in one packet.
pub(super) async fn batch(conn: &mut Conn, queries: &[String]) -> mysql_async::Result<Vec<Vec<RawRow>>> {
    let mut answers = Vec::with_capacity(queries.len());
    let mut left = STRUCTURE_BYTES;
    let mut results = conn.query_iter(queries.join(";\n")).await?;
    while answers.len() < queries.len() {
        answers.push(set(&mut results, &mut left).await?);
    }
    pass_over(results, SURPLUS).await?;
    Ok(answers)
}

/// Runs a statement whose answer does not matter beyond success.
pub(super) async fn none(conn: &mut Conn, statement: &[u8]) -> mysql_async::Result<()> {
    pass_over(conn.query_iter(statement).await?, SURPLUS).await
}

/// The rows of the next result set, which take their place from what is `left`.
pub(in super::super) async fn set(
    results: &mut QueryResult<'_, 'static, TextProtocol>,
    left: &mut usize,
) -> mysql_async::Result<Vec<RawRow>> {
    let mut rows = Vec::new();
    while let Some(row) = results.next().await? {
        let row = raw(row);
        let bytes: usize = row.iter().map(|value| VALUE + value.as_ref().map_or(0, Vec::len)).sum();
        *left = left.checked_sub(ROW + bytes).ok_or_else(too_large)?;
        rows.push(row);
    }
    Ok(rows)
}

/// Reads what else there is, at most so many result sets, and throws it away.
pub(in super::super) async fn pass_over(
    mut results: QueryResult<'_, 'static, TextProtocol>,
    sets: usize,
) -> mysql_async::Result<()> {
    let mut left = LOGIN_BYTES;
    for _ in 0..=sets {
        if results.is_empty() {
            // Nothing is read any more.
            return results.drop_result().await;
        }
        set(&mut results, &mut left).await?;
    }
    Err(too_large())
}
