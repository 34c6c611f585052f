//! Values and keys in statements, by the column that they belong to.
//!
//! Invariants: text that is not what its column's type writes is an error, never part of
//! a statement; no error tells the value. A value to be stored names no character set
//! (its bytes are the column's, and some names draw a warning on MySQL 9); a key that is
//! compared names the column's, so that the column's collation decides and its index serves.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::shape::{Column, Family, KeyTuple};
use crate::row::mysql_literal::{Number, push_hex, push_number, push_plain, push_string};

const BINARY: &str = "binary";

/// Appends a value to be stored.
pub(in super::super) fn push_value(out: &mut Vec<u8>, column: &Column, value: Option<&[u8]>) -> Result<()> {
    let Some(value) = value else {
        out.extend_from_slice(b"NULL");
        return Ok(());
    };
    let fits = match column.family {
        Family::Text | Family::LongText | Family::Binary | Family::Blob | Family::Geometry => {
            push_string(out, BINARY, value)
        }
        Family::Json => push_string(out, "utf8mb4", value),
        _ => push_bare(out, column, value),
    };
    if fits { Ok(()) } else { Err(malformed(column)) }
}

/// Appends a key's value to be compared with its column.
pub(in super::super) fn push_key(out: &mut Vec<u8>, column: &Column, value: &[u8]) -> Result<()> {
    let fits = match (column.family, column.charset.as_deref()) {
        (Family::Text | Family::LongText, Some(charset)) if charset != BINARY => {
            push_hex(out, charset, value)
        }
        (Family::Text | Family::LongText | Family::Binary | Family::Blob, _) => {
            push_string(out, BINARY, value)
        }
        _ => push_bare(out, column, value),
    };
    if fits { Ok(()) } else { Err(malformed(column)) }
}

/// Appends a key's value with the type that lets a join look it up in the column's index.
pub(in super::super) fn push_typed_key(out: &mut Vec<u8>, column: &Column, value: &[u8]) -> Result<()> {
    let Some(cast) = cast_type(column) else {
        return push_key(out, column, value);
    };
    out.extend_from_slice(b"CAST(");
    push_key(out, column, value)?;
    out.extend_from_slice(format!(" AS {cast})").as_bytes());
    Ok(())
}

/// Appends `column = value` for every column of a key, joined by AND.
pub(in super::super) fn push_equal(out: &mut Vec<u8>, columns: &[&Column], key: &KeyTuple) -> Result<()> {
    check_width(columns, key)?;
    for (n, (column, value)) in columns.iter().zip(&key.0).enumerate() {
        if n > 0 {
            out.extend_from_slice(b" AND ");
        }
        out.extend_from_slice(super::ident(&column.name).as_bytes());
        out.extend_from_slice(b" = ");
        push_key(out, column, value)?;
    }
    Ok(())
}

/// A key has as many values as the table's key has columns, or it is of another table.
pub(in super::super) fn check_width(columns: &[&Column], key: &KeyTuple) -> Result<()> {
    if columns.len() == key.0.len() {
        return Ok(());
    }
    Err(Failure::permanent(
        FailureCode::KeyWidth,
        "a key has another number of values than the table's key has columns",
    ))
}

fn push_bare(out: &mut Vec<u8>, column: &Column, value: &[u8]) -> bool {
    match column.family {
        Family::Integer => push_number(out, value, Number::Integer),
        Family::Decimal => push_number(out, value, Number::Decimal),
        Family::Float | Family::Double => push_number(out, value, Number::Double),
        Family::Bit | Family::Enum | Family::Set => push_number(out, value, Number::Unsigned),
        Family::Temporal | Family::Address => push_plain(out, value),
        _ => false,
    }
}

/// What a literal that is written as text has to be cast to.
fn cast_type(column: &Column) -> Option<String> {
    let name: String = column.full_type.chars().take_while(char::is_ascii_alphanumeric).collect();
    let name = name.to_ascii_lowercase();
    match column.family {
        Family::Address => Some(name),
        Family::Temporal => {
            let rest = &column.full_type[name.len()..];
            // The source's word, which is sent to the target.
            let digits =
                rest.strip_prefix('(').and_then(|rest| rest.split_once(')')).map(|(digits, _)| digits);
            let digits = digits.and_then(|digits| digits.parse::<u8>().ok());
            let precision = digits.map_or_else(String::new, |digits| format!("({digits})"));
            let name = if name == "timestamp" { "datetime" } else { name.as_str() };
            Some(format!("{name}{precision}"))
        }
        _ => None,
    }
}

fn malformed(column: &Column) -> Failure {
    Failure::permanent(
        FailureCode::ValueMalformed,
        format!("column `{}`: a value is not of the form that its type has", column.name),
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::super::super::structure::sample;
    use super::*;

    fn written(push: fn(&mut Vec<u8>, &Column, &[u8]) -> Result<()>, column: &Column, value: &str) -> String {
        let mut out = Vec::new();
        match push(&mut out, column, value.as_bytes()) {
            Ok(()) => String::from_utf8(out).unwrap(),
            Err(failure) => {
                assert!(!failure.message.contains(value));
                failure.code.to_string()
            }
        }
    }

    #[test]
    fn values() {
        for (family, value, expected) in [
            (Family::Integer, "-5", "-5"),
            (Family::Integer, "5; DROP", "value_malformed"),
            (Family::Double, "-0", "-0e0"),
            (Family::Bit, "18446744073709551615", "18446744073709551615"),
            (Family::Enum, "secret", "value_malformed"),
            (Family::Temporal, "2020-00-00", "'2020-00-00'"),
            (Family::Temporal, "x'y", "value_malformed"),
            (Family::Text, "it's", "_binary'it\\'s'"),
            (Family::Json, "{}", "_utf8mb4'{}'"),
            (Family::Unknown, "secret", "value_malformed"),
        ] {
            let push =
                |out: &mut Vec<u8>, column: &Column, value: &[u8]| push_value(out, column, Some(value));
            assert_eq!(written(push, &sample::column("c", family, ""), value), expected);
        }
        let mut out = Vec::new();
        push_value(&mut out, &sample::column("c", Family::Integer, ""), None).unwrap();
        assert_eq!(out, b"NULL");
    }

    #[test]
    fn keys() {
        for (family, full_type, value, expected) in [
            (Family::Text, "varchar(5)", "aä", "_utf8mb4 x'61C3A4'"),
            (Family::Binary, "binary(2)", "a'", "_binary'a\\''"),
            (Family::Decimal, "decimal(5,2)", "1.50", "1.50"),
            (Family::Temporal, "date", "0000-00-00", "CAST('0000-00-00' AS date)"),
            (Family::Temporal, "timestamp(3)", "0:0", "CAST('0:0' AS datetime(3))"),
            (Family::Temporal, "timestamp(3); DO 1; (1)", "0:0", "CAST('0:0' AS datetime(3))"),
            (Family::Temporal, "timestamp(3; DO 1)", "0:0", "CAST('0:0' AS datetime)"),
            (Family::Temporal, "time /* mariadb-5.3 */", "1", "CAST('1' AS time)"),
            (Family::Address, "inet6", "::1", "CAST('::1' AS inet6)"),
            (Family::Json, "json", "{}", "value_malformed"),
            (Family::Geometry, "point", "secret", "value_malformed"),
        ] {
            let column = sample::column("c", family, full_type);
            assert_eq!(written(push_typed_key, &column, value), expected);
        }
        let mut hostile = sample::column("c", Family::Text, "text");
        hostile.charset = Some("x' OR".into());
        assert_eq!(written(push_key, &hostile, "secret"), "value_malformed");
    }
}
