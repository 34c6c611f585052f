//! The one function that quotes an identifier, and literals.
/// Quotes an identifier with backticks.
pub(super) fn ident(name: &str) -> String {
    format!("`{}`", name.replace('`', "``"))
}
