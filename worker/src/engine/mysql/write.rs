//! Rows written one by one or in statements.
//!
//! Invariants: a row that clashes by a unique key is told by its position and overwrites
//! nothing; InnoDB takes back the whole of a failed statement, so its rows can be tried
//! again in halves; other storage engines keep a part of it, so they get one row a
//! statement. Values are never changed on the way (no warning passes).

pub(super) mod insertion;
pub(super) mod outcome;
mod pieces;
mod update;

use longshore_shared::domain::failure::Failure;

use self::insertion::{Insertion, Stored};
use super::super::shape::{KeyTuple, Range, Row, TableShape};
use super::super::{Columns, Result, named};
use super::connect::Session;
use super::errors::classify;
use super::quote::ident;
use super::quote::literal::{push_equal, push_key};
use super::read::bounds;
use super::read::page;
use super::read::select;

pub(super) use self::update::update;

/// A table with history is not truncated.
const NO_TRUNCATE: u16 = 4137;
/// A right is missing.
const DENIED: u16 = 1142;

/// A statement deletes at most so many rows, named in at most so many bytes.
const DELETE_KEYS: usize = 500;
pub(super) const DELETE_BYTES: usize = 256 * 1024;

pub(super) async fn insert(s: &mut Session, t: &TableShape, rows: &[Row]) -> Result<Vec<usize>> {
    let doing = format!("insert into table `{}`", t.name);
    s.compute_under(t, &doing).await?;
    let mut insertion = Insertion::new(t, s.info.max_allowed_packet)?;
    let mut clashes = Vec::new();
    let mut first = 0;
    for (at, row) in rows.iter().enumerate() {
        let is_full = insertion.rows() > 0 && !t.storage.eq_ignore_ascii_case("innodb");
        if is_full || !insertion.add(&row.0)? {
            send(s, &mut insertion, (t, &rows[first..at]), first, &mut clashes, &doing).await?;
            insertion.clear();
            insertion.add(&row.0)?;
            first = at;
        }
    }
    send(s, &mut insertion, (t, &rows[first..]), first, &mut clashes, &doing).await?;
    Ok(clashes)
}

/// Sends the waiting rows, the first of which stands at `first`; in halves where one clashes or is refused.
async fn send(
    s: &mut Session,
    insertion: &mut Insertion<'_>,
    (t, rows): (&TableShape, &[Row]),
    first: usize,
    clashes: &mut Vec<usize>,
    doing: &str,
) -> Result<()> {
    let mut open = vec![(0, insertion.rows())];
    while let Some((from, to)) = open.pop() {
        if from == to {
            continue;
        }
        match insertion.send(s, from, to, doing).await? {
            Stored::All => {}
            Stored::Doubtful(doubt) => confirm(s, t, &rows[from..to], &doubt).await?,
            Stored::Clash(_) if to - from == 1 => clashes.push(first + from),
            Stored::Refused(failure) if to - from == 1 => return Err(of(t, &rows[from], None, &failure)),
            Stored::Clash(_) | Stored::Refused(_) => {
                let middle = from.midpoint(to);
                open.extend([(middle, to), (from, middle)]);
            }
        }
    }
    insertion.end(s, doing).await
}

/// Fails by the first of these rows that is not there as it is, with what was said when they were written.
pub(super) async fn confirm(s: &mut Session, t: &TableShape, rows: &[Row], doubt: &Failure) -> Result<()> {
    let Some(keys) = rows.iter().map(|row| t.key_of(row)).collect::<Option<Vec<_>>>() else {
        return Err(doubt.clone());
    };
    let found = page::fetch(s, &t.unfiltered(), &keys, Columns::Stored).await?;
    for (row, there) in rows.iter().zip(found) {
        let at = there.as_ref().and_then(|there| row.0.iter().zip(&there.0).position(|(a, b)| a != b));
        if there.is_none() || at.is_some() {
            return Err(of(t, row, at, doubt));
        }
    }
    Ok(())
}

fn of(t: &TableShape, row: &Row, at: Option<usize>, cause: &Failure) -> Failure {
    t.key_of(row).map_or_else(|| cause.clone(), |key| named::of_row(t, &key, at, cause))
}

