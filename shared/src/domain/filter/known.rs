//! What a condition may say: the lists that it is read by, and that the documents show.

/// Functions of a row alone.
pub(super) const FUNCTIONS: &[&str] = &[
    "ABS",
    "CEILING",
    "CHAR_LENGTH",
    "COALESCE",
    "CONCAT",
    "CRC32",
    "DATE",
    "DAY",
    "FLOOR",
    "GREATEST",
    "HOUR",
    "IF",
    "IFNULL",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LOWER",
    "MINUTE",
    "MOD",
    "MONTH",
    "NULLIF",
    "RIGHT",
    "SECOND",
    "SIGN",
    "UPPER",
    "YEAR",
];

/// The current time, with digits of its second if any are asked for.
pub(super) const NOW: &[&str] = &["NOW", "CURRENT_TIMESTAMP", "LOCALTIMESTAMP"];
/// The current date.
pub(super) const TODAY: &[&str] = &["CURDATE", "CURRENT_DATE"];
/// Functions that move a time by an interval.
pub(super) const MOVES: &[&str] = &["DATE_ADD", "DATE_SUB"];
/// What a value can be cast to.
pub(super) const TYPES: &[&str] = &["SIGNED", "UNSIGNED", "DECIMAL", "CHAR", "BINARY", "DATE", "DATETIME"];
/// Collations that every server has and that mean the same on each.
pub(super) const COLLATIONS: &[&str] =
    &["utf8mb4_bin", "utf8mb4_general_ci", "utf8mb4_unicode_ci", "utf8mb4_unicode_520_ci"];
/// Units of an interval.
pub(super) const UNITS: &[&str] =
    &["MICROSECOND", "SECOND", "MINUTE", "HOUR", "DAY", "WEEK", "MONTH", "QUARTER", "YEAR"];
/// Signs that compare.
pub(super) const COMPARING: &[&str] = &["=", "<>", "<", "<=", ">", ">=", "<=>"];
/// Signs that join otherwise.
pub(super) const JOINING: &[&str] = &["AND", "OR", "XOR", "+", "-", "*", "/", "%", "DIV"];

/// What a condition knows, as a table of Markdown.
pub fn document() -> String {
    let code = |words: &[&str]| words.iter().map(|word| format!("`{word}`")).collect::<Vec<_>>().join(", ");
    let rows = [
        ("columns", "by their names alone".to_owned()),
        (
            "literals",
            "texts, numbers, `X'…'`, `TRUE`, `FALSE`, `NULL`, `DATE '…'`, `TIME '…'`, `TIMESTAMP '…'`"
                .to_owned(),
        ),
        (
            "comparisons",
            format!("{}, `IN`, `BETWEEN`, `LIKE`, `IS [NOT] NULL`, `TRUE`, `FALSE`", code(COMPARING)),
        ),
        ("joined by", format!("{}, `NOT`", code(JOINING))),
        ("the current time", format!("{}; {}", code(NOW), code(TODAY))),
        ("intervals", format!("`± INTERVAL n unit`, {}, units {}", code(MOVES), code(UNITS))),
        ("cases", "`CASE`, with an operand or without".to_owned()),
        ("casts", format!("`CAST(… AS …)` to {}", code(TYPES))),
        ("collations", format!("`COLLATE` {}", code(COLLATIONS))),
        ("patterns", "`REGEXP`, `RLIKE` with a text, where source and target are of one engine".to_owned()),
        ("functions", code(FUNCTIONS)),
    ];
    let row = |(kind, what): &(&str, String)| format!("| {kind} | {what} |\n");
    format!("| kind | what a condition knows |\n|---|---|\n{}", rows.iter().map(row).collect::<String>())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    #[test]
    fn n26_the_documents_list_what_a_condition_knows() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/sync.md");
        let page = std::fs::read_to_string(page).unwrap();
        assert_eq!(page.matches("<!-- conditions: generated").count(), 1, "once in the page");
        let (_, rest) = page.split_once("<!-- conditions: generated").unwrap();
        let (_, rest) = rest.split_once("-->\n").unwrap();
        let (there, _) = rest.split_once("<!-- end of conditions -->").unwrap();
        assert_eq!(there, super::document(), "put this between the two marks:\n{}", super::document());
    }
}
