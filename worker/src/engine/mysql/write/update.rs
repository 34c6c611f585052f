//! Rows overwritten by their keys.
//!
//! Where the columns allow it, many rows in one statement ([`joined`]: a quarter of the time). If
//! that clashes, or did not match each row, they are taken one by one. Where many clash (a unique value that
//! moves up by one in each row), the rest is not tried: who put the first ones aside puts them aside as well.
//! Invariants: then one statement a row, so that a clash is told by its row; many statements a
//! packet, because each answer would otherwise cost a round trip; every statement must
//! match exactly one row and draw no warning (a session that writes is told of rows that an update
//! found, changed or not: `CLIENT_FOUND_ROWS`). The server stops at the first statement
//! that fails and the rest is sent again. What a server refuses for a value is tried in a lax mode; that,
//! and what drew a warning, is looked at, and fails by its row if the row is not there as it was sent.

mod joined;

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::shape::{Column, KeyTuple, Row, TableShape};
use super::super::connect::{ANSWER_BYTES, Session, pass_over, set};
use super::super::errors::classify;
use super::super::quote::ident;
use super::super::quote::literal::{push_equal, push_value};
use super::super::read::select;
use super::insertion::{is_about_a_row, is_clash, largest_statement, too_large};
use super::outcome::unchanged;
use super::pieces;
use super::{confirm, of};

/// A packet is sent when it holds so many bytes or statements.
const PACKET_BYTES: usize = 256 * 1024;
const PACKET_STATEMENTS: usize = 500;
/// So many rows clash before the others are given up: each of them has cost the sending of all behind it.
const CLASHES: usize = 20;

pub(in super::super) async fn update(s: &mut Session, t: &TableShape, rows: &[Row]) -> Result<Vec<usize>> {
    let doing = format!("update table `{}`", t.name);
    s.compute_under(t, &doing).await?;
    let mut clashes = Vec::new();
    let mut from = 0;
    let mut most = PACKET_STATEMENTS;
    let together = joined::is_possible(t)?;
    let columns = select::stored(t)?;
    while from < rows.len() {
        if clashes.len() >= CLASHES {
            clashes.extend(from..rows.len());
            break;
        }
        let mut waiting = &rows[from..rows.len().min(from + most)];
        let largest = largest_statement(s.info.max_allowed_packet);
        let large = waiting.iter().position(|row| is_large(&columns, row, largest));
        if large == Some(0) {
            stage(s, t, &columns, &waiting[0], &doing).await?;
        }
        waiting = &waiting[..large.map_or(waiting.len(), |at| at.max(1))];
        if together && most > 1 && waiting.len() > 1 {
            let (statement, count) = joined::statement(t, waiting, PACKET_BYTES.min(largest))?;
            if count > 1 && send_joined(s, &statement, count, &doing).await? {
                from += count;
                continue;
            }
            waiting = &waiting[..count];
        }
        let statements = statements(t, waiting, largest)?;
        let sent = send(s, &statements, &doing).await?;
        from += sent.done;
        match sent.end {
            End::Complete => {}
            End::Clash => {
                clashes.push(from);
                from += 1;
            }
            End::Odd | End::Refused => {
                let lax = matches!(sent.end, End::Refused);
                if !alone(s, (t, &rows[from]), &statements[sent.done], lax, &doing).await? {
                    clashes.push(from);
                }
                from += 1;
                // Each of this table's statements will draw the harmless warning (MySQL 9
                // finds some character sets' names old): one by one from here on.
                most = 1;
            }
        }
        if large == Some(0) {
            pieces::forget(s, columns.len(), &doing).await?;
        }
    }
    Ok(clashes)
}

/// Whether a row has a value that is sent in pieces: then it is written alone.
fn is_large(columns: &[&Column], row: &Row, largest: usize) -> bool {
    columns.iter().zip(&row.0).any(|(column, value)| pieces::is_large(column, value.as_ref(), largest))
}

