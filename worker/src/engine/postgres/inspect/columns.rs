//! A column, from a row of the catalogs.

use tokio_postgres::SimpleQueryRow;

use super::super::super::shape::{Column, Family};
use super::super::connect::text_at;

/// Positions are those of the query in `inspect`.
pub(super) fn column(row: &SimpleQueryRow) -> Column {
    let collation = Some(text_at(row, 5)).filter(|name| !name.is_empty());
    Column {
        name: text_at(row, 1).to_owned(),
        family: family(text_at(row, 2)),
        full_type: text_at(row, 3).to_owned(),
        nullable: text_at(row, 4) != "true",
        // A database has one.
        charset: None,
        collation: collation.map(str::to_owned),
        generated: !text_at(row, 6).is_empty(),
        persistent: text_at(row, 6) == "s",
        expression: None,
        auto_increment: !text_at(row, 7).is_empty(),
    }
}

/// How values of a type travel, by the type's name in the catalog.
fn family(name: &str) -> Family {
    match name {
        "int2" | "int4" | "int8" => Family::Integer,
        "numeric" => Family::Decimal,
        "float4" => Family::Float,
        "float8" => Family::Double,
        "varchar" | "bpchar" => Family::Text,
        "text" => Family::LongText,
        "bytea" => Family::Blob,
        "date" | "time" | "timetz" | "timestamp" | "timestamptz" => Family::Temporal,
        "json" | "jsonb" => Family::Json,
        "uuid" | "inet" | "cidr" => Family::Address,
        _ => Family::Unknown,
    }
}

/// Whether every server of the engine is sure to order the column's values alike.
pub(super) fn has_same_order(column: &Column) -> bool {
    match column.family {
        Family::Integer | Family::Decimal | Family::Temporal | Family::Blob | Family::Address => true,
        Family::Text | Family::LongText => column.collation.as_deref() == Some("C"),
        _ => false,
    }
}