pub(super) async fn delete(s: &mut Session, t: &TableShape, keys: &[KeyTuple]) -> Result<u64> {
    let doing = format!("delete from table `{}`", t.name);
    let mut deleted = 0;
    let mut from = 0;
    while from < keys.len() {
        let head = format!("DELETE FROM {} WHERE ", ident(&t.name));
        let (statement, to) = with_keys(&head, t, keys, from, s.fitting(DELETE_BYTES))?;
        s.conn.run(statement).await.map_err(|error| classify(&error, &doing))?;
        deleted += s.conn.affected_rows();
        from = to;
    }
    Ok(deleted)
}

/// The statement, after its `head`, for as many keys from `from` on as fit into so many bytes, at least
/// one, and where the next one starts.
pub(super) fn with_keys(
    head: &str,
    t: &TableShape,
    keys: &[KeyTuple],
    from: usize,
    most: usize,
) -> Result<(Vec<u8>, usize)> {
    let columns = select::key(t)?;
    let mut out = head.as_bytes().to_vec();
    if let [column] = columns[..] {
        out.extend_from_slice(format!("{} IN (", ident(&column.name)).as_bytes());
    }
    let mut to = from;
    while to < keys.len() && to - from < DELETE_KEYS {
        let (key, before) = (&keys[to], out.len());
        if let ([column], [value]) = (&columns[..], &key.0[..]) {
            out.extend_from_slice(if to == from { b"" } else { b", " });
            push_key(&mut out, column, value)?;
        } else {
            out.extend_from_slice(if to == from { b"(" } else { b" OR (" });
            push_equal(&mut out, &columns, key)?;
            out.push(b')');
        }
        if to > from && out.len() >= most {
            out.truncate(before);
            break;
        }
        to += 1;
    }
    if columns.len() == 1 {
        out.push(b')');
    }
    Ok((out, to))
}

pub(super) async fn empty(s: &mut Session, t: &TableShape) -> Result<()> {
    let doing = format!("empty table `{}`", t.name);
    match s.conn.run(format!("TRUNCATE TABLE {}", ident(&t.name))).await {
        // A table with history keeps it, its rows of today go; and it takes the right to drop a table,
        // without which the rows go too, slower.
        Err(mysql_async::Error::Server(error)) if [NO_TRUNCATE, DENIED].contains(&error.code) => {
            s.execute(&format!("DELETE FROM {}", ident(&t.name)), &doing).await
        }
        other => other.map_err(|error| classify(&error, &doing)),
    }
}

pub(super) async fn delete_all(s: &mut Session, t: &TableShape) -> Result<u64> {
    // Not TRUNCATE: that would commit.
    let mut query = format!("DELETE FROM {}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, &Range::ALL, None)?);
    let doing = format!("empty table `{}`", t.name);
    s.compute_under(t, &doing).await?;
    s.conn.run(query).await.map_err(|error| classify(&error, &doing))?;
    Ok(s.conn.affected_rows())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::shape::Family;
    use super::super::structure::sample;
    use super::*;

    fn made(sql: Result<Vec<u8>>) -> String {
        sql.map_or_else(|failure| failure.code.to_string(), |sql| String::from_utf8_lossy(&sql).into_owned())
    }

    fn value(text: &'static str) -> Bytes {
        Bytes::from_static(text.as_bytes())
    }

    fn table(key: &[usize]) -> TableShape {
        let text = sample::column("b", Family::Text, "varchar(5)");
        sample::table(vec![sample::column("a", Family::Integer, "int(11)"), text], key)
    }

    #[test]
    fn deletions() {
        let two = [KeyTuple(vec![value("1"), value("x")]), KeyTuple(vec![value("2"), value("y")])];
        let one = [KeyTuple(vec![value("1")]), KeyTuple(vec![value("2")])];
        for (key, keys, expected) in [
            (&[0][..], &one, "DELETE FROM `t` WHERE `a` IN (1, 2)"),
            (
                &[0, 1],
                &two,
                "DELETE FROM `t` WHERE (`a` = 1 AND `b` = _utf8mb4 x'78') OR (`a` = 2 AND `b` = _utf8mb4 x'79')",
            ),
            (&[0], &two, "key_width"),
        ] {
            let sql = with_keys("DELETE FROM `t` WHERE ", &table(key), keys, 0, DELETE_BYTES);
            assert_eq!(made(sql.map(|(sql, _)| sql)), expected);
        }
    }
}
