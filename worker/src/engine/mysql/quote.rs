//! The one function that quotes an identifier, and the one that quotes a name passed as a
//! value.
//!
//! Invariants: identifiers reach a statement through [`ident`] only; both rely on the
//! settings that `connect` fixes right after login: `utf8mb4` statements, no
//! `NO_BACKSLASH_ESCAPES`. Deliberately not here: values of cells, which are never text
//! literals (`row`, `literal`).

pub(super) mod literal;

/// Quotes an identifier with backticks.
pub(super) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}

/// Quotes several identifiers, parted by commas.
pub(super) fn idents<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(ident).collect::<Vec<_>>().join(", ")
}

/// Quotes a name (of a table, a schema, a lock) as a string literal.
pub(super) fn text(value: &str) -> String {
    let mut quoted = String::with_capacity(value.len() + 2);
    quoted.push('\'');
    for character in value.chars() {
        match character {
            '\'' => quoted.push_str("''"),
            '\\' => quoted.push_str("\\\\"),
            '\0' => quoted.push_str("\\0"),
            other => quoted.push(other),
        }
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::{ident, idents, text};

    #[test]
    fn identifiers() {
        for (name, quoted) in [
            ("orders", "`orders`"),
            ("a`b", "`a``b`"),
            ("größe, ; -- '\"", "`größe, ; -- '\"`"),
            ("line\nend", "`line\nend`"),
        ] {
            assert_eq!(ident(name), quoted);
        }
        assert_eq!(idents(["a", "b`"]), "`a`, `b```");
    }

    #[test]
    fn texts() {
        for (value, quoted) in [("a", "'a'"), ("it's", "'it''s'"), ("a\\", "'a\\\\'"), ("%_\"", "'%_\"'")] {
            assert_eq!(text(value), quoted);
        }
    }
}
