//! The one function that quotes an identifier, and the one that quotes a text passed as a value.

/// Quotes an identifier with double quotes.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Names a table of a schema.
pub(super) fn table(schema: &str, name: &str) -> String {
    format!("{}.{}", ident(schema), ident(name))
}

/// Quotes a text that is passed as a value; `connect` sees to it that backslashes mean nothing.
pub(super) fn text(value: &str) -> String {
    format!("'{}'", value.replace('\'', "''"))
}

#[cfg(test)]
mod tests {
    use super::{ident, table, text};

    #[test]
    fn tables_and_texts() {
        assert_eq!(table("s\"", "T"), "\"s\"\"\".\"T\"");
        assert_eq!(text("it's \\"), "'it''s \\'");
    }

    #[test]
    fn identifiers() {
        for (name, quoted) in [("orders", "\"orders\""), ("a\"b", "\"a\"\"b\""), ("A ;--", "\"A ;--\"")] {
            assert_eq!(ident(name), quoted);
        }
    }
}
