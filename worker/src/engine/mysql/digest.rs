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

/// Between 2^-43 and 2^112 DECIMAL(65,30) holds all digits of a DOUBLE.
const MIDDLE: (i32, i32) = (-43, 112);
const WIDTH: i32 = MIDDLE.1 - MIDDLE.0;
/// Windows of that width above and below, up to the largest and down to the smallest number.
const WINDOWS: std::ops::RangeInclusive<i32> = -7..=6;

/// A floating-point number as text. Servers differ in where they begin to write an
/// exponent, and MySQL 9 in a function's argument even drops digits, but all agree on
/// DECIMAL: so the number goes by way of it, scaled into its range by a power of two,
/// which is exact; the window's number tells by which.
fn number_text(number: &str) -> String {
    let digits = |scaled: &str| format!("CAST(CAST({scaled} AS DECIMAL(65,30)) AS CHAR)");
    let power = |exponent: i32| format!("{:e}", 2_f64.powi(exponent));
    let mut sql = format!(
        "CASE WHEN {number}=0 THEN '0' WHEN ABS({number})>={} AND ABS({number})<{} THEN {}",
        power(MIDDLE.0),
        power(MIDDLE.1),
        digits(number),
    );
    for window in WINDOWS.rev().filter(|&window| window != 0) {
        // In two steps: one factor for the last window is larger than a DOUBLE.
        let (first, second) = (WIDTH * (window / 2), WIDTH * (window - window / 2));
        let scaled = digits(&format!("{number}*{}*{}", power(-first), power(-second)));
        let text = format!("CONCAT('{window}w',{scaled})");
        if window == *WINDOWS.start() {
            sql += &format!(" ELSE {text} END");
        } else {
            sql += &format!(" WHEN ABS({number})>={} THEN {text}", power(MIDDLE.0 + WIDTH * window));
        }
    }
    sql
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

    #[test]
    fn windows_cover_every_number_and_scale_exactly() {
        for exponent in -1074..=1023 {
            let number = if exponent < -1022 {
                f64::from_bits(1 << (exponent + 1074))
            } else {
                2_f64.powi(exponent) * 1.999_999_999
            };
            let lower = |window: i32| 2_f64.powi(MIDDLE.0 + WIDTH * window);
            let window = WINDOWS.rev().find(|&w| number >= lower(w)).unwrap_or(*WINDOWS.start());
            let (first, second) = (WIDTH * (window / 2), WIDTH * (window - window / 2));
            let scaled = number * 2_f64.powi(-first) * 2_f64.powi(-second);
            assert!(scaled >= lower(0) && scaled < lower(1), "{exponent} {window}");
            let back = scaled * 2_f64.powi(second) * 2_f64.powi(first);
            assert_eq!(back.to_bits(), number.to_bits(), "{exponent}");
        }
    }
}
