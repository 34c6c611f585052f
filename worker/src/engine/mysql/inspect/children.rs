//! Tables whose foreign keys point into the database, whatever database they are in.
//!
//! `information_schema` tells of tables that the account has some right to; InnoDB's own list
//! tells of all, and only an account with PROCESS may read it.

use std::collections::{BTreeMap, HashMap};

use super::super::super::Result;
use super::super::super::children::{Child, Children};
use super::super::super::shape::ForeignKey;
use super::super::connect::{RawRow, Session, number_at, text_at};
use super::super::examine;
use super::super::quote::text;

const DOING: &str = "look which tables point to the database's";

pub(in super::super) async fn children(s: &mut Session) -> Result<Children> {
    let names = Names { database: s.database.clone(), folds: s.info.server.folds_names };
    let Some(all) = of_storage(s).await else {
        let seen = seen(s, &names, "").await?;
        let is_blind = !examine::sees_all(s).await?;
        return Ok(Children { seen, unseen: Vec::new(), is_blind, folds: names.folds });
    };
    let all = gathered(all, &names);
    if all.is_empty() {
        return Ok(Children { folds: names.folds, ..Children::default() });
    }
    // Told of one database a server opens the tables of that one only.
    let within = match all.iter().all(|child| child.schema.is_none()) {
        true => format!(" AND TABLE_SCHEMA = {}", text(&s.database)),
        false => String::new(),
    };
    let seen = seen(s, &names, &within).await?;
    let unseen = all.into_iter().filter(|child| !seen.iter().any(|one| names.are_of_one(one, child)));
    // A person has to know which database it is, whichever.
    let unseen =
        unseen.map(|child| Child { schema: child.schema.or_else(|| Some(s.database.clone())), ..child });
    Ok(Children { unseen: unseen.collect(), seen, is_blind: false, folds: names.folds })
}

/// How the server tells names apart.
struct Names {
    database: String,
    folds: bool,
}

impl Names {
    fn same(&self, a: &str, b: &str) -> bool {
        a == b || self.folds && a.to_lowercase() == b.to_lowercase()
    }

    /// Whether both are foreign keys of one table.
    fn are_of_one(&self, a: &Child, b: &Child) -> bool {
        let schema = |child: &Child| child.schema.clone().unwrap_or_default();
        self.same(&schema(a), &schema(b)) && self.same(&a.table, &b.table)
    }
}

async fn seen(s: &mut Session, names: &Names, within: &str) -> Result<Vec<Child>> {
    let query = format!(
        "SELECT TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME, \
         COLUMN_NAME, REFERENCED_COLUMN_NAME FROM information_schema.KEY_COLUMN_USAGE \
         WHERE REFERENCED_TABLE_SCHEMA = {} AND REFERENCED_TABLE_NAME IS NOT NULL{within} \
         ORDER BY TABLE_SCHEMA, TABLE_NAME, CONSTRAINT_NAME, ORDINAL_POSITION",
        text(&s.database),
    );
    let rows = s.structure(&query, DOING).await?;
    Ok(gathered(rows.iter().map(|row| std::array::from_fn(|at| text_at(row, at))), names))
}

/// Child's database and name, the foreign key's, the parent's database and name, and a column of each.
type Line = [String; 7];

/// Foreign keys that point into the database, out of the lines of their columns.
fn gathered(lines: impl IntoIterator<Item = Line>, names: &Names) -> Vec<Child> {
    let mut found: BTreeMap<[String; 3], ForeignKey> = BTreeMap::new();
    for [schema, table, name, parent_schema, parent, own, up] in lines {
        // The server's own comparison folds.
        if !names.same(&parent_schema, &names.database) {
            continue;
        }
        let key = found.entry([schema, table, name.clone()]).or_insert_with(|| ForeignKey {
            name,
            columns: Vec::new(),
            parent_schema: None,
            parent,
            parent_columns: Vec::new(),
            on_update: String::new(),
            on_delete: String::new(),
            clause: String::new(),
        });
        key.columns.push(own);
        key.parent_columns.push(up);
    }
    let child = |([schema, table, _], key): ([String; 3], ForeignKey)| {
        let schema = Some(schema).filter(|schema| !names.same(schema, &names.database));
        Child { schema, table, key }
    };
    found.into_iter().map(child).collect()
}

/// A table's database and name.
type Place = (String, String);

/// Each foreign key of the server, if the account may know, and all their names can be read.
async fn of_storage(s: &mut Session) -> Option<Vec<Line>> {
    for (list, is_encoded) in [("INNODB_FOREIGN", false), ("INNODB_SYS_FOREIGN", true)] {
        if s.is_mariadb() && !is_encoded {
            continue;
        }
        let query = format!("SELECT ID, FOR_NAME, REF_NAME FROM information_schema.{list}");
        let Ok(keys) = s.structure(&query, DOING).await else { continue };
        let query = format!("SELECT ID, POS, FOR_COL_NAME, REF_COL_NAME FROM information_schema.{list}_COLS");
        let Ok(columns) = s.structure(&query, DOING).await else { continue };
        let place = |name: String| {
            let (schema, table) = name.split_once('/')?;
            let read = |part: &str| if is_encoded { decoded(part) } else { Some(part.to_owned()) };
            Some((read(schema)?, read(table)?))
        };
        // Joined here: these lists have no index.
        let mut places: HashMap<String, [Place; 2]> = HashMap::new();
        for key in &keys {
            places.insert(text_at(key, 0), [place(text_at(key, 1))?, place(text_at(key, 2))?]);
        }
        let mut columns: Vec<_> =
            columns.iter().map(|row| (number_at(row, 1), text_at(row, 0), row)).collect();
        columns.sort_by_key(|(at, ..)| *at);
        let line = |(_, id, row): (u64, String, &RawRow)| {
            let [(schema, table), (parent_schema, parent)] = places.get(&id)?.clone();
            Some([schema, table, id, parent_schema, parent, text_at(row, 2), text_at(row, 3)])
        };
        return Some(columns.into_iter().filter_map(line).collect());
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
