//! Keys of rows and a hash of each row's content, in the key's order.
//!
//! A row that differs is found without its content: where a range's checksums are not equal,
//! keys and hashes of its rows travel, and contents only of rows whose hashes are not equal.

use super::super::super::shape::{Family, Range, TableShape};
use super::super::super::{Hash, Hashed, Result, RowHashes, network};
use super::super::connect::Session;
use super::super::errors::classify;
use super::super::quote::{ident, idents};
use super::super::read::select;
use super::super::read::{bounds, walk};
use super::row_hash;
use crate::row::mysql_text::take_value;

pub(in super::super) async fn hashes(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    limit: u32,
    hash: Hash,
) -> Result<RowHashes> {
    let doing = format!("read row hashes of table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    s.compute_under(t, &doing).await?;
    let by_key = walk::hint(s, t).await?;
    let query = statement(t, range, limit, hash, s.info.max_allowed_packet, &by_key)?;
    let mut result = s.conn.ask(query).await.map_err(failed)?;
    let width = select::key(t)?.len();
    let strange = || network::not_this_engine(&doing, "the server sent another row than was asked for");
    let mut found = RowHashes::new(width);
    while let Some(packet) = result.next_packet().await.map_err(failed)? {
        if found.len() >= limit as usize {
            return Err(strange());
        }
        push(&mut found, &packet, width, t.row_bytes).ok_or_else(strange)?;
    }
    Ok(found)
}

/// A packet's row; `None`: it is none of a key, a hash and a length.
fn push(found: &mut RowHashes, mut packet: &[u8], width: usize, row_bytes: u64) -> Option<()> {
    for _ in 0..width {
        found.push_value(take_value(&mut packet)??);
    }
    let mut number = || Some(std::str::from_utf8(take_value(&mut packet)??).ok()?.parse::<u64>().ok());
    // What the server could not compute is no number of 64 bits, and equal to nothing.
    let hash = number()?;
    let bytes = number()??.saturating_add(row_bytes);
    found.push(Hashed { hash, bytes });
    packet.is_empty().then_some(())
}

fn statement(
    t: &TableShape,
    range: &Range,
    limit: u32,
    hash: Hash,
    packet: u64,
    by_key: &str,
) -> Result<Vec<u8>> {
    let keys = select::key(t)?;
    let list = select::list(keys.iter().copied(), "");
    let content = row_hash(t, hash, packet)?;
    let order = idents(keys.iter().map(|column| column.name.as_str()));
    let mut query =
        format!("SELECT {list}, {content}, {} FROM {}{by_key}", long_bytes(t)?, ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    query.extend(format!(" ORDER BY {order} LIMIT {limit}").into_bytes());
    Ok(query)
}

/// The bytes of a row's long values; all others are small beside a page.
fn long_bytes(t: &TableShape) -> Result<String> {
    let is_long =
        |family| matches!(family, Family::LongText | Family::Blob | Family::Json | Family::Geometry);
    let long = select::proven(t)?.into_iter().filter(|column| is_long(column.family));
    let lengths: Vec<_> = long.map(|column| format!("IFNULL(LENGTH({}),0)", ident(&column.name))).collect();
    Ok(if lengths.is_empty() { "0".to_owned() } else { lengths.join("+") })
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::super::super::shape::{Column, KeyTuple};
    use super::super::super::structure::sample;
    use super::*;

    #[test]
    fn statements() {
        let table = sample::table(
            vec![
                Column { nullable: false, ..sample::column("id", Family::Integer, "int") },
                sample::column("b", Family::Blob, "blob"),
            ],
            &[0],
        );
        let range = Range { from: Some(KeyTuple(vec![Bytes::from_static(b"7")])), to: None };
        let sql = statement(&table, &range, 9, Hash::Strong, 1 << 24, " FORCE INDEX (`k`)");
        let sql = sql.map_or_else(
            |failure| failure.code.to_string(),
            |sql| String::from_utf8_lossy(&sql).into_owned(),
        );
        let content = row_hash(&table, Hash::Strong, 1 << 24).expect("it has a hash");
        let expected = format!(
            "SELECT `id`, {content}, IFNULL(LENGTH(`b`),0) FROM `t` FORCE INDEX (`k`) WHERE `id` >= 7 ORDER BY `id` LIMIT 9"
        );
        assert_eq!(sql, expected);
    }
}
