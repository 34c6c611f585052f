//! Structure as the server tells it.
//!
//! Columns come from `information_schema` (one query for all tables), keys, foreign keys
//! and the definition from `SHOW CREATE TABLE` (many in one packet), which is one source
//! for all flavours and versions where `information_schema` differs.
//! Names that come back are compared byte for byte: the server's own comparison folds
//! case and accents.

mod besides;
mod children;
mod columns;
mod history;
pub(super) mod keys;
mod objects;

use std::collections::{BTreeMap, HashMap};

use longshore_shared::domain::failure::{Failure, FailureClass, FailureCode};

pub(super) use self::besides::{besides, has_tables};
pub(super) use self::children::children;
pub(super) use self::objects::objects;
use super::super::Result;
use super::super::shape::{Column, TableKind, TableListing, TableShape};
use super::connect::{RawRow, Session, number_at, optional_at, text_at};
use super::quote::{ident, text};
use super::structure;

/// How many statements travel in one packet.
const BATCH: usize = 100;
/// From here on the whole schema is read and what was not asked for left aside.
const MANY: usize = 500;

pub(super) async fn tables(s: &mut Session) -> Result<Vec<TableListing>> {
    let query = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, TABLE_ROWS, DATA_LENGTH, ENGINE, TABLE_COMMENT, TABLE_COLLATION, \
         AVG_ROW_LENGTH FROM information_schema.TABLES WHERE TABLE_SCHEMA = {}",
        text(&s.database),
    );
    let rows = s.structure(&query, &format!("list the tables of `{}`", s.database)).await?;
    s.listed = rows.iter().map(|row| (text_at(row, 0), about(row, [1, 4, 6, 7]))).collect();
    let mut listings = rows.iter().filter_map(listing).collect::<Vec<_>>();
    listings.retain(|listing| !structure::is_scratch(&listing.name));
    listings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listings)
}

fn listing(row: &RawRow) -> Option<TableListing> {
    let kind = match text_at(row, 1).as_str() {
        "BASE TABLE" => kind(optional_at(row, 4).as_deref()),
        "VIEW" | "SYSTEM VIEW" => TableKind::View,
        "SEQUENCE" => TableKind::Sequence,
        "SYSTEM VERSIONED" => TableKind::SystemVersioned,
        // Another session's temporary table is nobody's table.
        _ => return None,
    };
    // Of a table that it cannot open the server says why in place of its comment.
    let about = text_at(row, if kind == TableKind::Unreadable { 5 } else { 4 });
    Some(TableListing {
        name: text_at(row, 0),
        kind,
        about,
        rows: number_at(row, 2),
        bytes: number_at(row, 3),
    })
}

/// Engines whose tables show rows that other servers, files or nobody keeps.
const ELSEWHERE: [&str; 9] =
    ["FEDERATED", "CONNECT", "SPIDER", "S3", "OQGRAPH", "SPHINX", "BLACKHOLE", "SEQUENCE", "Lakehouse"];

/// Engines that keep versions of rows, so that a snapshot shows them as they were.
const VERSIONED: [&str; 3] = ["InnoDB", "ROCKSDB", "TokuDB"];

/// What a base table is, by its engine; none is named where the table cannot be opened.
fn kind(engine: Option<&str>) -> TableKind {
    match engine {
        None | Some("") => TableKind::Unreadable,
        Some(engine) if engine.eq_ignore_ascii_case("MRG_MyISAM") => TableKind::Union,
        Some(engine) if ELSEWHERE.iter().any(|one| engine.eq_ignore_ascii_case(one)) => TableKind::Elsewhere,
        Some(_) => TableKind::Base,
    }
}

/// What `TABLES` says of a table.
pub(super) struct About {
    kind: String,
    storage: String,
    collation: String,
    row_bytes: u64,
}

/// Out of a row with kind, engine, collation and mean length of a row at these places.
fn about(row: &RawRow, [kind, storage, collation, row_bytes]: [usize; 4]) -> About {
    About {
        kind: text_at(row, kind),
        storage: text_at(row, storage),
        collation: text_at(row, collation),
        row_bytes: number_at(row, row_bytes),
    }
}

