//! Tables whose foreign keys point into the database, whatever database they are in.
//!
//! `information_schema` tells of tables that the account has some right to; InnoDB's own list
//! tells of all, and only an account with PROCESS may read it.

use std::collections::BTreeMap;

use super::super::Result;
use super::super::children::{Child, Children};
use super::super::shape::{ForeignKey, KeyTuple, TableShape};
use super::define::anti_join;
use super::quote::{ident, idents, text};
use super::session::{RawRow, Session, number_at, text_at};
use super::{examine, write};

const DOING: &str = "look which tables point to the database's";

pub(super) async fn children(s: &mut Session) -> Result<Children> {
    let Some(all) = of_storage(s).await else {
        let seen = seen(s, "").await?;
        let is_blind = !examine::sees_all(s).await?;
        return Ok(Children { seen, unseen: Vec::new(), is_blind });
    };
    let database = s.database.clone();
    let pointing: Vec<_> = all.into_iter().filter(|[_, parent]| same(&parent.0, &database)).collect();
    if pointing.is_empty() {
        return Ok(Children::default());
    }
    // Told of one database a server opens the tables of that one only.
    let within = match pointing.iter().all(|[child, _]| same(&child.0, &database)) {
        true => format!(" AND TABLE_SCHEMA = {}", text(&database)),
        false => String::new(),
    };
    let seen = seen(s, &within).await?;
    let known = |(schema, table): &Place| {
        let schema_of = |child: &Child| child.schema.clone().unwrap_or_else(|| database.clone());
        seen.iter().any(|child| same(&schema_of(child), schema) && same(&child.table, table))
    };
    let unseen = pointing.iter().filter(|[child, _]| !known(child));
    let unseen =
        unseen.map(|[child, parent]| (format!("{}.{}", child.0, child.1), parent.1.clone())).collect();
    Ok(Children { seen, unseen, is_blind: false })
}

fn same(a: &str, b: &str) -> bool {
    a.to_lowercase() == b.to_lowercase()
}

async fn seen(s: &mut Session, within: &str) -> Result<Vec<Child>> {
    let query = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_NAME, COLUMN_NAME, \
         REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE REFERENCED_TABLE_SCHEMA = {} AND REFERENCED_TABLE_NAME IS NOT NULL{within} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        text(&s.database),
    );
    Ok(gathered(&s.structure(&query, DOING).await?, &s.database))
}

/// One foreign key out of the lines of its columns.
fn gathered(rows: &[RawRow], database: &str) -> Vec<Child> {
    let mut found: BTreeMap<[String; 3], ForeignKey> = BTreeMap::new();
    for row in rows {
        let name = text_at(row, 2);
        let key =
            found.entry([text_at(row, 0), text_at(row, 1), name.clone()]).or_insert_with(|| ForeignKey {
                name,
                columns: Vec::new(),
                parent_schema: None,
                parent: text_at(row, 3),
                parent_columns: Vec::new(),
                on_update: String::new(),
                on_delete: String::new(),
                clause: String::new(),
            });
        key.columns.push(text_at(row, 4));
        key.parent_columns.push(text_at(row, 5));
    }
    let child = |([schema, table, _], key): ([String; 3], ForeignKey)| {
        let schema = Some(schema).filter(|schema| schema != database);
        Child { schema, table, key }
    };
    found.into_iter().map(child).collect()
}

/// A table's database and name.
type Place = (String, String);

/// Child and parent of each foreign key of the server, if the account may know, and all their names
/// can be read.
async fn of_storage(s: &mut Session) -> Option<Vec<[Place; 2]>> {
    for (list, is_encoded) in [("INNODB_FOREIGN", false), ("INNODB_SYS_FOREIGN", true)] {
        if s.is_mariadb() && !is_encoded {
            continue;
        }
        let query = format!("SELECT FOR_NAME, REF_NAME FROM information_schema.{list}");
        let Ok(rows) = s.structure(&query, DOING).await else { continue };
        let place = |name: String| {
            let (schema, table) = name.split_once('/')?;
            let read = |part: &str| if is_encoded { decoded(part) } else { Some(part.to_owned()) };
            Some((read(schema)?, read(table)?))
        };
        return rows.iter().map(|row| Some([place(text_at(row, 0))?, place(text_at(row, 1))?])).collect();
    }
    None
}

/// A name out of that of its file: `@0024` is `$`. None if it has letters that are written otherwise.
fn decoded(name: &str) -> Option<String> {
    let mut out = String::with_capacity(name.len());
    let mut rest = name;
    while let Some((before, after)) = rest.split_once('@') {
        out.push_str(before);
        out.push(char::from_u32(u32::from_str_radix(after.get(..4)?, 16).ok()?)?);
        rest = &after[4..];
    }
    out.push_str(rest);
    Some(out)
}

pub(super) async fn orphans_of(s: &mut Session, child: &Child) -> Result<u64> {
    let doing = format!("look for rows of table {} without a parent by `{}`", child.place(), child.key.name);
    let rows = s.rows(&anti_join(&quoted(child), &child.key), &doing).await?;
    Ok(rows.first().map_or(0, |row| number_at(row, 0)))
}

fn quoted(child: &Child) -> String {
    match &child.schema {
        Some(schema) => format!("{}.{}", ident(schema), ident(&child.table)),
        None => ident(&child.table),
    }
}

pub(super) async fn pointing(
    s: &mut Session,
    parent: &TableShape,
    keys: &[KeyTuple],
    child: &Child,
) -> Result<u64> {
    let doing = format!("count the rows of table {} that point to table `{}`", child.place(), parent.name);
    let head = format!(
        "SELECT COUNT(*) FROM (SELECT DISTINCT {} FROM {} WHERE ",
        idents(child.key.parent_columns.iter().map(String::as_str)),
        ident(&parent.name),
    );
    let pairs = child.key.columns.iter().zip(&child.key.parent_columns);
    let equal: Vec<_> = pairs.map(|(own, up)| format!("c.{} = p.{}", ident(own), ident(up))).collect();
    let tail = format!(") AS p STRAIGHT_JOIN {} AS c ON {}", quoted(child), equal.join(" AND "));
    let (mut counted, mut from) = (0, 0);
    while from < keys.len() {
        let (mut statement, to) =
            write::with_keys(&head, parent, keys, from, s.fitting(write::DELETE_BYTES))?;
        statement.extend_from_slice(tail.as_bytes());
        let rows = s.rows(statement, &doing).await?;
        counted += rows.first().map_or(0, |row| number_at(row, 0));
        from = to;
    }
    Ok(counted)
}

#[cfg(test)]
mod tests {
    use super::decoded;

    #[test]
    fn names_of_files() {
        for (name, expected) in [
            ("c", Some("c")),
            ("P@002dx@0024", Some("P-x$")),
            ("t@0k@002f", None),
            ("@", None),
            ("a@00zz", None),
        ] {
            assert_eq!(decoded(name).as_deref(), expected);
        }
    }
}
