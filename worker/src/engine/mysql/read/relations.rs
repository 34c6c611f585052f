//! Rows that point to others by a foreign key, and those that point to nothing.
//!
//! Invariants: one NULL among the columns points nowhere; what is pointed to is compared by the server,
//! as the foreign key does. Without the parent table every row that points to it is an orphan.

mod newcomers;

use std::collections::HashMap;

use async_trait::async_trait;
use bytes::Bytes;
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::filter::Condition;

use super::super::super::Result;
use super::super::super::children::{Child, Orphans, Pointing, Relations};
use super::super::super::shape::{Column, ForeignKey, KeyTuple, Range, Row, TableShape};
use super::super::connect::{RawRow, Session, number_at};
use super::super::errors::classify;
use super::super::quote::{ident, idents};
use super::super::write;
use super::bounds;
use super::page::{self, Lookup};
use super::select;
use super::walk;

#[async_trait]
impl Relations for Session {
    async fn orphans(&mut self, table: &TableShape) -> Result<Vec<Orphans>> {
        let mut found = Vec::new();
        for key in &table.foreign_keys {
            let doing = format!("look for rows of table `{}` without a parent by `{}`", table.name, key.name);
            let name = ident(&table.name);
            let counted = match self.rows(&anti_join("COUNT(*)", &name, key), &doing).await {
                Err(failure) if is_without_parent(&failure) => {
                    self.rows(
                        &format!("SELECT COUNT(*) FROM {name} AS c WHERE {}", all_set(key, "c")),
                        &doing,
                    )
                    .await?
                }
                other => other?,
            };
            let rows = counted.first().map_or(0, |row| number_at(row, 0));
            if rows > 0 {
                found.push(Orphans { key: key.clone(), rows });
            }
        }
        Ok(found)
    }

    /// What the rows point to is looked at first, each value once: most often there is none to count.
    async fn orphans_of(&mut self, child: &Child) -> Result<u64> {
        let doing =
            format!("look for rows of table {} without a parent by `{}`", child.place(), child.key.name);
        if self.rows(&any_orphan(&quoted(child), &child.key), &doing).await?.is_empty() {
            return Ok(0);
        }
        let rows = self.rows(&anti_join("COUNT(*)", &quoted(child), &child.key), &doing).await?;
        Ok(rows.first().map_or(0, |row| number_at(row, 0)))
    }

    async fn missing(&mut self, child: &Child) -> Result<HashMap<KeyTuple, u64>> {
        let doing =
            format!("look for rows of table {} without a parent by `{}`", child.place(), child.key.name);
        let failed = |error: mysql_async::Error| classify(&error, &doing);
        let columns: Vec<_> = child.key.columns.iter().map(|name| format!("c.{}", ident(name))).collect();
        let columns = columns.join(", ");
        let joined = anti_join(&format!("COUNT(*), {columns}"), &quoted(child), &child.key);
        let mut result =
            self.conn.ask(format!("{joined} GROUP BY {columns}").into_bytes()).await.map_err(failed)?;
        let mut found = HashMap::new();
        while let Some(row) = result.next().await.map_err(failed)? {
            let mut values = page::values(row);
            let rows = values.next().flatten();
            let to = KeyTuple(values.flatten().collect());
            *found.entry(to).or_default() += rows.as_deref().map_or(0, number);
        }
        Ok(found)
    }

