//! How a row is named to a person: by its key.
//!
//! A key is a cell as well, so that is done only where a failure would be a riddle without it; long
//! keys are cut, and bytes that are no text are told as digits.

use longshore_shared::domain::failure::{Failure, FailureClass};

use super::shape::{KeyTuple, TableShape};

/// Characters of a key's value that are told.
const LONGEST: usize = 60;

/// The row of a key: `id = 5`, `k = "a", n = 1`.
pub fn row(table: &TableShape, key: &KeyTuple) -> String {
    let names = table.key.iter().flat_map(|key| &key.columns).filter_map(|&at| table.columns.get(at));
    let pairs = names.zip(&key.0).map(|(column, value)| format!("{} = {}", column.name, told(value)));
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
        FailureClass::DataError,
        "computed_differs",
        format!(
            "table `{}`: for the stored generated column {} the target computes another value than the source has, \
             since the source's was computed under other settings or by another server{first}",
            table.name,
            columns.join(", ")
        ),
        "have the source compute it anew under time_zone '+00:00' (SET time_zone = '+00:00', then write the column \
         that it is made of), make it VIRTUAL on both sides, or exclude the table",
    )
}

fn told(value: &[u8]) -> String {
    let is_number = !value.is_empty() && value.iter().all(|b| b.is_ascii_digit() || b"-.".contains(b));
    match std::str::from_utf8(value) {
        Ok(text) if is_number && text.len() <= LONGEST => text.to_owned(),
        Ok(text) if !text.contains(char::is_control) => {
            let cut: String = text.chars().take(LONGEST).collect();
            format!("\"{cut}{}\"", if cut.len() < text.len() { "…" } else { "" })
        }
        _ => {
            let digits: String = value.iter().take(LONGEST / 2).map(|byte| format!("{byte:02X}")).collect();
            format!("x'{digits}{}'", if digits.len() < 2 * value.len() { "…" } else { "" })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn values_of_keys() {
        for (value, expected) in [
            (&b"-12"[..], "-12"),
            (b"2024-02-29", "2024-02-29"),
            (b"", "\"\""),
            ("\u{e4}b".as_bytes(), "\"\u{e4}b\""),
            (b"\xff\x00", "x'FF00'"),
            (b"a\n", "x'610A'"),
        ] {
            assert_eq!(told(value), expected);
        }
        assert_eq!(told(&[b'x'; 90]), format!("\"{}…\"", "x".repeat(60)));
        assert_eq!(told(&[0; 90]), format!("x'{}…'", "00".repeat(30)));
    }
}
