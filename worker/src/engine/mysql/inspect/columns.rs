//! A column, from a row of `information_schema.COLUMNS`.

use super::super::super::shape::{Column, Family};
use super::super::connect::{RawRow, text_at};
use super::maybe;

/// Positions are those of the query in `inspect`.
pub(super) fn column(row: &RawRow) -> Column {
    let extra = text_at(row, 7).to_ascii_lowercase();
    Column {
        name: text_at(row, 1),
        family: family(&text_at(row, 2)),
        full_type: without_comments(&text_at(row, 3)),
        nullable: text_at(row, 4) == "YES",
        // An ENUM of bytes: MySQL 9 says that it has none.
        charset: maybe(row, 5).filter(|charset| charset != "binary"),
        collation: maybe(row, 6).filter(|collation| collation != "binary"),
        // A default that is an expression says DEFAULT_GENERATED, which is not generated.
        generated: ["virtual", "stored", "persistent"].iter().any(|how| extra.contains(how)),
        persistent: ["stored", "persistent"].iter().any(|how| extra.contains(how)),
        // From the definition, where no flavour escapes it.
        expression: None,
        auto_increment: extra.contains("auto_increment"),
    }
}

/// How values of a type travel, by the type's bare name.
pub(super) fn family(data_type: &str) -> Family {
    match data_type.to_ascii_lowercase().as_str() {
        "tinyint" | "smallint" | "mediumint" | "int" | "bigint" | "year" => Family::Integer,
        "decimal" => Family::Decimal,
        "float" => Family::Float,
        "double" => Family::Double,
        "char" | "varchar" => Family::Text,
        "tinytext" | "text" | "mediumtext" | "longtext" => Family::LongText,
        "binary" | "varbinary" => Family::Binary,
        "tinyblob" | "blob" | "mediumblob" | "longblob" => Family::Blob,
        "date" | "time" | "datetime" | "timestamp" => Family::Temporal,
        "bit" => Family::Bit,
        "enum" => Family::Enum,
        "set" => Family::Set,
        "json" => Family::Json,
        "geometry" | "point" | "linestring" | "polygon" | "multipoint" | "multilinestring"
        | "multipolygon" | "geometrycollection" | "geomcollection" => Family::Geometry,
        "uuid" | "inet4" | "inet6" => Family::Address,
        _ => Family::Unknown,
    }
}

/// `text /*M!100301 COMPRESSED*/` is a text; `datetime /* mariadb-5.3 */` a datetime.
/// An ENUM's or a SET's values may hold anything and stay.
fn without_comments(full_type: &str) -> String {
    if full_type.contains('\'') {
        return full_type.to_owned();
    }
    match (full_type.find("/*"), full_type.rfind("*/")) {
        (Some(from), Some(to)) if from < to => {
            format!("{}{}", full_type[..from].trim_end(), &full_type[to + 2..])
        }
        _ => full_type.to_owned(),
    }
}
