//! What a database has beside its tables, and other databases have beside it.

use super::super::super::{Besides, Result};
use super::super::connect::{RawRow, Session, text_at};
use super::super::quote::text;

/// Routines and events, in one round.
pub(in super::super) async fn besides(s: &mut Session) -> Result<Vec<Besides>> {
    let schema = text(&s.database);
    let queries = [
        format!(
            "SELECT ROUTINE_TYPE, ROUTINE_NAME FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = {schema}"
        ),
        format!("SELECT 'EVENT', EVENT_NAME FROM information_schema.EVENTS WHERE EVENT_SCHEMA = {schema}"),
    ];
    let answers = s.batch(&queries, "list the database's routines and events").await?;
    let mut found: Vec<Besides> = answers.iter().flatten().filter_map(one).collect();
    found.sort_by(|a, b| (&a.kind, &a.name).cmp(&(&b.kind, &b.name)));
    Ok(found)
}

/// Tables of other databases; a view holds no rows to point to.
pub(in super::super) async fn has_tables(s: &mut Session, others: &[(String, String)]) -> Result<Vec<bool>> {
    let query = |(schema, table): &(String, String)| {
        format!(
            "SELECT 1 FROM information_schema.TABLES WHERE TABLE_SCHEMA = {} AND TABLE_NAME = {} \
             AND TABLE_TYPE <> 'VIEW' LIMIT 1",
            text(schema),
            text(table)
        )
    };
    let queries: Vec<String> = others.iter().map(query).collect();
    let answers = s.batch(&queries, "look for tables of other databases").await?;
    Ok(answers.iter().map(|rows| !rows.is_empty()).collect())
}

fn one(row: &RawRow) -> Option<Besides> {
    let kind = text_at(row, 0).to_ascii_lowercase();
    // Each body has its package.
    (kind != "package body").then(|| Besides { kind, name: text_at(row, 1) })
}
