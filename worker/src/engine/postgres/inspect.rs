//! Structure as the server's catalogs tell it: of tables their columns, types and primary keys.
//!
//! Names are those of one schema, the first of the account's search path: the contract names no schema.
//! Deliberately not here yet: indexes, foreign keys, triggers.

mod columns;

use std::collections::{BTreeMap, HashMap};

use longshore_shared::domain::failure::{Failure, FailureCode};

use self::columns::column;
use super::super::Result;
use super::super::shape::{Flavour, Key, Server, TableKind, TableListing, TableShape};
use super::connect::{Session, text_at};
use super::quote::{table, text};

/// How many tables are looked into by one statement.
const BATCH: usize = 200;

pub(super) async fn server(s: &mut Session) -> Result<Server> {
    let query = "SELECT pg_catalog.current_setting('server_version'), \
        (pg_catalog.pg_is_in_recovery() OR pg_catalog.current_setting('transaction_read_only') = 'on')::text";
    let rows = s.rows(query, "look what the server is").await?;
    let said = |at| rows.first().map(|row| text_at(row, at).to_owned()).unwrap_or_default();
    Ok(Server {
        identity: s.identity.clone(),
        version: said(0),
        flavour: Flavour::Postgresql,
        read_only: said(1) == "true",
        folds_names: false,
    })
}

pub(super) async fn tables(s: &mut Session) -> Result<Vec<TableListing>> {
    let query = format!(
        "SELECT c.relname, c.relkind::text, COALESCE(a.amname, ''), GREATEST(c.reltuples, 0)::bigint::text, \
         CASE WHEN c.relkind IN ('r', 'm') THEN pg_catalog.pg_table_size(c.oid) ELSE 0 END::text \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam \
         WHERE n.nspname = {} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')",
        text(&s.schema)
    );
    let rows = s.rows(&query, &format!("list the tables of schema {}", s.schema)).await?;
    let mut listings: Vec<TableListing> = rows
        .iter()
        .map(|row| TableListing {
            name: text_at(row, 0).to_owned(),
            kind: kind(text_at(row, 1)),
            about: text_at(row, 2).to_owned(),
            rows: text_at(row, 3).parse().unwrap_or(0),
            bytes: text_at(row, 4).parse().unwrap_or(0),
        })
        .collect();
    listings.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(listings)
}

/// What a relation is, by the catalog's letter.
fn kind(letter: &str) -> TableKind {
    match letter {
        "r" => TableKind::Base,
        "p" => TableKind::Union,
        "S" => TableKind::Sequence,
        "f" => TableKind::Elsewhere,
        _ => TableKind::View,
    }
}

pub(super) async fn shapes(s: &mut Session, names: &[String]) -> Result<Vec<TableShape>> {
    let mut found = HashMap::new();
    for some in names.chunks(BATCH) {
        read(s, some, &mut found).await?;
    }
    names.iter().map(|name| found.remove(name).unwrap_or_else(|| Err(missing(name)))).collect()
}

async fn read(
    s: &mut Session,
    names: &[String],
    found: &mut HashMap<String, Result<TableShape>>,
) -> Result<()> {
    let listed: Vec<String> = names.iter().map(|name| text(name)).collect();
    let of_these = format!("n.nspname = {} AND c.relname IN ({})", text(&s.schema), listed.join(", "));
    let about = format!(
        "SELECT c.relname, c.relkind::text, COALESCE(a.amname, ''), \
         (c.relpages::bigint * 8192 / GREATEST(c.reltuples, 1)::bigint)::text \
         FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         LEFT JOIN pg_catalog.pg_am a ON a.oid = c.relam \
         WHERE {of_these} AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')"
    );
    for row in s.rows(&about, "read the tables' properties").await? {
        let name = text_at(&row, 0).to_owned();
        let shape = match kind(text_at(&row, 1)) {
            TableKind::Base => Ok(bare(&name, text_at(&row, 2), text_at(&row, 3))),
            _ => Err(not_a_table(&name)),
        };
        found.insert(name, shape);
    }
    // Catalogs keep a dropped column's place: a key's columns are named, not numbered.
    let columns = format!(
        "SELECT c.relname, a.attname, t.typname, pg_catalog.format_type(a.atttypid, a.atttypmod), \
         a.attnotnull::text, COALESCE(l.collname, ''), a.attgenerated::text, a.attidentity::text, \
         COALESCE(pg_catalog.array_position(i.indkey::smallint[], a.attnum), -1)::text \
         FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid \
         JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
         JOIN pg_catalog.pg_type t ON t.oid = a.atttypid \
         LEFT JOIN pg_catalog.pg_collation l ON l.oid = a.attcollation \
         LEFT JOIN pg_catalog.pg_index i ON i.indrelid = c.oid AND i.indisprimary \
         WHERE {of_these} AND a.attnum > 0 AND NOT a.attisdropped ORDER BY c.oid, a.attnum"
    );
    let mut keys: HashMap<String, BTreeMap<i64, usize>> = HashMap::new();
    for row in s.rows(&columns, "read the tables' columns").await? {
        let name = text_at(&row, 0);
        let Some(Ok(shape)) = found.get_mut(name) else { continue };
        if let Ok(place @ 0..) = text_at(&row, 8).parse() {
            keys.entry(name.to_owned()).or_default().insert(place, shape.columns.len());
        }
        shape.columns.push(column(&row));
    }
    for (name, places) in keys {
        if let Some(Ok(shape)) = found.get_mut(&name) {
            let columns: Vec<usize> = places.into_values().collect();
            let same_order = columns.iter().all(|&at| columns::has_same_order(&shape.columns[at]));
            shape.key = Some(Key {
                name: "PRIMARY".to_owned(),
                columns,
                walkable: true,
                same_order,
                prefixed: false,
            });
        }
    }
    Ok(())
}

/// A table without columns yet.
fn bare(name: &str, method: &str, row_bytes: &str) -> TableShape {
    TableShape {
        name: name.to_owned(),
        columns: Vec::new(),
        key: None,
        indexes: Vec::new(),
        foreign_keys: Vec::new(),
        triggers: Vec::new(),
        definition: String::new(),
        storage: method.to_owned(),
        keeps_versions: true,
        collation: String::new(),
        auto_increment: None,
        row_bytes: row_bytes.parse().unwrap_or(0),
        computed_under: BTreeMap::new(),
        filter: None,
    }
}

pub(super) async fn holds_rows(s: &mut Session, names: &[String]) -> Result<Vec<bool>> {
    let mut found = Vec::with_capacity(names.len());
    for some in names.chunks(BATCH) {
        let asked = some.iter().map(|name| format!("EXISTS (SELECT FROM {})::text", table(&s.schema, name)));
        let query = format!("SELECT {}", asked.collect::<Vec<_>>().join(", "));
        let rows = s.rows(&query, "look which tables hold rows").await?;
        found.extend((0..some.len()).map(|at| rows.first().is_some_and(|row| text_at(row, at) == "true")));
    }
    Ok(found)
}

fn missing(name: &str) -> Failure {
    Failure::permanent(
        FailureCode::TableMissing,
        format!("table `{name}` is not there, or not on the account's search_path"),
    )
}

fn not_a_table(name: &str) -> Failure {
    Failure::permanent(FailureCode::NotATable, format!("`{name}` is not a base table"))
}