/// Sends a row's large values; they are numbered by their columns.
async fn stage(s: &mut Session, t: &TableShape, columns: &[&Column], row: &Row, doing: &str) -> Result<()> {
    let largest = largest_statement(s.info.max_allowed_packet);
    for (n, (column, value)) in columns.iter().zip(&row.0).enumerate() {
        if let Some(value) = value.as_ref().filter(|value| pieces::is_large(column, Some(value), largest)) {
            pieces::send(s, t, value, n, doing).await?;
        }
    }
    Ok(())
}

/// Whether the statement changed each of its rows; if not, it is as if it had not run, or may be
/// run again one by one.
async fn send_joined(s: &mut Session, statement: &[u8], rows: usize, doing: &str) -> Result<bool> {
    match s.conn.run(statement).await {
        Ok(_) => {}
        Err(error) if is_clash(&error) => return Ok(false),
        Err(error) => {
            let failure = classify(&error, doing);
            return if is_about_a_row(&failure) { Ok(false) } else { Err(failure) };
        }
    }
    Ok(s.conn.affected_rows() == rows as u64 && s.conn.get_warnings() == 0)
}

/// How far a packet came.
struct Sent {
    /// So many statements changed one row each.
    done: usize,
    end: End,
}

/// What came after those.
enum End {
    /// Nothing: they were all.
    Complete,
    /// A statement that clashed; the ones behind it did not run.
    Clash,
    /// A statement that matched no row or drew a warning.
    Odd,
    /// A statement whose row the server refused.
    Refused,
}

async fn send(s: &mut Session, statements: &[Vec<u8>], doing: &str) -> Result<Sent> {
    let refused = |done, error: mysql_async::Error| {
        let failure = classify(&error, doing);
        match (is_clash(&error), is_about_a_row(&failure)) {
            (true, _) => Ok(Sent { done, end: End::Clash }),
            (_, true) => Ok(Sent { done, end: End::Refused }),
            _ => Err(failure),
        }
    };
    let mut results = match s.conn.ask(statements.join(&b';')).await {
        Ok(results) => results,
        Err(error) => return refused(0, error),
    };
    let mut left = ANSWER_BYTES;
    for done in 0..statements.len() {
        let is_plain = results.affected_rows() == 1 && results.warnings() == 0;
        // The driver tells of a failure at the next step, and has forgotten the line then.
        if let Err(error) = set(&mut results, &mut left).await {
            return refused(done, error);
        }
        if !is_plain {
            // Those behind it ran too; whatever they met, this one decides.
            let rest = pass_over(results, statements.len()).await;
            if let Err(error) = rest {
                refused(done, error)?;
            }
            return Ok(Sent { done, end: End::Odd });
        }
    }
    Ok(Sent { done: statements.len(), end: End::Complete })
}

/// Runs a row's statement again that did not simply change it, and looks what came of it; false: it
/// clashes.
async fn alone(
    s: &mut Session,
    (t, row): (&TableShape, &Row),
    statement: &[u8],
    lax: bool,
    doing: &str,
) -> Result<bool> {
    if lax {
        s.be_lax(true, doing).await?;
    }
    let doubt = match s.conn.run(statement).await {
        Ok(()) if s.conn.affected_rows() == 0 => return Err(vanished(doing)),
        Ok(()) => {
            let is_one = s.conn.affected_rows() == 1;
            unchanged(s, t, is_one, doing).await?
        }
        Err(error) if is_clash(&error) => {
            s.be_lax(false, doing).await?;
            return Ok(false);
        }
        Err(error) => {
            let failure = classify(&error, doing);
            return Err(if is_about_a_row(&failure) { of(t, row, None, &failure) } else { failure });
        }
    };
    if lax {
        s.be_lax(false, doing).await?;
    }
    if let Some(doubt) = doubt {
        confirm(s, t, std::slice::from_ref(row), &doubt).await?;
    }
    Ok(true)
}

