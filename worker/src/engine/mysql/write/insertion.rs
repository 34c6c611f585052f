//! Multi-row `INSERT` statements, sized by bytes.
//!
//! Invariants: a statement stays below what the server takes; a row that cannot is
//! refused by the table's name before it is sent; a statement that stored fewer rows or
//! drew a warning is doubted. One that the server refuses for a value is sent again in a lax mode,
//! which stores all that any session could have stored, and is doubted as well.

use bytes::Bytes;
use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::named;
use super::super::super::shape::{Column, Row, TableShape};
use super::super::connect::Session;
use super::super::errors::classify;
use super::super::quote::literal::push_value;
use super::super::quote::{ident, idents};
use super::super::read::select;
use super::outcome;
use super::pieces;

/// A statement is sent when it holds this many bytes.
const STATEMENT_BYTES: usize = 1 << 20;
/// Left free below the server's limit for the packet's own bytes.
const MARGIN: usize = 1024;
/// A row clashes with another one by a unique key.
const CLASHES: [u16; 5] = [1022, 1062, 1169, 1586, 1859];

/// How a statement ended.
pub(in super::super) enum Stored {
    /// Every row is there.
    All,
    /// Every row is there, or not, and not surely as it was sent.
    Doubtful(Failure),
    /// None is, since one of them has a value that no mode stores, or breaks a constraint.
    Refused(Failure),
    /// None is: one of them clashes with another row by a unique key.
    Clash(mysql_async::Error),
}

/// Whether the server refused a row because another has its value in a unique key.
pub(in super::super) fn is_clash(error: &mysql_async::Error) -> bool {
    matches!(error, mysql_async::Error::Server(server) if CLASHES.contains(&server.code))
}

/// Rows that wait to be sent in one statement.
pub(in super::super) struct Insertion<'a> {
    table: &'a TableShape,
    columns: Vec<&'a Column>,
    head: Vec<u8>,
    /// `(…),(…),`
    tuples: Vec<u8>,
    /// Where each row's text ends in `tuples`.
    ends: Vec<usize>,
    /// Values that are sent before the statement, in pieces, and how many bytes these have.
    large: Vec<Bytes>,
    large_bytes: usize,
    /// The server has them.
    is_staged: bool,
    aimed: usize,
    largest: usize,
}

impl<'a> Insertion<'a> {
    /// An empty statement for `table`.
    pub(in super::super) fn new(table: &'a TableShape, max_allowed_packet: u64) -> Result<Self> {
        let columns = select::stored(table)?;
        let names = idents(columns.iter().map(|column| column.name.as_str()));
        let largest = largest_statement(max_allowed_packet);
        Ok(Self {
            table,
            head: format!("INSERT INTO {} ({names}) VALUES ", ident(&table.name)).into_bytes(),
            columns,
            tuples: Vec::new(),
            ends: Vec::new(),
            large: Vec::new(),
            large_bytes: 0,
            is_staged: false,
            aimed: STATEMENT_BYTES.min(largest / 2),
            largest,
        })
    }

    /// Adds a row; false when the rows before it have to be sent first.
    pub(in super::super) fn add(&mut self, row: &[Option<Bytes>]) -> Result<bool> {
        let (before, large) = (self.tuples.len(), self.large.len());
        let all = row;
        let row = select::written(self.table, row).ok_or_else(|| wrong_width(self.table))?;
        self.tuples.push(b'(');
        for (column, value) in self.columns.iter().zip(row) {
            match value {
                Some(value) if pieces::is_large(column, Some(value), self.largest) => {
                    self.tuples.extend_from_slice(pieces::value(column, self.large.len()).as_bytes());
                    self.large.push(value.clone());
                }
                _ => push_value(&mut self.tuples, column, value.as_deref())?,
            }
            self.tuples.push(b',');
        }
        self.tuples.pop();
        self.tuples.extend_from_slice(b"),");
        let added: usize = self.large[large..].iter().map(Bytes::len).sum();
        if before > 0 && self.head.len() + self.tuples.len() + self.large_bytes + added > self.aimed {
            self.tuples.truncate(before);
            self.large.truncate(large);
            return Ok(false);
        }
        self.large_bytes += added;
        if self.head.len() + self.tuples.len() > self.largest {
            return Err(too_large(self.table, Some(all)));
        }
        self.ends.push(self.tuples.len());
        Ok(true)
    }

    /// How many rows wait.
    pub(in super::super) fn rows(&self) -> usize {
        self.ends.len()
    }

    /// Lets the server forget what was sent before its statement.
    pub(in super::super) async fn end(&self, s: &mut Session, doing: &str) -> Result<()> {
        pieces::forget(s, if self.is_staged { self.large.len() } else { 0 }, doing).await
    }

    /// Forgets the rows that waited.
    pub(in super::super) fn clear(&mut self) {
        self.tuples.clear();
        self.ends.clear();
        self.large.clear();
        (self.large_bytes, self.is_staged) = (0, false);
    }