pub(super) async fn shapes(s: &mut Session, names: &[String]) -> Result<Vec<TableShape>> {
    if names.is_empty() {
        return Ok(Vec::new());
    }
    let mut about = read_about(s, names).await?;
    let mut columns = read_columns(s, names).await?;
    let mut triggers = read_triggers(s, names).await?;
    let definitions = read_definitions(s, names, &about).await?;
    let mut shapes = Vec::with_capacity(names.len());
    for (name, definition) in names.iter().zip(definitions) {
        let about = about.remove(name).ok_or_else(|| missing(name))?;
        let columns = columns.remove(name).unwrap_or_default();
        let mut shape = shape(name, about, columns, triggers.remove(name).unwrap_or_default(), definition)?;
        if shape.computed().next().is_some() {
            shape.computed_under.clone_from(&s.info.computing);
        }
        shapes.push(shape);
    }
    Ok(shapes)
}

fn shape(
    name: &str,
    about: About,
    mut columns: Vec<Column>,
    triggers: Vec<String>,
    definition: String,
) -> Result<TableShape> {
    let mut parts = structure::understand(name, &definition)?;
    if !parts.columns.iter().map(|c| &c.name).eq(columns.iter().map(|c| &c.name)) {
        return Err(Failure::transient(
            FailureCode::StructureChanged,
            format!("table `{name}` was changed while it was looked at"),
        )
        .with_hint("it is tried again by itself"));
    }
    for (column, item) in columns.iter_mut().zip(&parts.columns) {
        column.expression.clone_from(&item.expression);
    }
    history::leave_out(&mut parts, &mut columns);
    let key = keys::addressing(&parts.keys, &columns, &about.storage);
    let counter = columns.iter().find(|c| c.auto_increment);
    let counts = counter.is_some_and(|column| keys::leads_any(&parts.keys, &column.name));
    Ok(TableShape {
        indexes: keys::secondary(&parts.keys, key.as_ref(), &about.storage),
        foreign_keys: keys::foreign(parts.foreign_keys),
        auto_increment: counts.then(|| keys::next_value(&parts.options)),
        name: name.to_owned(),
        columns,
        key,
        triggers,
        definition,
        keeps_versions: VERSIONED.iter().any(|one| one.eq_ignore_ascii_case(&about.storage)),
        storage: about.storage,
        collation: about.collation,
        row_bytes: about.row_bytes,
        computed_under: BTreeMap::new(),
        filter: None,
    })
}

fn missing(name: &str) -> Failure {
    Failure::permanent(
        FailureCode::TableMissing,
        format!("table `{name}` is not there, or the account may not see it"),
    )
}

/// The restriction to the schema, and to the tables unless they are many.
fn only(s: &Session, schema: &str, column: &str, names: &[String]) -> String {
    let schema = format!("{schema} = {}", text(&s.database));
    if names.len() > MANY {
        return schema;
    }
    let names = names.iter().map(|name| text(name)).collect::<Vec<_>>().join(", ");
    if names.len() > s.fitting(usize::MAX) / 2 {
        return schema;
    }
    format!("{schema} AND {column} IN ({names})")
}

/// Whoever has just listed the tables is told by the list: for thousands a second look costs as much as the first.
async fn read_about(s: &mut Session, names: &[String]) -> Result<HashMap<String, About>> {
    let listed = std::mem::take(&mut s.listed);
    if names.iter().all(|name| listed.contains_key(name)) {
        return Ok(listed);
    }
    let query = format!(
        "SELECT TABLE_NAME, TABLE_TYPE, ENGINE, TABLE_COLLATION, AVG_ROW_LENGTH \
         FROM information_schema.TABLES WHERE {}",
        only(s, "TABLE_SCHEMA", "TABLE_NAME", names),
    );
    let rows = s.structure(&query, "read the tables' properties").await?;
    Ok(rows.iter().map(|row| (text_at(row, 0), about(row, [1, 2, 3, 4]))).collect())
}

async fn read_columns(s: &mut Session, names: &[String]) -> Result<HashMap<String, Vec<Column>>> {
    let query = format!(
        "SELECT TABLE_NAME, COLUMN_NAME, DATA_TYPE, COLUMN_TYPE, IS_NULLABLE, CHARACTER_SET_NAME, \
         COLLATION_NAME, EXTRA \
         FROM information_schema.COLUMNS WHERE {} ORDER BY TABLE_NAME, ORDINAL_POSITION",
        only(s, "TABLE_SCHEMA", "TABLE_NAME", names),
    );
    let mut found: HashMap<String, Vec<Column>> = HashMap::new();
    for row in s.structure(&query, "read the tables' columns").await? {
        found.entry(text_at(&row, 0)).or_default().push(columns::column(&row));
    }
    Ok(found)
}

