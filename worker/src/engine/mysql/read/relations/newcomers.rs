//! What rows point to that are yet to come to another server.

use bytes::Bytes;
use longshore_shared::domain::failure::FailureClass;
use longshore_shared::domain::filter::Condition;

use super::super::super::super::Result;
use super::super::super::super::children::Pointing;
use super::super::super::super::shape::{ForeignKey, Key, KeyTuple, Range, TableShape};
use super::super::super::connect::{RawRow, Session};
use super::super::super::quote::{ident, idents};
use super::super::super::write;
use super::super::page::{self, Lookup};
use super::super::{bounds, select};
use super::{all_set, columns, in_order, is_without_parent, matched, parent, pointing};

pub(super) async fn pointed_beyond(
    s: &mut Session,
    table: &TableShape,
    key: &ForeignKey,
    within: Option<&Condition>,
    after: Option<&KeyTuple>,
    limit: u32,
) -> Result<Vec<KeyTuple>> {
    let doing = format!("look what rows of table `{}` point to by `{}`", table.name, key.name);
    s.compute_under(table, &doing).await?;
    let statement = |beyond: &str| statement(table, key, beyond, after, limit);
    let rows = match s.rows(statement(&beyond(key, within))?, &doing).await {
        // What points to no table has no parent anywhere.
        Err(failure) if is_without_parent(&failure) => Vec::new(),
        // Of a table that the account may not read each row may be there.
        Err(failure) if failure.class == FailureClass::PermissionError && within.is_none() => {
            s.rows(statement("1 = 1")?, &doing).await?
        }
        rows => rows?,
    };
    let value = |row: RawRow| KeyTuple(row.into_iter().flatten().map(Bytes::from).collect());
    Ok(rows.into_iter().map(value).collect())
}

/// Selects the values by which rows point of which `beyond` holds, up to `limit`.
fn statement(
    table: &TableShape,
    key: &ForeignKey,
    beyond: &str,
    after: Option<&KeyTuple>,
    limit: u32,
) -> Result<Vec<u8>> {
    let addressed = by_pointing(table, key);
    let own = select::key(&addressed)?;
    let list = select::list(own.iter().copied(), "c.");
    let mut query = format!("SELECT {list} FROM {} AS c", ident(&table.name)).into_bytes();
    let range = bounds::condition(&addressed, &Range::ALL, after)?;
    query.extend_from_slice(if range.is_empty() { b" WHERE " } else { &range });
    query.extend_from_slice(if range.is_empty() { b"" } else { b" AND " });
    query.extend(format!("{} AND {beyond}", all_set(key, "c")).into_bytes());
    let names = idents(own.iter().map(|column| column.name.as_str()));
    query.extend(format!(" GROUP BY {names}{}", in_order(&own, limit)).into_bytes());
    Ok(query)
}

/// The condition that the row that is called `c` has a parent, and none within the condition.
fn beyond(key: &ForeignKey, within: Option<&Condition>) -> String {
    let found = format!("EXISTS (SELECT 1 FROM {} AS p WHERE {}", parent(key), matched(key, "c"));
    match within.map(|within| bounds::filtered(within, "p.")) {
        None => format!("{found})"),
        Some(within) => format!("{found}) AND NOT {found} AND {within})"),
    }
}

pub(super) async fn has_parents(
    s: &mut Session,
    table: &TableShape,
    key: &ForeignKey,
    values: &[KeyTuple],
) -> Result<Vec<bool>> {
    let mut above = by_pointing(table, key);
    above.filter = None;
    for (own, up) in key.columns.iter().zip(&key.parent_columns) {
        // One column may point twice, so it is not renamed in its place.
        let of = table.columns.iter().find(|one| one.name.eq_ignore_ascii_case(own));
        above.columns.extend(of.map(|of| {
            let mut of = of.clone();
            up.clone_into(&mut of.name);
            of
        }));
    }
    let first = above.columns.len().saturating_sub(key.columns.len());
    above.key = above.key.map(|key| Key { columns: (first..above.columns.len()).collect(), ..key });
    match page::looked_up(s, &above, &Lookup::elsewhere(&above, &parent(key))?, values, false).await {
        Err(failure) if is_without_parent(&failure) => Ok(vec![false; values.len()]),
        found => Ok(found?.iter().map(Option::is_some).collect()),
    }
}

pub(super) async fn pointing_by(
    s: &mut Session,
    table: &TableShape,
    key: &ForeignKey,
    values: &[KeyTuple],
    after: Option<&KeyTuple>,
    limit: u32,
) -> Result<(Vec<Pointing>, usize)> {
    let doing = format!("read the rows of table `{}` that point by `{}`", table.name, key.name);
    s.compute_under(table, &doing).await?;
    let by = by_pointing(table, key);
    let (keys, own) = (select::key(table)?, columns(table, key)?);
    let list = select::list(keys.iter().chain(&own).copied(), "c.");
    let head = format!("SELECT {list}, COUNT(*) FROM {} AS c WHERE (", ident(&table.name));
    let most = s.fitting(write::DELETE_BYTES);
    let (mut statement, to) = write::with_keys(&head, &by, values, 0, most)?;
    let range = bounds::condition(table, &Range::ALL, after)?;
    statement.push(b')');
    if let Some(range) = range.strip_prefix(b" WHERE ") {
        statement.extend_from_slice(b" AND ");
        statement.extend_from_slice(range);
    }
    let names = idents(keys.iter().map(|column| column.name.as_str()));
    statement.extend(format!(" GROUP BY {names}{}", in_order(&keys, limit)).into_bytes());
    let rows = s.rows(statement, &doing).await?;
    Ok((rows.into_iter().map(|row| pointing(keys.len(), row)).collect(), to))
}

/// The table, addressed by the columns that it points by.
fn by_pointing(table: &TableShape, key: &ForeignKey) -> TableShape {
    let find = |name: &String| table.columns.iter().position(|one| one.name.eq_ignore_ascii_case(name));
    let columns = key.columns.iter().filter_map(find).collect();
    TableShape { key: Some(Key::looked_up(&key.name, columns)), ..table.clone() }
}
