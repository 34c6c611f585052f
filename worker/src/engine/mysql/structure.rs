//! Definitions: creating, indexing, constraining, analysing.
//!
//! The server's own `SHOW CREATE TABLE` is taken apart (`parse`) and put together again
//! in three steps: the table with the keys it cannot be without, the other indexes, the
//! foreign keys. Nothing is re-worded that a server wrote, but for words that the target does
//! not read (`dialect`). Before anything is made the target is asked whether it would (`trial`), always
//! or where that is a matter of its settings (`settings`).
//! Each step first looks at what the table has, so it can be repeated after a crash
//! between any two statements (a definition statement cannot be rolled back).

mod ahead;
mod base;
pub(super) mod bytes;
mod dialect;
mod lax;
pub(super) mod names;
mod next;
pub(super) mod objects;
pub(super) mod parse;
#[cfg(test)]
pub(super) mod sample;
pub(super) mod scan;
pub(super) mod sequences;
mod settings;
mod trial;

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::Result;
use super::super::shape::{ForeignKey, Index, Server, TableShape};
use super::connect::{Session, text_at};
use super::errors;
use super::quote::{ident, idents, text};
use super::write::insertion::is_about_a_row;
use base::{Extent, Parts};
use dialect::Dialect;
use parse::Definition;
pub(super) use trial::{is_scratch, try_tables};

pub(super) use self::ahead::read_ahead;
pub(super) use self::next::raise_soon;
pub(super) use self::settings::is_of_settings;

const SYNTAX: u16 = 1064;
const OPTION: u16 = 1290;

/// What `TABLES` calls a table that holds rows of its own.
pub(super) const IS_TABLE: [&str; 2] = ["BASE TABLE", "SYSTEM VERSIONED"];

/// The definition's parts, or why it cannot be understood.
pub(super) fn understand(name: &str, definition: &str) -> Result<Definition> {
    parse::parse(definition).ok_or_else(|| {
        Failure::permanent(
            FailureCode::DefinitionUnreadable,
            format!("the definition of table `{name}` has an unknown form, or is not one statement alone"),
        )
        .with_hint("exclude the table, and report this with its SHOW CREATE TABLE")
    })
}

/// The definition in the target's words.
fn parts(target: &Server, t: &TableShape) -> Result<Parts> {
    let definition = understand(&t.name, &t.definition)?;
    match Parts::of(t, &definition, Dialect::of(target))? {
        Some(parts) => Ok(parts),
        None => understand(&t.name, "").map(|_| Parts::default()),
    }
}

/// What the target does not hold the table's rows to, and would not say.
pub(super) fn unsaid(target: &Server, t: &TableShape) -> Result<Vec<String>> {
    parts(target, t).map(|parts| parts.loses)
}

pub(super) async fn create_table(s: &mut Session, t: &TableShape, whole: bool) -> Result<bool> {
    let doing = format!("create table `{}`", t.name);
    s.compute_under(t, &doing).await?;
    let extent = if whole { Extent::Whole } else { Extent::Rows };
    let statement = parts(&s.info.server, t)?.statement(&t.name, extent);
    match make(s, t, &statement, &doing).await {
        Err(failure) if failure.code == FailureCode::TableExists => {
            empty_or(s, &t.name, failure).await.map(|()| false)
        }
        other => other.map(|()| true),
    }
}

pub(super) async fn remove_made(s: &mut Session, t: &TableShape) -> Result<()> {
    let doing = format!("remove table `{}`, which was made and is empty", t.name);
    let name = ident(&t.name);
    if s.rows(&format!("SELECT 1 FROM {name} LIMIT 1"), &doing).await?.is_empty() {
        s.execute(&format!("DROP TABLE {name}"), &doing).await?;
    }
    Ok(())
}

/// Makes a table, in older words where the target does not know the source's.
async fn make(s: &mut Session, t: &TableShape, statement: &str, doing: &str) -> Result<()> {
    let mut made = define(s, t, statement, doing).await;
    if let (Err(failure), Some(older)) = (&made, base::with_older_names(statement))
        && matches!(failure.code, FailureCode::CollationUnknown | FailureCode::DefinitionRefused)
    {
        made = define(s, t, &older, doing).await;
    }
    match made {
        Err(failure) if failure.code == FailureCode::DefinitionRefused => {
            lax::create(s, statement, failure, doing).await
        }
        other => other,
    }
}

/// Runs a definition. What a server does not understand of it may be told: it is
/// structure, no cell.
async fn define(s: &mut Session, t: &TableShape, statement: &str, doing: &str) -> Result<()> {
    match s.conn.run(statement).await {
        Err(mysql_async::Error::Server(e)) if e.code == SYNTAX => {
            let near = e.message.split_once("near ").map_or("", |(_, near)| near);
            let near = near.chars().take(80).collect::<String>();
            Err(Failure::permanent(
                FailureCode::DefinitionRefused,
                format!("{doing}: the target does not understand the source's definition near {near}"),
            ))
        }
        Err(mysql_async::Error::Server(e))
            if e.code == OPTION && e.message.contains("NO_ENGINE_SUBSTITUTION") =>
        {
            Err(enforced(s, t, doing).await?)
        }
        other => other.map_err(|e| errors::of_definition(&e, doing, true)),
    }
}

