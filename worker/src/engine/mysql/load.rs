//! Bulk loading.
//!
//! Invariants: the session resources out nothing but this call's rows, for one statement;
//! what the server was sent is what it stored, unchanged, or the call fails or doubts it (D49). Where
//! `LOAD DATA LOCAL` is not to be had the rows go by `INSERT`.
//! Loads into one AUTO_INCREMENT table wait for each other in most lock modes, and so does
//! an `INSERT` that brings its own numbers: they queue for a named lock, because the
//! server's own wait ends in an error after `innodb_lock_wait_timeout`.

mod feed;

use std::sync::{Arc, Mutex};

use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::sync::mpsc;

use self::feed::Feed;
use super::super::shape::{Column, Family, Row, TableShape};
use super::super::{Loaded, Result, RowBatch, named};
use super::connect::{Session, number_at};
use super::errors::classify;
use super::quote::{ident, text};
use super::read::select;
use super::write::insertion::{Insertion, Stored, largest_statement};
use super::write::outcome;
use crate::row::mysql_text::{LOAD_OPTIONS, Rows};

/// `LOAD DATA LOCAL` is switched off, on one side or the other.
const REFUSED: [u16; 5] = [1148, 2068, 3948, 3950, 4166];
/// The lock mode in which loads into one AUTO_INCREMENT table do not wait for each other.
const INTERLEAVED: u8 = 2;
/// In rounds, so that a session whose worker is gone does not wait on for long.
const QUEUE_SECONDS: u32 = 10;
const QUEUE_ROUNDS: u32 = 60;

pub(super) async fn load(s: &mut Session, t: &TableShape, rows: mpsc::Receiver<RowBatch>) -> Result<Loaded> {
    let doing = format!("load table `{}`", t.name);
    let Some(feed) = Feed::open(rows).await else { return Ok(Loaded { rows: 0, doubt: None }) };
    s.compute_under(t, &doing).await?;
    if !s.info.local_infile {
        return by_insert(s, t, feed, &doing).await;
    }
    if s.info.autoinc_lock_mode == INTERLEAVED || !t.columns.iter().any(|column| column.auto_increment) {
        return by_load_data(s, t, feed, &doing).await;
    }
    let lock =
        format!("CONCAT('ls-load-', LEFT(SHA2({}, 256), 40))", text(&format!("{}.{}", s.database, t.name)));
    queue(s, &lock, &doing).await?;
    let loaded = by_load_data(s, t, feed, &doing).await;
    // After a failure the session may be lost, and the lock with it.
    let released = ask(s, &format!("SELECT RELEASE_LOCK({lock})"), &doing).await;
    loaded.and_then(|loaded| released.map(|_| loaded))
}

async fn queue(s: &mut Session, lock: &str, doing: &str) -> Result<()> {
    for _ in 0..QUEUE_ROUNDS {
        if ask(s, &format!("SELECT GET_LOCK({lock}, {QUEUE_SECONDS})"), doing).await? == 1 {
            return Ok(());
        }
    }
    Err(Failure::transient(
        FailureCode::LoadBusy,
        format!("{doing}: another load into the table does not end"),
    ))
}

async fn ask(s: &mut Session, query: &str, doing: &str) -> Result<u64> {
    Ok(s.rows(query, doing).await?.first().map_or(0, |row| number_at(row, 0)))
}

async fn by_load_data(s: &mut Session, t: &TableShape, feed: Feed, doing: &str) -> Result<Loaded> {
    let statement = statement(s.is_mariadb(), t)?;
    let sent = feed.sent();
    let waiting = Arc::new(Mutex::new(Some(feed)));
    let offered = Arc::clone(&waiting);
    let largest = largest_statement(s.info.max_allowed_packet);
    s.conn.set_infile_handler(async move {
        let feed = feed::take(&offered).ok_or_else(feed::nothing_to_serve)?;
        Ok(feed.into_stream(largest))
    });
    let answer = s.conn.run(statement).await;
    s.conn.set_infile_handler(async { Err(feed::nothing_to_serve()) });
    match (answer, feed::take(&waiting)) {
        (Ok(()), None) => {
            let rows = sent.rows();
            let doubt = outcome::stored(s, t, rows, doing).await?;
            Ok(Loaded { rows, doubt })
        }
        (Err(mysql_async::Error::Server(error)), Some(feed)) if REFUSED.contains(&error.code) => {
            by_insert(s, t, feed, doing).await
        }
        (Err(error), _) => Err(classify(&error, doing)),
        (Ok(()), Some(_)) => Err(Failure::permanent(
            FailureCode::LoadIgnored,
            format!("{doing}: the server ended the load without asking for the rows"),
        )),
    }
}

/// Direct columns first to last; those that need a function go through a variable.
fn statement(mariadb: bool, t: &TableShape) -> Result<String> {
    let mut fields = Vec::new();
    let mut assignments = Vec::new();
    let columns = select::stored(t)?;
    let assigns = columns.iter().any(|column| conversion(mariadb, column, "").is_some());
    for (n, column) in columns.into_iter().enumerate() {
        let field = format!("@ls{n}");
        // Beside any assignment MariaDB forgets that an AUTO_INCREMENT field was given: key
        // 0 became the next value (ran; D50).
        let given = (assigns && column.auto_increment).then(|| field.clone());
        match conversion(mariadb, column, &field).or(given) {
            None => fields.push(ident(&column.name)),
            Some(expression) => {
                fields.push(field);
                assignments.push(format!("{} = {expression}", ident(&column.name)));
            }
        }
    }
    let set = if assignments.is_empty() { String::new() } else { format!(" SET {}", assignments.join(", ")) };
    Ok(format!(
        "LOAD DATA LOCAL INFILE 'longshore' INTO TABLE {} {LOAD_OPTIONS} ({}){set}",
        ident(&t.name),
        fields.join(", "),
    ))
}

