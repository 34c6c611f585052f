//! What the server says after a write, and whether every row was stored as it is.
//!
//! Invariants: `LOAD DATA LOCAL` acts as IGNORE, so only its counts and warnings tell of
//! dropped rows and changed values (D49); they are the protocol's numbers: the server's line about a
//! write is in the language of its `lc_messages`. No value of a warning is passed on, only its
//! code and the name of one of the table's columns.

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::shape::TableShape;
use super::super::connect::{RawRow, Session, number_at, text_at};

/// Said about the statement, not about a value: deprecated syntax, names and functions.
pub(in super::super) const HARMLESS: [u64; 5] = [1287, 1681, 3719, 3720, 3778];
const DUPLICATE: [u64; 3] = [1022, 1062, 1586];
/// The table's partitions have no place for the row.
const NO_PARTITION: [u64; 2] = [1526, 1748];
const CHECK: [u64; 2] = [3819, 4025];
/// As many as a session keeps.
const WARNINGS: u64 = 1024;

/// What speaks against it that the statement that just ran stored `rows` rows and changed none.
pub(in super::super) async fn stored(
    s: &mut Session,
    t: &TableShape,
    rows: u64,
    doing: &str,
) -> Result<Option<Failure>> {
    // A row that was skipped is not counted, one that took another's place counts twice.
    let complete = s.conn.affected_rows() == rows;
    unchanged(s, t, complete, doing).await
}

/// What speaks against it that the statement that just ran did what it should: it is not complete, or
/// drew a warning.
pub(in super::super) async fn unchanged(
    s: &mut Session,
    t: &TableShape,
    complete: bool,
    doing: &str,
) -> Result<Option<Failure>> {
    let warned = u64::from(s.conn.get_warnings());
    if complete && warned == 0 {
        return Ok(None);
    }
    let warnings = s.rows(format!("SHOW WARNINGS LIMIT {WARNINGS}"), doing).await?;
    let all_seen = warnings.len() as u64 >= warned;
    if complete && all_seen && warnings.iter().all(|row| HARMLESS.contains(&number_at(row, 1))) {
        return Ok(None);
    }
    Ok(Some(refusal(t, &warnings, doing)))
}

fn refusal(t: &TableShape, warnings: &[RawRow], doing: &str) -> Failure {
    let mut reasons: Vec<String> = Vec::new();
    for row in warnings.iter().filter(|row| !HARMLESS.contains(&number_at(row, 1))) {
        let said = reason(t, number_at(row, 1), &text_at(row, 2));
        if reasons.len() < 5 && !reasons.contains(&said) {
            reasons.push(said);
        }
    }
    if reasons.is_empty() {
        reasons.push("the server stored another number of rows than it was sent".to_owned());
    }
    let any = |codes: &[u64]| warnings.iter().any(|row| codes.contains(&number_at(row, 1)));
    let code = match () {
        () if any(&DUPLICATE) => FailureCode::DuplicateKey,
        () if any(&NO_PARTITION) => FailureCode::NoPartition,
        () if any(&CHECK) => FailureCode::CheckViolation,
        () => FailureCode::ValueRefused,
    };
    let message = format!("{doing}: not every row can be stored as it is: {}", reasons.join(", "));
    Failure::permanent(code, message)
}

fn reason(t: &TableShape, code: u64, said: &str) -> String {
    if NO_PARTITION.contains(&code) {
        return format!("the target's table `{}` has no partition for a row (warning {code})", t.name);
    }
    if let Some(name) = constraint(said).filter(|_| CHECK.contains(&code)) {
        return format!("a row breaks the CHECK constraint `{name}` of the target (warning {code})");
    }
    let named = t.columns.iter().map(|column| column.name.as_str()).find(|name| {
        [format!("column '{name}'"), format!(".`{name}` at row")].iter().any(|text| said.contains(text))
    });
    match named {
        Some(name) => format!("column `{name}` (warning {code})"),
        None => format!("warning {code}"),
    }
}

/// The constraint's name: ``CONSTRAINT `name` failed``, `Check constraint 'name' is violated`.
fn constraint(said: &str) -> Option<&str> {
    let mut parts = said.split(['`', '\'']);
    parts.nth(1).filter(|name| !name.is_empty())
}

#[cfg(test)]
mod tests {
    use super::super::super::super::shape::Family;
    use super::super::super::structure::sample;
    use super::*;

    fn warning(code: &str, message: &str) -> RawRow {
        ["Warning", code, message].map(|text| Some(text.as_bytes().to_vec())).to_vec()
    }

    #[test]
    fn refusals_tell_columns_and_no_values() {
        let table = sample::table(vec![sample::column("c", Family::Integer, "int(11)")], &[]);
        for (warnings, code, message) in [
            (
                vec![
                    warning("1265", "Data truncated for column 'c' at row 1"),
                    warning("1265", "Data truncated for column 'c' at row 2"),
                    warning("1366", "Incorrect integer value: 'secret' for column `d`.`t`.`c` at row 1"),
                ],
                "value_refused",
                "column `c` (warning 1265), column `c` (warning 1366)",
            ),
            (vec![warning("1062", "Duplicate entry 'secret' for key 'k'")], "duplicate_key", "warning 1062"),
            (
                vec![warning("1526", "Table has no partition for value 53271")],
                "no_partition",
                "the target's table `t` has no partition for a row (warning 1526)",
            ),
            (
                vec![warning("4025", "CONSTRAINT `t.c` failed for `d`.`t`")],
                "check_violation",
                "a row breaks the CHECK constraint `t.c` of the target (warning 4025)",
            ),
            (
                vec![warning("3819", "Check constraint 'positive' is violated.")],
                "check_violation",
                "a row breaks the CHECK constraint `positive` of the target (warning 3819)",
            ),
            (Vec::new(), "value_refused", "the server stored another number of rows than it was sent"),
        ] {
            let failure = refusal(&table, &warnings, "load table `t`");
            assert_eq!(failure.code.as_str(), code);
            let expected = format!("load table `t`: not every row can be stored as it is: {message}");
            assert_eq!(failure.message, expected);
        }
    }
}