/// The server lets tables be of one storage engine only. It tells so by the name of a mode that
/// sessions of ours set, so that it does not choose the engine in silence.
async fn enforced(s: &mut Session, t: &TableShape, doing: &str) -> Result<Failure> {
    let rows = s.rows("SELECT @@enforce_storage_engine", doing).await?;
    let only = rows.first().map(|row| text_at(row, 0)).unwrap_or_default();
    Ok(Failure::permanent(
        FailureCode::StorageEngineEnforced,
        format!(
            "{doing}: it is of the storage engine {}, and the target's enforce_storage_engine lets tables be of {only} \
             only",
            t.storage
        ),
    ))
}

/// A table that stands already is fine as long as it is one, and empty.
async fn empty_or(s: &mut Session, name: &str, exists: Failure) -> Result<()> {
    let doing = format!("look at table `{name}`");
    let query = format!(
        "SELECT TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {}",
        text(&s.database),
        text(name),
    );
    let rows = s.rows(&query, &doing).await?;
    if !rows.iter().any(|row| IS_TABLE.contains(&text_at(row, 0).as_str())) {
        return Err(exists);
    }
    if s.rows(&format!("SELECT 1 FROM {} LIMIT 1", ident(name)), &doing).await?.is_empty() {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureCode::TableNotEmpty,
        format!("create table `{name}`: it exists and holds rows"),
    ))
}

/// The definition that the target has now.
async fn present(s: &mut Session, name: &str) -> Result<Definition> {
    let doing = format!("read the definition of table `{name}`");
    let rows = s.rows(&format!("SHOW CREATE TABLE {}", ident(name)), &doing).await?;
    understand(name, &rows.first().map(|row| text_at(row, 1)).unwrap_or_default())
}

pub(super) async fn build_indexes(s: &mut Session, t: &TableShape) -> Result<()> {
    let present = present(s, &t.name).await?;
    let lacks = |index: &&Index| !present.keys.iter().any(|k| k.name.eq_ignore_ascii_case(&index.name));
    // The server builds one FULLTEXT index at a time (error 1795), and locks for SPATIAL.
    let (alone, together): (Vec<_>, Vec<_>) =
        t.indexes.iter().filter(lacks).partition(|i| matches!(i.method.as_str(), "FULLTEXT" | "SPATIAL"));
    let dialect = Dialect::of(&s.info.server);
    let clause = |index: &Index| Ok(dialect.key(&t.name, &index.name, &index.clause)?.text);
    let together = together.into_iter().map(clause).collect::<Result<Vec<_>>>()?;
    let together = together.into_iter().flatten().collect::<Vec<_>>();
    let mut alterations = Vec::new();
    if !together.is_empty() {
        alterations.push(together.join(", "));
    }
    alterations.extend(alone.into_iter().map(clause).collect::<Result<Vec<_>>>()?.into_iter().flatten());
    for alteration in alterations {
        let doing = format!("build the indexes of table `{}`", t.name);
        alter(s, &t.name, &alteration, &doing, false).await?;
    }
    next::raise(s, t).await
}

/// The statement that changes the table so.
pub(super) fn alteration_of(name: &str, alteration: &str) -> String {
    format!("ALTER TABLE {} {alteration}", ident(name))
}

/// Changes a table's definition. `is_empty`: it holds no row.
async fn alter(s: &mut Session, name: &str, alteration: &str, doing: &str, is_empty: bool) -> Result<()> {
    let statement = alteration_of(name, alteration);
    let failed = |e| errors::of_definition(&e, doing, is_empty);
    match s.conn.run(&statement).await.map_err(failed) {
        // An index of a column whose expression warns for a row.
        Err(failure) if is_about_a_row(&failure) && !is_empty => {
            s.be_lax(true, doing).await?;
            s.conn.run(&statement).await.map_err(failed)?;
            s.be_lax(false, doing).await
        }
        other => other,
    }
}

pub(super) async fn add_foreign_keys(s: &mut Session, t: &TableShape) -> Result<()> {
    if t.foreign_keys.is_empty() {
        return Ok(());
    }
    let present = present(s, &t.name).await?;
    let lacks = |key: &&ForeignKey| {
        !present.foreign_keys.iter().any(|k| {
            k.name.eq_ignore_ascii_case(&key.name)
                || k.columns == key.columns
                    && k.parent == key.parent
                    && k.parent_columns == key.parent_columns
        })
    };
    let clauses = t.foreign_keys.iter().filter(lacks).map(|k| k.clause.as_str()).collect::<Vec<_>>();
    if clauses.is_empty() {
        return Ok(());
    }
    let doing = format!("add the foreign keys of table `{}`", t.name);
    alter(s, &t.name, &clauses.join(", "), &doing, false).await
}

pub(super) async fn analyse(s: &mut Session, tables: &[&TableShape]) -> Result<()> {
    let doing = match tables {
        [] => return Ok(()),
        [one] => format!("analyse table `{}`", one.name),
        _ => "analyse small tables".to_owned(),
    };
    let names = idents(tables.iter().map(|table| table.name.as_str()));
    let rows = s.rows(format!("ANALYZE NO_WRITE_TO_BINLOG TABLE {names}"), &doing).await?;
    match rows.iter().find(|row| text_at(row, 2).eq_ignore_ascii_case("error")) {
        Some(row) => {
            Err(Failure::permanent(FailureCode::TableDamaged, format!("{doing}: {}", text_at(row, 3))))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
