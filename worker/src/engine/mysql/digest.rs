//! Checksums computed by the server.
//!
//! Invariants: equal content gives an equal sum on every server of the group: only SHA2,
//! which all have (MySQL 9 has no MD5), over text that all write alike. A row's text is
//! injective: a number or time holds no comma, other values carry their length or are
//! hashed alone, NULL is a letter. The sum (not XOR: duplicates would cancel) of hashes
//! (not CRC: swapped values would cancel) does not depend on the order.
//! Deliberately not told apart: the zeros of FLOAT and DOUBLE (MariaDB keeps but one).

use longshore_shared::domain::failure::{Failure, FailureClass};

use super::super::Result;
use super::super::shape::{Column, Digest, Family, Range, TableShape};
use super::bounds;
use super::quote::ident;
use super::select;
use super::session::{Session, number_at, text_at};

/// What a row's hash counts as when the server could not compute it; more than any sum of
/// 64-bit numbers over the rows that a table can have.
const UNKNOWN: &str = "1000000000000000000000000000000";

pub(super) async fn digest(s: &mut Session, t: &TableShape, range: &Range) -> Result<Digest> {
    let doing = format!("checksum table `{}`", t.name);
    let mut query =
        format!("SELECT COUNT(*), SUM({}) FROM {}", row_hash(&select::stored(t)?), ident(&t.name))
            .into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    let answer = s.rows(query, &doing).await?;
    let row = answer.first().cloned().unwrap_or_default();
    let (rows, sum) = (number_at(&row, 0), text_at(&row, 1));
    if sum.len() >= UNKNOWN.len() {
        return Err(Failure::permanent(
            FailureClass::DataError,
            "checksum_failed",
            format!("{doing}: the server could not compute a row's checksum"),
            "raise max_allowed_packet on both servers above the size of the largest row",
        ));
    }
    Ok(Digest { rows, hash: if sum.is_empty() { "0".to_owned() } else { sum } })
}

/// 64 bits of the hash of a row's text.
fn row_hash(columns: &[&Column]) -> String {
    let text = columns.iter().map(|column| value_text(column)).collect::<Vec<_>>().join(",',',");
    format!("IFNULL(CAST(CONV(LEFT(SHA2(CONCAT({text},''),256),16),16,10) AS UNSIGNED),{UNKNOWN})")
}

/// A value's text, in which no value of another length or kind can hide.
fn value_text(column: &Column) -> String {
    let name = ident(&column.name);
    let read = select::expression(column, "");
    let text = match column.family {
        Family::Integer | Family::Decimal | Family::Bit | Family::Enum | Family::Set => read,
        Family::Temporal | Family::Address => format!("CAST({name} AS CHAR)"),
        Family::Float | Family::Double => number_text(&format!("({read}+0e0)")),
        // The value of a length that the row's text must not have.
        Family::LongText | Family::Blob | Family::Json | Family::Geometry => format!("SHA2({name},256)"),
        Family::Text | Family::Binary | Family::Unknown => {
            format!("CONCAT(LENGTH({name}),':',CAST({name} AS BINARY))")
        }
    };
    format!("IF({name} IS NULL,'N',{text})")
}

/// A floating-point number as text. Servers differ in where they begin to write an
/// exponent when a function asks for text, but not in the digits: the middle of the range
/// goes by way of DECIMAL, which holds all digits there; the part next to it is scaled
/// into the middle by a power of two, which is exact.
fn number_text(number: &str) -> String {
    let decimal = |scale: &str| format!("CAST(CAST({number}{scale} AS DECIMAL(65,30)) AS CHAR)");
    format!(
        "CASE WHEN {number}=0 OR ABS({number}) BETWEEN 1e-13 AND 1e34 THEN {} \
         WHEN ABS({number}) BETWEEN 1e-17 AND 1e-13 THEN CONCAT('s',{}) \
         ELSE CAST({number} AS CHAR) END",
        decimal(""),
        decimal("*1048576e0"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn texts() {
        for (family, expected) in [
            (Family::Integer, "IF(`c` IS NULL,'N',`c`)"),
            (Family::Set, "IF(`c` IS NULL,'N',CAST(`c` AS UNSIGNED))"),
            (Family::Temporal, "IF(`c` IS NULL,'N',CAST(`c` AS CHAR))"),
            (Family::Text, "IF(`c` IS NULL,'N',CONCAT(LENGTH(`c`),':',CAST(`c` AS BINARY)))"),
            (Family::Blob, "IF(`c` IS NULL,'N',SHA2(`c`,256))"),
        ] {
            assert_eq!(value_text(&sample::column("c", family, "")), expected);
        }
    }
}
