//! Defaults: MySQL wants parentheses around one that is computed, and around any of a column
//! that can be long; MariaDB writes neither.

use super::super::super::super::shape::{Column, Family};
use super::super::scan::{Kind, Token, tokens};
use super::Dialect;

/// The first release of MySQL that computes defaults.
const COMPUTED: u32 = 80_013;

impl Dialect {
    /// A column's item with its default as the server takes it.
    pub(super) fn default_of(self, text: &str, column: Option<&Column>) -> String {
        let found = tokens(text).filter(|_| self.is_mysql(COMPUTED)).and_then(|all| expression(text, &all));
        let (Some(column), Some((from, to))) = (column, found) else { return text.to_owned() };
        let value = &text[from..to];
        let long = matches!(column.family, Family::LongText | Family::Blob | Family::Json | Family::Geometry);
        let is_null = value.eq_ignore_ascii_case("NULL");
        if is_null || !long && is_plain(value, column) || is_enclosed(value) {
            return text.to_owned();
        }
        format!("{}({value}){}", &text[..from], &text[to..])
    }
}

/// Where the default's expression stands.
fn expression(text: &str, all: &[Token]) -> Option<(usize, usize)> {
    const ENDS: [&str; 7] =
        ["ON", "AUTO_INCREMENT", "COMMENT", "CHECK", "INVISIBLE", "COLLATE", "REFERENCES"];
    let mut depth = 0_i32;
    let mut first = None;
    let mut last = None;
    for (at, token) in all.iter().enumerate() {
        let ends = depth == 0
            && (matches!(token.kind, Kind::Comment | Kind::Name)
                || ENDS.iter().any(|word| token.is_word(text, word)));
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        match first {
            None if depth == 0 && token.is_word(text, "DEFAULT") => first = Some(at + 1),
            Some(start) if at > start && ends => break,
            Some(_) => last = Some(at),
            None => {}
        }
    }
    Some((all.get(first?)?.from, all.get(last?)?.to))
}

/// Whether it is a value, or the moment of a column that keeps moments.
fn is_plain(value: &str, column: &Column) -> bool {
    let all = tokens(value).unwrap_or_default();
    let number = |token: &Token| token.of(value).starts_with(|c: char| c.is_ascii_digit());
    let literal = |token: &Token| {
        ["TRUE", "FALSE", "NULL"].iter().any(|word| token.is_word(value, word)) || number(token)
    };
    match &all[..] {
        [one] => one.kind == Kind::Text || literal(one) || is_moment(one.of(value), column),
        [sign, one] if matches!(sign.kind, Kind::Mark(b'-' | b'+')) => number(one),
        // x'ff', b'101', _latin1'a'
        [head, one] => head.kind == Kind::Word && head.to == one.from && one.kind == Kind::Text,
        [name, ..] => is_moment(name.of(value), column),
        [] => true,
    }
}

fn is_moment(name: &str, column: &Column) -> bool {
    let keeps = ["timestamp", "datetime"].iter().any(|kind| column.full_type.starts_with(kind));
    keeps && name.eq_ignore_ascii_case("current_timestamp")
}

fn is_enclosed(value: &str) -> bool {
    let all = tokens(value).unwrap_or_default();
    let mut depth = 0_i32;
    for (at, token) in all.iter().enumerate() {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at > 0 && at + 1 == all.len();
        }
    }
    false
}