    /// Sends the waiting rows from `from` to before `to`.
    pub(in super::super) async fn send(
        &mut self,
        s: &mut Session,
        from: usize,
        to: usize,
        doing: &str,
    ) -> Result<Stored> {
        if !self.is_staged {
            for (n, value) in self.large.iter().enumerate() {
                pieces::send(s, self.table, value, n, doing).await?;
            }
            self.is_staged = true;
        }
        let start = from.checked_sub(1).map_or(0, |before| self.ends[before]);
        let mut statement = self.head.clone();
        statement.extend_from_slice(&self.tuples[start..self.ends[to - 1] - 1]);
        let rows = (to - from) as u64;
        let strict = run(s, self.table, &statement, rows, doing).await?;
        let Stored::Refused(_) = strict else { return Ok(strict) };
        s.be_lax(true, doing).await?;
        let lax = run(s, self.table, &statement, rows, doing).await?;
        s.be_lax(false, doing).await?;
        Ok(lax)
    }
}

async fn run(s: &mut Session, t: &TableShape, statement: &[u8], rows: u64, doing: &str) -> Result<Stored> {
    match s.conn.run(statement).await {
        Ok(()) => Ok(outcome::stored(s, t, rows, doing).await?.map_or(Stored::All, Stored::Doubtful)),
        Err(error) if is_clash(&error) => Ok(Stored::Clash(error)),
        Err(error) => {
            let failure = classify(&error, doing);
            if is_about_a_row(&failure) { Ok(Stored::Refused(failure)) } else { Err(failure) }
        }
    }
}

/// Whether a statement was refused for what one of its rows holds.
pub(in super::super) fn is_about_a_row(failure: &Failure) -> bool {
    matches!(failure.code, FailureCode::ValueRefused | FailureCode::CheckViolation | FailureCode::NoPartition)
}

/// The bytes that a statement may have at a server with this limit.
pub(in super::super) fn largest_statement(max_allowed_packet: u64) -> usize {
    let packet = usize::try_from(max_allowed_packet).unwrap_or(usize::MAX);
    packet - MARGIN.min(packet / 8)
}

/// A row that no statement can hold.
pub(in super::super) fn too_large(t: &TableShape, row: Option<&[Option<Bytes>]>) -> Failure {
    let key = row.and_then(|row| t.key_of(&Row(row.to_vec())));
    let failure = Failure::permanent(
        FailureCode::RowTooLarge,
        format!("table `{}`: a row is larger than the target's max_allowed_packet", t.name),
    )
    .with_hint("raise max_allowed_packet on the target or switch local_infile on; else leave the table out");
    key.map_or_else(|| failure.clone(), |key| named::of_row(t, &key, None, &failure))
}

fn wrong_width(t: &TableShape) -> Failure {
    Failure::permanent(
        FailureCode::RowWidth,
        format!("table `{}`: a row has another number of values than the table has columns", t.name),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    #[test]
    fn statements_are_bounded_by_bytes() {
        let columns =
            vec![sample::column("a", Family::Integer, "int"), sample::column("b", Family::Blob, "blob")];
        let table = sample::table(columns, &[]);
        let row = |bytes: usize| vec![Some(Bytes::from_static(b"1")), Some(Bytes::from(vec![b'x'; bytes]))];
        let mut insertion = Insertion::new(&table, 4096 + 1024).unwrap();
        assert!(insertion.add(&row(1500)).unwrap());
        assert!(!insertion.add(&row(1500)).unwrap());
        assert!(insertion.add(&row(10)).unwrap());
        assert_eq!(insertion.rows(), 2);
        insertion.clear();
        assert!(insertion.add(&row(3900)).unwrap(), "a larger row goes alone");
        insertion.clear();
        assert!(insertion.add(&row(9000)).unwrap(), "it is sent in pieces");
        insertion.clear();
        // What cannot be sent in pieces.
        let number = [Some(Bytes::from(vec![b'1'; 4500])), None];
        assert_eq!(insertion.add(&number).unwrap_err().code.as_str(), "row_too_large");
        assert_eq!(insertion.add(&row(10)[..1]).unwrap_err().code.as_str(), "row_width");
    }

    #[test]
    fn text_of_a_statement() {
        let columns =
            vec![sample::column("a", Family::Integer, "int"), sample::column("b`", Family::Text, "text")];
        let table = sample::table(columns, &[]);
        let mut insertion = Insertion::new(&table, 1 << 20).unwrap();
        insertion.add(&[Some(Bytes::from_static(b"1")), None]).unwrap();
        insertion.add(&[Some(Bytes::from_static(b"2")), Some(Bytes::from_static(b"'"))]).unwrap();
        assert_eq!(insertion.head, b"INSERT INTO `t` (`a`, `b```) VALUES ");
        assert_eq!(insertion.tuples, b"(1,NULL),(2,_binary'\\''),");
        assert_eq!(insertion.ends, [9, 25]);
    }
}