/// Fields are bytes without a character set: right for text and numbers, but a number for
/// BIT, ENUM and SET would be taken as text, and some types refuse bytes or misread them.
fn conversion(mariadb: bool, column: &Column, field: &str) -> Option<String> {
    match column.family {
        Family::Bit | Family::Enum | Family::Set => Some(format!("CAST({field} AS UNSIGNED)")),
        Family::Json if !mariadb => Some(format!("CONVERT({field} USING utf8mb4)")),
        Family::Address => Some(format!("CONVERT({field} USING latin1)")),
        _ => None,
    }
}

async fn by_insert(s: &mut Session, t: &TableShape, mut feed: Feed, doing: &str) -> Result<Loaded> {
    let mut insertion = Insertion::new(t, s.info.max_allowed_packet)?;
    let mut loaded = Loaded { rows: 0, doubt: None };
    let mut waiting = Vec::new();
    while let Some(batch) = feed.next().await {
        for row in Rows::new(batch) {
            let row = row.map_err(|error| unreadable(doing, error))?;
            if !insertion.add(&row)? {
                send(s, &mut insertion, (t, &mut waiting), &mut loaded, doing).await?;
                insertion.add(&row)?;
            }
            waiting.push(Row(row));
        }
    }
    send(s, &mut insertion, (t, &mut waiting), &mut loaded, doing).await?;
    Ok(loaded)
}

async fn send(
    s: &mut Session,
    insertion: &mut Insertion<'_>,
    (t, waiting): (&TableShape, &mut Vec<Row>),
    loaded: &mut Loaded,
    doing: &str,
) -> Result<()> {
    let rows = insertion.rows();
    if rows > 0 {
        match insertion.send(s, 0, rows, doing).await? {
            Stored::All => {}
            Stored::Doubtful(doubt) => loaded.doubt = loaded.doubt.take().or(Some(doubt)),
            Stored::Clash(error) => return Err(classify(&error, doing)),
            Stored::Refused(failure) => return Err(blamed(s, insertion, (t, waiting), failure, doing).await?),
        }
        insertion.end(s, doing).await?;
        insertion.clear();
        waiting.clear();
    }
    loaded.rows += rows as u64;
    Ok(())
}

/// The failure by the first of the rows for which the server refused them all; what is stored meanwhile
/// goes with the transaction.
async fn blamed(
    s: &mut Session,
    insertion: &mut Insertion<'_>,
    (t, rows): (&TableShape, &[Row]),
    failure: Failure,
    doing: &str,
) -> Result<Failure> {
    let (mut from, mut to) = (0, rows.len());
    while to - from > 1 {
        let middle = from.midpoint(to);
        match insertion.send(s, from, middle, doing).await? {
            Stored::Refused(_) => to = middle,
            Stored::All | Stored::Doubtful(_) | Stored::Clash(_) => from = middle,
        }
    }
    let key = rows.get(from).and_then(|row| t.key_of(row));
    Ok(key.map_or_else(|| failure.clone(), |key| named::of_row(t, &key, None, &failure)))
}

fn unreadable(doing: &str, error: crate::row::mysql_text::TextError) -> Failure {
    Failure::permanent(FailureCode::RowText, format!("{doing}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::super::structure::sample;
    use super::*;

    #[test]
    fn statements() {
        let columns = || {
            vec![
                sample::column("a", Family::Integer, "int(11)"),
                sample::column("b", Family::Bit, "bit(5)"),
                sample::column("j", Family::Json, "json"),
            ]
        };
        let numbered = |mut columns: Vec<Column>| {
            columns[0].auto_increment = true;
            columns
        };
        for (mariadb, columns, fields) in [
            (true, numbered(columns()), "(@ls0, @ls1, `j`) SET `a` = @ls0, `b` = CAST(@ls1 AS UNSIGNED)"),
            (true, numbered(vec![sample::column("a", Family::Integer, "int(11)")]), "(`a`)"),
            (
                false,
                columns(),
                "(`a`, @ls1, @ls2) SET `b` = CAST(@ls1 AS UNSIGNED), `j` = CONVERT(@ls2 USING utf8mb4)",
            ),
            (true, columns(), "(`a`, @ls1, `j`) SET `b` = CAST(@ls1 AS UNSIGNED)"),
            (true, vec![sample::column("a", Family::Text, "text")], "(`a`)"),
        ] {
            let sql =
                statement(mariadb, &sample::table(columns, &[])).map_err(|failure| failure.code.to_string());
            let expected =
                format!("LOAD DATA LOCAL INFILE 'longshore' INTO TABLE `t` {LOAD_OPTIONS} {fields}");
            assert_eq!(sql, Ok(expected));
        }
    }
}
