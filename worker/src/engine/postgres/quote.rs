//! The one function that quotes an identifier.

/// Quotes an identifier with double quotes.
pub(super) fn ident(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::ident;

    #[test]
    fn identifiers() {
        for (name, quoted) in [("orders", "\"orders\""), ("a\"b", "\"a\"\"b\""), ("A ;--", "\"A ;--\"")] {
            assert_eq!(ident(name), quoted);
        }
    }
}