    async fn orphaned(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<Pointing>> {
        let doing = format!("read rows of table `{}` without a parent by `{}`", table.name, key.name);
        let (keys, own) = (select::key(table)?, columns(table, key)?);
        let by_key = walk::hint(self, table).await?;
        let mut rows = None;
        for condition in [lacks_parent(key, "c"), all_set(key, "c")] {
            let list = select::list(keys.iter().chain(&own).copied(), "c.");
            let from = format!("SELECT {list}, COUNT(*) FROM {} AS c{by_key}", ident(&table.name));
            let mut query = from.into_bytes();
            let range = bounds::condition(&table.unfiltered(), &Range::ALL, after)?;
            query.extend_from_slice(if range.is_empty() { b" WHERE " } else { &range });
            query.extend_from_slice(if range.is_empty() { b"" } else { b" AND " });
            let names = idents(keys.iter().map(|column| column.name.as_str()));
            query.extend(format!("{condition} GROUP BY {names}{}", in_order(&keys, limit)).into_bytes());
            match self.rows(query, &doing).await {
                Err(failure) if is_without_parent(&failure) => {}
                other => {
                    rows = Some(other?);
                    break;
                }
            }
        }
        Ok(rows.unwrap_or_default().into_iter().map(|row| pointing(keys.len(), row)).collect())
    }

    async fn orphaned_among(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        rows: &[KeyTuple],
    ) -> Result<Vec<Option<Pointing>>> {
        let own = columns(table, key)?;
        let by_key = walk::hint(self, table).await?;
        let mut found = None;
        for condition in [lacks_parent(key, "t"), all_set(key, "t")] {
            let lookup = Lookup::counting(table, &own, &by_key, condition)?;
            match page::looked_up(self, table, &lookup, rows, false).await {
                Err(failure) if is_without_parent(&failure) => {}
                other => {
                    found = Some(other?);
                    break;
                }
            }
        }
        let found = found.unwrap_or_default().into_iter().zip(rows);
        let told = found.map(|(found, row)| {
            let mut to = found?;
            let rows = to.0.pop().flatten().as_deref().map_or(0, number);
            (rows > 0).then(|| Pointing { row: row.clone(), to, rows })
        });
        Ok(told.collect())
    }

    async fn pointing(
        &mut self,
        parent: &TableShape,
        keys: &[KeyTuple],
        child: &Child,
        within: Option<&Condition>,
    ) -> Result<u64> {
        let doing =
            format!("count the rows of table {} that point to table `{}`", child.place(), parent.name);
        let within = within.map(|condition| format!(" AND {}", bounds::filtered(condition, "c.")));
        let tail = joined(&quoted(child), &child.key) + &within.unwrap_or_default();
        let head = pointed("COUNT(*)", parent, &child.key);
        let (mut counted, mut from) = (0, 0);
        while from < keys.len() {
            let most = self.fitting(write::DELETE_BYTES);
            let (mut statement, to) = write::with_keys(&head, parent, keys, from, most)?;
            statement.extend_from_slice(tail.as_bytes());
            let rows = self.rows(statement, &doing).await?;
            counted += rows.first().map_or(0, |row| number_at(row, 0));
            from = to;
        }
        Ok(counted)
    }

    async fn pointing_rows(
        &mut self,
        (parent, keys): (&TableShape, &[KeyTuple]),
        (table, key): (&TableShape, &ForeignKey),
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)> {
        let doing = format!("read the rows of table `{}` that point to table `{}`", table.name, parent.name);
        let (own, by) = (select::key(table)?, columns(table, key)?);
        let list = select::list(own.iter().chain(&by).copied(), "c.");
        let head = pointed(&format!("{list}, 1"), parent, key);
        let most = self.fitting(write::DELETE_BYTES);
        let (mut statement, to) = write::with_keys(&head, parent, keys, 0, most)?;
        statement.extend_from_slice(joined(&ident(&table.name), key).as_bytes());
        statement.extend(bounds::condition(&table.unfiltered(), &Range::ALL, after)?);
        statement.extend(in_order(&own, limit).into_bytes());
        let rows = self.rows(statement, &doing).await?;
        Ok((rows.into_iter().map(|row| pointing(own.len(), row)).collect(), to))
    }

    async fn pointed_beyond(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        within: Option<&Condition>,
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<Vec<KeyTuple>> {
        newcomers::pointed_beyond(self, table, key, within, after, limit).await
    }

    async fn has_parents(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
    ) -> Result<Vec<bool>> {
        newcomers::has_parents(self, table, key, values).await
    }

    async fn pointing_by(
        &mut self,
        table: &TableShape,
        key: &ForeignKey,
        values: &[KeyTuple],
        after: Option<&KeyTuple>,
        limit: u32,
    ) -> Result<(Vec<Pointing>, usize)> {
        newcomers::pointing_by(self, table, key, values, after, limit).await
    }
}

/// A table is not there.
fn is_without_parent(failure: &Failure) -> bool {
    failure.code == FailureCode::StructureChanged
}

/// The rows whose columns are all set and match none; `table` is quoted, and called `c`.
pub(in super::super) fn anti_join(what: &str, table: &str, key: &ForeignKey) -> String {
    let unmatched = key.parent_columns.first().map(|up| format!(" AND p.{} IS NULL", ident(up)));
    format!(
        "SELECT {what} FROM {table} c LEFT JOIN {} p ON {} WHERE {}{}",
        parent(key),
        matched(key, "c"),
        all_set(key, "c"),
        unmatched.unwrap_or_default(),
    )
}

/// Finds one value, if there is any, that rows of the child point by and that no row of the parent has.
fn any_orphan(child: &str, key: &ForeignKey) -> String {
    let columns = idents(key.columns.iter().map(String::as_str));
    let values = format!("(SELECT DISTINCT {columns} FROM {child} AS c WHERE {})", all_set(key, "c"));
    anti_join("1", &values, key) + " LIMIT 1"
}

/// The condition that a row of the table that is called `child` has no parent.
fn lacks_parent(key: &ForeignKey, child: &str) -> String {
    let (parent, matched) = (parent(key), matched(key, child));
    format!("{} AND NOT EXISTS (SELECT 1 FROM {parent} AS p WHERE {matched})", all_set(key, child))
}

fn parent(key: &ForeignKey) -> String {
    match &key.parent_schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&key.parent)),
        None => ident(&key.parent),
    }
}

