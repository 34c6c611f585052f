//! Checksums computed by the server.
//!
//! Invariants: equal content gives equal sums on every server of the group: only CRC32 and SHA2,
//! which all have (MySQL 9 has no MD5), over text that all write alike. A row's text is
//! injective: a number or time holds no comma, other values carry their length, are hashed alone
//! or come last, NULL is told. What is summed does not depend on the order.
//!
//! The quick hash of a row is the product of two CRCs: of all its columns, and of its key. A CRC is
//! linear and alone would not do: XOR hides values that are swapped, or changed alike in two rows.
//! The product is not linear, and no two rows have the same factor. What is left is a change that
//! the CRC does not see: never one of up to four neighbouring bytes, and any other once in 2^32
//! times. So some ranges of each run, others each time, are compared by the strong hash, half a
//! SHA-256. Where one value of the quick hash's text ends is told by a separator that is drawn for
//! each step, after the data was there; lengths would say it for certain, and cost a fifth more.
//! Measured on MariaDB 10.11, 180 bytes a row, of the server's processor: 0.34 µs for what
//! pt-table-checksum runs, 0.37 the quick one, 0.82 the strong one.
//! Deliberately not told apart: the zeros of FLOAT and DOUBLE (MariaDB keeps but one).

use longshore_shared::domain::failure::{Failure, FailureCode};
mod hashes;

pub(super) use self::hashes::hashes;
use super::super::shape::{Column, Digest, Family, Range, TableShape};
use super::super::{Hash, Result};
use super::connect::{RawRow, Session, number_at, text_at};
use super::quote::ident;
use super::read::bounds;
use super::read::select;

/// What a row's hash counts as when the server could not compute it; more than any sum of
/// 64-bit numbers over the rows that a table can have.
pub(super) const UNKNOWN: &str = "1000000000000000000000000000000";
/// No row's text without its long values is longer.
const LARGEST_ROW: u64 = 1 << 20;

pub(super) async fn digest(s: &mut Session, t: &TableShape, range: &Range, hash: Hash) -> Result<Digest> {
    let doing = format!("checksum table `{}`", t.name);
    s.compute_under(t, &doing).await?;
    let query = query(s, t, range, hash)?;
    let answer = s.rows(query, &doing).await?;
    read(answer, &doing)
}

/// Of whole tables, many in a packet; those that compute under settings of their own one by one.
pub(super) async fn digests(s: &mut Session, tables: &[&TableShape], hash: Hash) -> Result<Vec<Digest>> {
    let doing = "checksum small tables";
    let mut found: Vec<Option<Digest>> = vec![None; tables.len()];
    let (mut places, mut queries) = (Vec::new(), Vec::new());
    for (at, table) in tables.iter().enumerate() {
        // A condition's text may be in any character set.
        match String::from_utf8(query(s, table, &Range::ALL, hash)?) {
            Ok(query) if table.computed_under.is_empty() && table.filter.is_none() => {
                places.push(at);
                queries.push(query);
            }
            _ => found[at] = Some(digest(s, table, &Range::ALL, hash).await?),
        }
    }
    if let Some(first) = places.first() {
        s.compute_under(tables[*first], doing).await?;
    }
    for (at, answer) in places.into_iter().zip(s.batch(&queries, doing).await?) {
        found[at] = Some(read(answer, &format!("checksum table `{}`", tables[at].name))?);
    }
    Ok(found.into_iter().flatten().collect())
}