/// The rows' statements, as many as fit a packet, at least one.
fn statements(t: &TableShape, rows: &[Row], largest: usize) -> Result<Vec<Vec<u8>>> {
    let mut made: Vec<Vec<u8>> = Vec::new();
    let mut bytes = 0;
    for row in rows {
        let statement = statement(t, row, largest)?;
        bytes += statement.len() + 1;
        if !made.is_empty() && bytes > PACKET_BYTES.min(largest) {
            break;
        }
        if statement.len() > largest {
            return Err(too_large(t, Some(&row.0)));
        }
        made.push(statement);
    }
    Ok(made)
}

fn statement(t: &TableShape, row: &Row, largest: usize) -> Result<Vec<u8>> {
    let columns = select::stored(t)?;
    let key = key_of(t, row, columns.len())?;
    let mut out = format!("UPDATE {} SET ", ident(&t.name)).into_bytes();
    for (n, (column, value)) in columns.iter().zip(&row.0).enumerate() {
        out.extend_from_slice(ident(&column.name).as_bytes());
        out.extend_from_slice(b" = ");
        match pieces::is_large(column, value.as_ref(), largest) {
            true => out.extend_from_slice(pieces::value(column, n).as_bytes()),
            false => push_value(&mut out, column, value.as_deref())?,
        }
        out.extend_from_slice(b", ");
    }
    out.truncate(out.len() - 2);
    out.extend_from_slice(b" WHERE ");
    push_equal(&mut out, &select::key(t)?, &key)?;
    Ok(out)
}

fn key_of(t: &TableShape, row: &Row, width: usize) -> Result<KeyTuple> {
    t.key_of(row).filter(|_| select::written(t, &row.0).is_some_and(|row| row.len() == width)).ok_or_else(
        || {
            Failure::permanent(
                FailureCode::RowWidth,
                format!("table `{}`: a row does not have the table's columns", t.name),
            )
        },
    )
}

fn vanished(doing: &str) -> Failure {
    Failure::transient(
        FailureCode::RowVanished,
        format!("{doing}: a row that was there a moment ago is not there any more"),
    )
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    fn row(values: &[Option<&'static str>]) -> Row {
        Row(values.iter().map(|value| value.map(|text| Bytes::from_static(text.as_bytes()))).collect())
    }

    fn table(key: &[usize]) -> TableShape {
        let text = sample::column("b", Family::Text, "varchar(5)");
        sample::table(vec![sample::column("a", Family::Integer, "int(11)"), text], key)
    }

    #[test]
    fn statement_of_a_row() {
        for (key, row, expected) in [
            (&[0][..], row(&[Some("1"), None]), "UPDATE `t` SET `a` = 1, `b` = NULL WHERE `a` = 1"),
            (
                &[1, 0],
                row(&[Some("1"), Some("x")]),
                "UPDATE `t` SET `a` = 1, `b` = _binary'x' WHERE `b` = _utf8mb4 x'78' AND `a` = 1",
            ),
            (&[1], row(&[Some("1"), None]), "row_width"),
            (&[0], row(&[Some("1")]), "row_width"),
        ] {
            let made = statement(&table(key), &row, 1 << 20);
            let made = made.map_or_else(
                |failure| failure.code.to_string(),
                |sql| String::from_utf8_lossy(&sql).into_owned(),
            );
            assert_eq!(made, expected);
        }
    }

    #[test]
    fn packets_are_bounded() {
        let rows = vec![row(&[Some("1"), Some("x")]); 10_000];
        for (largest, expected) in [(1 << 20, Ok(4_766)), (120, Ok(2)), (20, Err("row_too_large"))] {
            let made = statements(&table(&[0]), &rows, largest).map(|made| made.len());
            assert_eq!(made.map_err(|failure| failure.code.to_string()), expected.map_err(str::to_owned));
        }
    }
}
