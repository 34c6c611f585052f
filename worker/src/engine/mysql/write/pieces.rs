//! Values that are too large for a statement: sent in pieces, which the server puts together in a
//! user variable that stands for the value.
//!
//! Why: a statement is in memory several times before it is on its way, and escaped bytes double.
//! Invariant: what the variable holds is the value, to its last byte, or the call fails: past its
//! `max_allowed_packet` a server makes it NULL, with a warning only.

use bytes::Bytes;

use super::super::super::Result;
use super::super::super::shape::{Column, Family, TableShape};
use super::super::connect::{Session, number_at};
use super::super::errors::classify;
use super::insertion::{largest_statement, too_large};
use crate::row::mysql_literal::push_string;

/// Larger values are sent in pieces of this size, or of larger ones if these were more than so many.
const PIECE: usize = 1 << 20;
const PIECES: usize = 16;

/// Whether a value is sent in pieces to a server whose statements have so many bytes at most.
pub(in super::super) fn is_large(column: &Column, value: Option<&Bytes>, largest: usize) -> bool {
    let is_text = matches!(
        column.family,
        Family::Text | Family::LongText | Family::Binary | Family::Blob | Family::Geometry | Family::Json
    );
    is_text && value.is_some_and(|value| value.len() > PIECE.min(largest / 8))
}

/// What stands in a statement for the `n`th value that was sent in pieces. They are bytes; JSON is
/// made of text only.
pub(in super::super) fn value(column: &Column, n: usize) -> String {
    match column.family {
        Family::Json => format!("CONVERT({} USING utf8mb4)", variable(n)),
        _ => variable(n),
    }
}

fn variable(n: usize) -> String {
    format!("@longshore_{n}")
}

/// Sends the `n`th value of a statement that comes next.
pub(in super::super) async fn send(
    s: &mut Session,
    table: &TableShape,
    value: &[u8],
    n: usize,
    doing: &str,
) -> Result<()> {
    let name = variable(n);
    // The server copies what it has for each piece, so there are not many more of a larger value. Escaped
    // one may be twice as long.
    let fitting = largest_statement(s.info.max_allowed_packet) / 4;
    let most = PIECE.max(value.len() / PIECES).min(fitting).max(1);
    let mut begun = false;
    for piece in value.chunks(most) {
        let (open, close) = match begun {
            false => (format!("SET {name} = "), ""),
            true => (format!("SET {name} = CONCAT({name}, "), ")"),
        };
        let mut statement = Vec::with_capacity(open.len() + 2 * piece.len() + 16);
        statement.extend_from_slice(open.as_bytes());
        push_string(&mut statement, "binary", piece);
        statement.extend_from_slice(close.as_bytes());
        s.conn.run(statement).await.map_err(|error| classify(&error, doing))?;
        begun = true;
    }
    let told = s.rows(format!("SELECT LENGTH({name})"), doing).await?;
    let arrived = told.first().map(|row| number_at(row, 0)) == u64::try_from(value.len()).ok();
    if arrived { Ok(()) } else { Err(too_large(table, None)) }
}

/// Lets go of the first `n` values.
pub(in super::super) async fn forget(s: &mut Session, n: usize, doing: &str) -> Result<()> {
    if n == 0 {
        return Ok(());
    }
    let each: Vec<String> = (0..n).map(|n| format!("{} = NULL", variable(n))).collect();
    s.execute(&format!("SET {}", each.join(", ")), doing).await
}

#[cfg(test)]
mod tests {
    use super::super::super::structure::sample;
    use super::*;

    #[test]
    fn of_which_values() {
        let (small, large) = (Bytes::from(vec![b'1'; PIECE]), Bytes::from(vec![b'1'; PIECE + 1]));
        let blob = sample::column("c", Family::Blob, "blob");
        assert!(is_large(&blob, Some(&large), 1 << 26) && !is_large(&blob, Some(&small), 1 << 26));
        assert!(is_large(&blob, Some(&small), 1 << 16) && !is_large(&blob, None, 1 << 16));
        assert!(!is_large(&sample::column("c", Family::Decimal, "decimal"), Some(&large), 1 << 16));
        assert_eq!(value(&blob, 3), "@longshore_3");
        assert_eq!(
            value(&sample::column("c", Family::Json, "json"), 0),
            "CONVERT(@longshore_0 USING utf8mb4)"
        );
    }
}
