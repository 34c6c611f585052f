//! Values that are too large for a statement: sent in pieces, which the server puts together in a
//! user variable that stands for the value.
//!
//! Why: a statement is in memory several times before it is on its way, and escaped bytes double.
//! Invariant: what the variable holds is the value, to its last byte, or the call fails: past its
//! `max_allowed_packet` a server makes it NULL, with a warning only.

use bytes::Bytes;

use super::super::Result;
use super::super::shape::{Column, Family, TableShape};
use super::insertion::{largest_statement, too_large};
use super::literal::push_value;
use super::session::{Session, number_at};

/// Larger values are sent in pieces of this size.
const PIECE: usize = 1 << 20;

/// Whether a value is sent in pieces.
pub(super) fn is_large(column: &Column, value: Option<&Bytes>) -> bool {
    let is_text = matches!(
        column.family,
        Family::Text | Family::LongText | Family::Binary | Family::Blob | Family::Geometry | Family::Json
    );
    is_text && value.is_some_and(|value| value.len() > PIECE)
}

/// What stands in a statement for the `n`th value that was sent in pieces.
pub(super) fn name(n: usize) -> String {
    format!("@longshore_{n}")
}

/// Sends the `n`th value of a statement that comes next.
pub(super) async fn send(
    s: &mut Session,
    (table, column): (&TableShape, &Column),
    value: &[u8],
    n: usize,
    doing: &str,
) -> Result<()> {
    let name = name(n);
    // Escaped it may be twice as long.
    let most = PIECE.min(largest_statement(s.info.max_allowed_packet) / 4).max(4);
    let mut rest = value;
    while !rest.is_empty() {
        let (piece, after) = rest.split_at(end(column, rest, most));
        let (open, close) = if rest.len() == value.len() {
            (format!("SET {name} = "), "")
        } else {
            (format!("SET {name} = CONCAT({name}, "), ")")
        };
        let mut statement = Vec::with_capacity(open.len() + 2 * piece.len() + 16);
        statement.extend_from_slice(open.as_bytes());
        push_value(&mut statement, column, Some(piece))?;
        statement.extend_from_slice(close.as_bytes());
        s.conn.run(statement).await.map_err(|error| super::errors::classify(&error, doing))?;
        rest = after;
    }
    let told = s.rows(format!("SELECT LENGTH({name})"), doing).await?;
    let arrived = told.first().map(|row| number_at(row, 0)) == u64::try_from(value.len()).ok();
    if arrived { Ok(()) } else { Err(too_large(table)) }
}

/// Lets go of the first `n` values.
pub(super) async fn forget(s: &mut Session, n: usize, doing: &str) -> Result<()> {
    if n == 0 {
        return Ok(());
    }
    let each: Vec<String> = (0..n).map(|n| format!("{} = NULL", name(n))).collect();
    s.execute(&format!("SET {}", each.join(", ")), doing).await
}

/// Where the next piece ends: JSON is text to the server and must not be cut within a character.
fn end(column: &Column, rest: &[u8], most: usize) -> usize {
    let end = most.min(rest.len());
    let is_inside = |at: usize| rest.get(at).is_some_and(|byte| byte & 0xC0 == 0x80);
    if column.family != Family::Json {
        return end;
    }
    let before = (1..=end).rev().find(|&at| !is_inside(at));
    before.unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn text_is_not_cut_within_a_character() {
        let json = sample::column("c", Family::Json, "json");
        let blob = sample::column("c", Family::Blob, "blob");
        for (column, text, expected) in [
            (&json, "abcdefgh", 5),
            (&json, "abcä5678", 5),
            (&json, "abcdäxyz", 4),
            (&json, "ab🚢xyz", 2),
            (&json, "abc", 3),
            (&blob, "abcdäxyz", 5),
        ] {
            assert_eq!(end(column, text.as_bytes(), 5), expected, "{text}");
        }
    }

    #[test]
    fn of_which_values() {
        let (small, large) = (Bytes::from(vec![b'1'; PIECE]), Bytes::from(vec![b'1'; PIECE + 1]));
        let blob = sample::column("c", Family::Blob, "blob");
        assert!(is_large(&blob, Some(&large)) && !is_large(&blob, Some(&small)) && !is_large(&blob, None));
        assert!(!is_large(&sample::column("c", Family::Decimal, "decimal"), Some(&large)));
    }
}