fn matched(key: &ForeignKey, child: &str) -> String {
    let pairs = key.columns.iter().zip(&key.parent_columns);
    let pairs: Vec<_> = pairs.map(|(own, up)| format!("p.{} = {child}.{}", ident(up), ident(own))).collect();
    pairs.join(" AND ")
}

fn all_set(key: &ForeignKey, child: &str) -> String {
    let columns = key.columns.iter().map(|name| format!("{child}.{} IS NOT NULL", ident(name)));
    columns.collect::<Vec<_>>().join(" AND ")
}

/// What of rows of the child that point to rows of the parent, up to the condition on these.
fn pointed(what: &str, parent: &TableShape, key: &ForeignKey) -> String {
    let columns = key.parent_columns.iter().enumerate();
    let columns: Vec<_> = columns.map(|(at, name)| format!("{} AS {}", ident(name), alias(at))).collect();
    format!("SELECT {what} FROM (SELECT DISTINCT {} FROM {} WHERE ", columns.join(", "), ident(&parent.name))
}

/// Goes on behind that condition, up to one on the child, which is called `c`.
fn joined(child: &str, key: &ForeignKey) -> String {
    let pairs = key.columns.iter().enumerate();
    let equal: Vec<_> = pairs.map(|(at, own)| format!("c.{} = p.{}", ident(own), alias(at))).collect();
    format!(") AS p STRAIGHT_JOIN {child} AS c ON {}", equal.join(" AND "))
}

/// A name that no column of the child has, whose columns are named without their table.
fn alias(at: usize) -> String {
    ident(&format!("longshore's {at}"))
}

fn in_order(keys: &[&Column], limit: u32) -> String {
    format!(" ORDER BY {} LIMIT {limit}", idents(keys.iter().map(|column| column.name.as_str())))
}

fn quoted(child: &Child) -> String {
    match &child.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&child.table)),
        None => ident(&child.table),
    }
}

/// The columns that the table points by.
fn columns<'a>(table: &'a TableShape, key: &ForeignKey) -> Result<Vec<&'a Column>> {
    let find = |name: &String| table.columns.iter().find(|column| column.name.eq_ignore_ascii_case(name));
    key.columns.iter().map(find).collect::<Option<Vec<_>>>().ok_or_else(|| {
        Failure::permanent(
            FailureCode::KeyColumnUnknown,
            format!("table `{}` lacks a column of the foreign key `{}`", table.name, key.name),
        )
    })
}

/// A row's key of so many columns, what it points to, and a number.
fn pointing(width: usize, row: RawRow) -> Pointing {
    let mut values: Vec<Option<Bytes>> = row.into_iter().map(|value| value.map(Bytes::from)).collect();
    let rows = values.pop().flatten().as_deref().map_or(0, number);
    let to = Row(values.split_off(width.min(values.len())));
    Pointing { row: KeyTuple(values.into_iter().flatten().collect()), to, rows }
}

fn number(text: &[u8]) -> u64 {
    std::str::from_utf8(text).ok().and_then(|text| text.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(columns: &[(&str, &str)]) -> ForeignKey {
        ForeignKey {
            name: "k".to_owned(),
            columns: columns.iter().map(|(own, _)| (*own).to_owned()).collect(),
            parent_schema: Some("o".to_owned()),
            parent: "p".to_owned(),
            parent_columns: columns.iter().map(|(_, up)| (*up).to_owned()).collect(),
            on_update: String::new(),
            on_delete: String::new(),
            clause: String::new(),
        }
    }

    #[test]
    fn statements() {
        let two = key(&[("a", "x"), ("b`", "y")]);
        for (made, expected) in [
            (
                any_orphan("`c`", &key(&[("a", "x")])),
                "SELECT 1 FROM (SELECT DISTINCT `a` FROM `c` AS c WHERE c.`a` IS NOT NULL) c \
                 LEFT JOIN `o`.`p` p ON p.`x` = c.`a` WHERE c.`a` IS NOT NULL AND p.`x` IS NULL LIMIT 1",
            ),
            (
                lacks_parent(&two, "t"),
                "t.`a` IS NOT NULL AND t.`b``` IS NOT NULL AND NOT EXISTS (SELECT 1 FROM `o`.`p` AS p \
                 WHERE p.`x` = t.`a` AND p.`y` = t.`b```)",
            ),
            (
                joined("`c`", &two),
                ") AS p STRAIGHT_JOIN `c` AS c ON c.`a` = p.`longshore's 0` AND c.`b``` = p.`longshore's 1`",
            ),
        ] {
            assert_eq!(made, expected);
        }
    }
}