fn query(s: &Session, t: &TableShape, range: &Range, hash: Hash) -> Result<Vec<u8>> {
    let (sum, made) = sum(t, hash, s.info.max_allowed_packet)?;
    let mut query = format!("SELECT COUNT(*), {sum}, {made} FROM {}", ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    Ok(query)
}

fn read(answer: Vec<RawRow>, doing: &str) -> Result<Digest> {
    let row = answer.into_iter().next().unwrap_or_default();
    let (rows, sum) = (number_at(&row, 0), text_at(&row, 1));
    if sum.len() >= UNKNOWN.len() || number_at(&row, 2) != rows {
        return Err(Failure::permanent(
            FailureCode::ChecksumFailed,
            format!("{doing}: the server could not compute a row's checksum"),
        ));
    }
    Ok(Digest { rows, hash: if sum.is_empty() { "0".to_owned() } else { sum } })
}

/// All rows' hashes, put together in no order: by XOR, but where rows may be there twice, or be
/// [`UNKNOWN`]; and of how many rows the server made one. The first is the same for all servers, whatever
/// they take in a packet; the second is counted only by one that may fail to make a text.
fn sum(t: &TableShape, hash: Hash, packet: u64) -> Result<(String, String)> {
    let (row, is_summed) = bare_hash(t, hash)?;
    let made =
        if packet < LARGEST_ROW && !is_summed { format!("COUNT({row})") } else { "COUNT(*)".to_owned() };
    Ok(if is_summed { (format!("SUM({})", known(&row)), made) } else { (format!("BIT_XOR({row})"), made) })
}

/// A row's 64 bits, or [`UNKNOWN`] where the server cannot make them. `packet` is its
/// `max_allowed_packet`.
pub(super) fn row_hash(t: &TableShape, hash: Hash, packet: u64) -> Result<String> {
    let (row, is_summed) = bare_hash(t, hash)?;
    // A text that the server may fail to make has to be told; others need not pay for that.
    Ok(if is_summed || packet < LARGEST_ROW { known(&row) } else { row })
}

fn known(row: &str) -> String {
    format!("IFNULL({row},{UNKNOWN})")
}

/// A row's 64 bits, NULL where the server cannot make them; and whether they are to be summed up: a row may
/// be there twice, or its long values make it likely that a server fails.
/// Rows of a table without a key have nothing that tells them apart: the strong hash alone is good
/// enough for them.
fn bare_hash(t: &TableShape, hash: Hash) -> Result<(String, bool)> {
    let stored = select::proven(t)?;
    let (Some(key), Hash::Quick(salt)) = (&t.key, hash) else { return Ok((strong(&stored), true)) };
    let keys = select::key(t)?;
    let split = Split::Salted(salt);
    let (row, mut weight) = (row_text(&stored, split), key_text(&keys, split));
    if key.columns.len() == stored.len() {
        weight = format!("CONCAT(_binary'+',{weight})");
    }
    let product = format!("(CRC32({row})+1)*(CRC32({weight})+1)");
    Ok((product, stored.iter().any(|column| is_hashed(column))))
}

/// How a row's text tells where a value ends.
#[derive(Clone, Copy, Debug)]
enum Split {
    /// By its length, where it may hold a comma.
    Lengths,
    /// By characters that nobody could foresee when the value was written.
    Salted(u32),
}

impl Split {
    fn separator(self) -> String {
        match self {
            Self::Lengths => "_binary','".to_owned(),
            Self::Salted(salt) => format!("_binary'|{salt:08x}'"),
        }
    }
}

/// A single value needs no separator.
fn key_text(keys: &[&Column], split: Split) -> String {
    let single = match keys {
        [one] => closed_text(one),
        _ => None,
    };
    single.unwrap_or_else(|| row_text(keys, split))
}

fn strong(columns: &[&Column]) -> String {
    format!("CAST(CONV(LEFT(SHA2({},256),16),16,10) AS UNSIGNED)", row_text(columns, Split::Lengths))
}

/// A text of these columns' values; NULL only if the server cannot make it.
fn row_text(columns: &[&Column], split: Split) -> String {
    let mut values: Vec<String> = columns.iter().filter_map(|column| closed_text(column)).collect();
    let open: Vec<&Column> = columns.iter().copied().filter(|column| is_open(column)).collect();
    let flags = open.iter().filter(|column| column.nullable);
    values.extend(flags.map(|column| format!("{} IS NULL", ident(&column.name))));
    let mixed = is_mixed(&open);
    for (at, column) in open.iter().enumerate() {
        let name = ident(&column.name);
        // NULL is left out, with its length; the flags have told.
        if at + 1 < open.len() && matches!(split, Split::Lengths) {
            values.push(format!("LENGTH({name})"));
        }
        values.push(if mixed { format!("CAST({name} AS BINARY)") } else { name });
    }
    if values.is_empty() {
        values.push("_binary''".to_owned());
    }
    let text = format!("CONCAT_WS({},{})", split.separator(), values.join(","));
    // CONCAT is NULL if one of these cannot be made; CONCAT_WS would pass over it.
    let hashed = columns.iter().filter(|column| is_hashed(column)).map(|column| hashed_text(column));
    let hashed: Vec<String> = hashed.collect();
    if hashed.is_empty() { text } else { format!("CONCAT({},{text})", hashed.join(",_binary',',")) }
}

/// Whether the columns cannot stand in one text as they are. Servers refuse to put many character
/// sets and collations together, with numbers too, which come in utf8mb4; bytes they always take.
fn is_mixed(columns: &[&Column]) -> bool {
    let kind = |column: &Column| (column.charset.clone(), column.collation.clone());
    let first = columns.first().map(|column| kind(column));
    let plain = |column: &Column| column.charset.as_deref().is_none_or(|charset| charset == "utf8mb4");
    columns.iter().any(|column| Some(kind(column)) != first || !plain(column))
}

/// Text that may hold anything, of a length that a row's text can have.
const fn is_open(column: &Column) -> bool {
    matches!(column.family, Family::Text | Family::Binary | Family::Unknown)
}

/// A value of a length that the row's text must not have: hashed alone.
const fn is_hashed(column: &Column) -> bool {
    matches!(column.family, Family::LongText | Family::Blob | Family::Json | Family::Geometry)
}

fn hashed_text(column: &Column) -> String {
    let name = ident(&column.name);
    format!("IF({name} IS NULL,'N',SHA2({name},256))")
}

/// A value's text, in which no comma can stand.
fn closed_text(column: &Column) -> Option<String> {
    let name = ident(&column.name);
    let read = select::expression(column, "");
    let text = match column.family {
        Family::Integer | Family::Decimal | Family::Bit | Family::Enum | Family::Set => read,
        Family::Temporal | Family::Address => format!("CAST({name} AS CHAR)"),
        Family::Float | Family::Double => number_text(&format!("({read}+0e0)")),
        _ => return None,
    };
    Some(if column.nullable { format!("IF({name} IS NULL,'N',{text})") } else { text })
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
    use super::super::structure::sample;
    use super::*;

    #[test]
    fn texts() {
        let column = |name: &str, family, nullable| Column { nullable, ..sample::column(name, family, "") };
        for (columns, expected) in [
            (vec![column("i", Family::Integer, false)], "CONCAT_WS(_binary',',`i`)"),
            (
                vec![column("i", Family::Set, true)],
                "CONCAT_WS(_binary',',IF(`i` IS NULL,'N',CAST(`i` AS UNSIGNED)))",
            ),
            (
                vec![column("a", Family::Text, true), column("b", Family::Text, false)],
                "CONCAT_WS(_binary',',`a` IS NULL,LENGTH(`a`),`a`,`b`)",
            ),
            (
                vec![column("a", Family::Blob, true), column("t", Family::Temporal, false)],
                "CONCAT(IF(`a` IS NULL,'N',SHA2(`a`,256)),CONCAT_WS(_binary',',CAST(`t` AS CHAR)))",
            ),
            (
                vec![
                    column("a", Family::Text, false),
                    Column { charset: Some("latin1".into()), ..column("b", Family::Text, false) },
                ],
                "CONCAT_WS(_binary',',LENGTH(`a`),CAST(`a` AS BINARY),CAST(`b` AS BINARY))",
            ),
            (
                vec![column("a", Family::Blob, false)],
                "CONCAT(IF(`a` IS NULL,'N',SHA2(`a`,256)),CONCAT_WS(_binary',',_binary''))",
            ),
        ] {
            assert_eq!(row_text(&columns.iter().collect::<Vec<_>>(), Split::Lengths), expected);
        }
    }

    #[test]
    fn both_factors_hold_the_key() {
        let numbers = ["id", "a", "b"]
            .map(|name| Column { nullable: false, ..sample::column(name, Family::Integer, "int") });
        let texts = ["s", "t"].map(|name| sample::column(name, Family::Text, "varchar(9)"));
        for (columns, packet, expected) in [
            (
                numbers.to_vec(),
                1 << 24,
                "BIT_XOR((CRC32(CONCAT_WS(_binary'|0000beef',`id`,`a`,`b`))+1)*(CRC32(`id`)+1)), COUNT(*)",
            ),
            (
                [&numbers[..1], &texts].concat(),
                1 << 24,
                "BIT_XOR((CRC32(CONCAT_WS(_binary'|0000beef',`id`,`s` IS NULL,`t` IS NULL,`s`,`t`))+1)*(CRC32(`id`)+1)), COUNT(*)",
            ),
            (
                numbers[..1].to_vec(),
                1 << 24,
                "BIT_XOR((CRC32(CONCAT_WS(_binary'|0000beef',`id`))+1)*(CRC32(CONCAT(_binary'+',`id`))+1)), COUNT(*)",
            ),
            (
                numbers[..2].to_vec(),
                4096,
                "BIT_XOR((CRC32(CONCAT_WS(_binary'|0000beef',`id`,`a`))+1)*(CRC32(`id`)+1)), \
                 COUNT((CRC32(CONCAT_WS(_binary'|0000beef',`id`,`a`))+1)*(CRC32(`id`)+1))",
            ),
        ] {
            let table = sample::table(columns, &[0]);
            assert_eq!(
                sum(&table, Hash::Quick(0xbeef), packet)
                    .map(|(sum, made)| format!("{sum}, {made}"))
                    .map_err(|failure| failure.code.to_string()),
                Ok(expected.to_owned())
            );
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