async fn read_triggers(s: &mut Session, names: &[String]) -> Result<HashMap<String, Vec<String>>> {
    let query = format!(
        "SELECT EVENT_OBJECT_TABLE, TRIGGER_NAME FROM information_schema.TRIGGERS WHERE {}",
        only(s, "EVENT_OBJECT_SCHEMA", "EVENT_OBJECT_TABLE", names),
    );
    let mut found: HashMap<String, Vec<String>> = HashMap::new();
    for row in s.structure(&query, "read the tables' triggers").await? {
        found.entry(text_at(&row, 0)).or_default().push(text_at(&row, 1));
    }
    for triggers in found.values_mut() {
        triggers.sort();
    }
    Ok(found)
}

async fn read_definitions(
    s: &mut Session,
    names: &[String],
    about: &HashMap<String, About>,
) -> Result<Vec<String>> {
    let mut definitions = Vec::with_capacity(names.len());
    for name in names {
        let kind = about.get(name).ok_or_else(|| missing(name))?.kind.as_str();
        if !structure::IS_TABLE.contains(&kind) {
            return Err(Failure::permanent(
                FailureCode::NotATable,
                format!("`{name}` is not a base table ({})", kind.to_ascii_lowercase()),
            )
            .with_hint("exclude it"));
        }
    }
    for some in names.chunks(BATCH) {
        definitions.extend(definitions_of(s, some).await?);
    }
    Ok(definitions)
}

/// What the server says of these tables, in one packet.
async fn definitions_of(s: &mut Session, names: &[String]) -> Result<Vec<String>> {
    let folds = s.info.server.folds_names;
    let queries = names.iter().map(|name| format!("SHOW CREATE TABLE {}", ident(name))).collect::<Vec<_>>();
    let answers = s.batch(&queries, "read the tables' definitions").await?;
    let relative = |(name, rows): (&String, Vec<RawRow>)| {
        let definition = definition(name, rows.first())?;
        Ok(structure::names::relative(&definition, &s.database, folds))
    };
    names.iter().zip(answers).map(relative).collect()
}

/// Which tables the server defines otherwise than they were described, but for the next AUTO_INCREMENT value; all of
/// those, where one cannot be read.
pub(super) async fn redefined(s: &mut Session, tables: &[TableShape]) -> Result<Vec<bool>> {
    let mut found = Vec::with_capacity(tables.len());
    for some in tables.chunks(BATCH) {
        let names: Vec<String> = some.iter().map(|table| table.name.clone()).collect();
        match definitions_of(s, &names).await {
            Ok(now) => found.extend(some.iter().zip(&now).map(|(table, now)| !is_defined_so(table, now))),
            Err(failure) if failure.class == FailureClass::ConnectionFailure => return Err(failure),
            Err(_) => found.extend(some.iter().map(|_| true)),
        }
    }
    Ok(found)
}

/// The engine comes from another look than the definition.
fn is_defined_so(table: &TableShape, now: &str) -> bool {
    let engine = format!("ENGINE={} ", table.storage);
    now.contains(&engine) && keys::without_next_value(now) == keys::without_next_value(&table.definition)
}

fn definition(name: &str, row: Option<&RawRow>) -> Result<String> {
    let bytes = row.and_then(|row| row.get(1)?.clone()).ok_or_else(|| missing(name))?;
    structure::bytes::readable(bytes).ok_or_else(|| {
        Failure::permanent(
            FailureCode::DefinitionUnreadable,
            format!("the definition of table `{name}` holds bytes that are no text"),
        )
        .with_hint("exclude the table, or create it on the target by hand")
    })
}

pub(super) async fn holds_rows(s: &mut Session, names: &[String]) -> Result<Vec<bool>> {
    let mut found = Vec::with_capacity(names.len());
    for some in names.chunks(BATCH) {
        let queries =
            some.iter().map(|name| format!("SELECT 1 FROM {} LIMIT 1", ident(name))).collect::<Vec<_>>();
        let answers = s.batch(&queries, "look which tables hold rows").await?;
        found.extend(answers.iter().map(|rows| !rows.is_empty()));
    }
    Ok(found)
}

/// A row's text where absence counts.
fn maybe(row: &RawRow, at: usize) -> Option<String> {
    optional_at(row, at).filter(|value| !value.is_empty())
}

#[cfg(test)]
pub(super) mod tests;
