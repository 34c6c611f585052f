//! How a row is named to a person: by its key.
//!
//! A key is a cell as well, so that is done only where a failure would be a riddle without it.
//! Numbers, dates and UUIDs are told; any other text may be somebody's address, so that the
//! beginning of its hash is told, by which whoever may read the table finds the row.

use longshore_shared::domain::failure::{Failure, FailureCode};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::shape::{Family, KeyTuple, TableShape};

/// Characters of a hash that are told.
const DIGITS: usize = 16;

/// The row of a key: `id = 5, at = '2024-02-29'`.
pub fn row(table: &TableShape, key: &KeyTuple) -> String {
    let names = table.key.iter().flat_map(|key| &key.columns).filter_map(|&at| table.columns.get(at));
    let pairs = names.zip(&key.0).map(|(column, value)| told(&column.name, column.family, value));
    pairs.collect::<Vec<_>>().join(", ")
}

/// The failure of a table's row that the target keeps otherwise than the source, by what `cause` says of
/// it; `at` is the place of the first value that differs, among the values of a row.
pub fn of_row(table: &TableShape, key: &KeyTuple, at: Option<usize>, cause: &Failure) -> Failure {
    let column = at.and_then(|at| table.proven().nth(at));
    if let Some(column) = column.filter(|column| column.generated) {
        return computed(table, &[&column.name], Some(key));
    }
    let of = column.map_or_else(String::new, |column| format!("column `{}` of ", column.name));
    let message = format!("{}; the first is {of}the row {}", cause.message, row(table, key));
    Failure { message, ..cause.clone() }
}

/// The target computes other values for stored generated columns than the source has.
pub fn computed(table: &TableShape, columns: &[&str], key: Option<&KeyTuple>) -> Failure {
    let first = key.map_or_else(String::new, |key| format!("; the first is the row {}", row(table, key)));
    let columns: Vec<_> = columns.iter().map(|name| format!("`{name}`")).collect();
    Failure::permanent(
        FailureCode::ComputedDiffers,
        format!(
            "table `{}`: for the stored generated column {} the target computes another value than the source has, \
             since the source's was computed under other settings or by another server, or the target's column is \
             made by another expression{first}",
            table.name,
            columns.join(", ")
        ),
    )
}

fn told(column: &str, family: Family, value: &[u8]) -> String {
    let is_text = matches!(family, Family::Text | Family::LongText | Family::Binary | Family::Blob);
    match std::str::from_utf8(value) {
        Ok(text) if !is_text => match text.bytes().all(|b| b.is_ascii_digit() || b"-.".contains(&b)) {
            true if family != Family::Temporal => format!("{column} = {text}"),
            _ => format!("{column} = '{text}'"),
        },
        Ok(text) if Uuid::try_parse(text).is_ok() => format!("{column} = '{text}'"),
        _ if matches!(family, Family::Binary) && value.len() == 16 => {
            format!("{column} = x'{}'", digits(value))
        }
        _ => {
            let bytes = match family {
                Family::Binary | Family::Blob => column.to_owned(),
                _ => format!("CONVERT({column} USING utf8mb4)"),
            };
            let hash = digits(&Sha256::digest(value));
            format!("for which SHA2({bytes}, 256) LIKE '{}%'", &hash[..DIGITS])
        }
    }
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |digits, byte| digits + &format!("{byte:02x}"))
}

#[cfg(test)]
mod tests {
    use super::{Family, told};

    #[test]
    fn values_of_keys() {
        for (family, value, expected) in [
            (Family::Integer, &b"-12"[..], "k = -12"),
            (Family::Decimal, b"1.50", "k = 1.50"),
            (Family::Temporal, b"2024-02-29", "k = '2024-02-29'"),
            (
                Family::Text,
                b"4d1b2f4e-9f5c-4f0e-8a27-0d7b6f1f3a10",
                "k = '4d1b2f4e-9f5c-4f0e-8a27-0d7b6f1f3a10'",
            ),
            (Family::Binary, &[0xAB; 16], "k = x'abababababababababababababababab'"),
            // As MySQL and MariaDB say of SHA2('a', 256).
            (Family::Text, b"a", "for which SHA2(CONVERT(k USING utf8mb4), 256) LIKE 'ca978112ca1bbdca%'"),
            (Family::Binary, b"a", "for which SHA2(k, 256) LIKE 'ca978112ca1bbdca%'"),
        ] {
            assert_eq!(told("k", family, value), expected);
        }
    }
}
