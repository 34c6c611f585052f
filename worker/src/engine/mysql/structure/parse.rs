//! `SHOW CREATE TABLE` taken apart: columns, keys, foreign keys, the rest, the options.
//!
//! The list in the outer parentheses is split at its top-level commas; each item is
//! known by its first words. An item's text is kept as the server wrote it, so whatever is not one
//! part of one statement is of no known form.

use super::scan::{Kind, Token, is_one_part, tokens};

/// A definition's parts.
#[derive(Debug, Default)]
pub(in super::super) struct Definition {
    pub(in super::super) columns: Vec<ColumnItem>,
    pub(in super::super) keys: Vec<KeyItem>,
    pub(in super::super) foreign_keys: Vec<ForeignKeyItem>,
    /// CHECK constraints, periods.
    pub(in super::super) others: Vec<String>,
    /// Everything after the closing parenthesis.
    pub(in super::super) options: String,
}

/// A column's item.
#[derive(Debug)]
pub(in super::super) struct ColumnItem {
    pub(in super::super) name: String,
    /// What a generated column is computed from, without the outer parentheses.
    pub(in super::super) expression: Option<String>,
    /// It is the start or the end of a row's time in a table with history.
    pub(in super::super) is_bound: bool,
    pub(in super::super) text: String,
}

/// A key's item.
#[derive(Debug)]
pub(in super::super) struct KeyItem {
    /// `PRIMARY` for the primary key.
    pub(in super::super) name: String,
    pub(in super::super) unique: bool,
    /// The word before KEY: `FULLTEXT`, `SPATIAL`, `VECTOR`; or what USING says.
    pub(in super::super) method: Option<String>,
    pub(in super::super) parts: Vec<KeyPart>,
    pub(in super::super) text: String,
}

/// A part of a key.
#[derive(Debug, PartialEq, Eq)]
pub(in super::super) struct KeyPart {
    /// The column; `None` for an expression and whatever else is no column.
    pub(in super::super) column: Option<String>,
    /// Only this many characters or bytes of it.
    pub(in super::super) prefix: Option<u32>,
    pub(in super::super) descending: bool,
    /// `a(10) desc`, or the expression.
    pub(in super::super) text: String,
}

/// A foreign key's item.
#[derive(Debug)]
pub(in super::super) struct ForeignKeyItem {
    pub(in super::super) name: String,
    pub(in super::super) columns: Vec<String>,
    pub(in super::super) parent_schema: Option<String>,
    pub(in super::super) parent: String,
    pub(in super::super) parent_columns: Vec<String>,
    pub(in super::super) on_update: String,
    pub(in super::super) on_delete: String,
    pub(in super::super) text: String,
}

/// Takes a definition apart; `None` when it is not of the known form.
pub(in super::super) fn parse(text: &str) -> Option<Definition> {
    let all = tokens(text)?;
    let open = all.iter().position(|t| t.kind == Kind::Mark(b'('))?;
    let mut parsed = Definition::default();
    let mut item_from = open + 1;
    let mut depth = 1_u32;
    for (at, token) in all.iter().enumerate().skip(open + 1) {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && token.kind == Kind::Mark(b',') {
            parsed.take(text, all.get(item_from..at)?)?;
            item_from = at + 1;
        }
        if depth == 0 {
            text[token.to..].trim().clone_into(&mut parsed.options);
            return is_one_part(text, &all[at + 1..]).then_some(parsed);
        }
    }
    None
}

impl Definition {
    fn take(&mut self, text: &str, item: &[Token]) -> Option<()> {
        let (first, last) = (item.first()?, item.last()?);
        if !is_one_part(text, item) {
            return None;
        }
        let whole = text[first.from..last.to].to_owned();
        let word = |at: usize, word: &str| item.get(at).is_some_and(|t| t.is_word(text, word));
        if let Some(name) = first.name(text) {
            let is_bound = is_bound(text, item);
            self.columns.push(ColumnItem { name, expression: expression(text, item), is_bound, text: whole });
        } else if word(0, "CONSTRAINT") && word(2, "FOREIGN") {
            self.foreign_keys.push(foreign_key(text, item, whole)?);
        } else if let Some(at) = (0..3).find(|&at| word(at, "KEY")) {
            self.keys.push(key(text, item, at, whole)?);
        } else {
            self.others.push(whole);
        }
        Some(())
    }
}

/// `GENERATED ALWAYS AS (…)`; the words in a default or a comment are never bare.
fn expression(text: &str, item: &[Token]) -> Option<String> {
    let word = |at: usize, word: &str| item.get(at).is_some_and(|t| t.is_word(text, word));
    let at = (0..item.len()).find(|&at| word(at, "GENERATED") && word(at + 1, "ALWAYS"))?;
    let (_, end) = list(item, at + 3)?;
    Some(text[item[at + 3].to..item[end - 1].from].to_owned())
}

/// `GENERATED ALWAYS AS ROW START`, or `ROW END`: MariaDB writes the system's time there.
fn is_bound(text: &str, item: &[Token]) -> bool {
    let word = |token: &Token, word: &str| token.is_word(text, word);
    item.windows(5).any(|at| {
        word(&at[0], "GENERATED") && word(&at[3], "ROW") && (word(&at[4], "START") || word(&at[4], "END"))
    })
}

fn key(text: &str, item: &[Token], at: usize, whole: String) -> Option<KeyItem> {
    let kind = (at > 0).then(|| item[at - 1].of(text).to_ascii_uppercase());
    let primary = kind.as_deref() == Some("PRIMARY");
    let (name, list_from) =
        if primary { ("PRIMARY".to_owned(), at + 1) } else { (item.get(at + 1)?.name(text)?, at + 2) };
    let (parts, end) = list(item, list_from)?;
    let using = (end..item.len())
        .find(|&i| item[i].is_word(text, "USING"))
        .and_then(|i| item.get(i + 1))
        .map(|method| method.of(text).to_ascii_uppercase());
    Some(KeyItem {
        name,
        unique: primary || kind.as_deref() == Some("UNIQUE"),
        method: kind.filter(|k| k != "UNIQUE" && k != "PRIMARY").or(using),
        parts: parts.into_iter().map(|part| key_part(text, part)).collect(),
        text: whole,
    })
}

fn key_part(text: &str, part: &[Token]) -> KeyPart {
    let whole = match (part.first(), part.last()) {
        (Some(first), Some(last)) => text[first.from..last.to].to_owned(),
        _ => String::new(),
    };
    let descending = part.last().is_some_and(|t| t.is_word(text, "DESC"));
    let ordered = descending || part.last().is_some_and(|t| t.is_word(text, "ASC"));
    let body = if ordered { &part[..part.len() - 1] } else { part };
    let (column, prefix) = match body {
        [name] => (name.name(text), None),
        [name, open, length, _] if open.kind == Kind::Mark(b'(') => {
            (name.name(text), length.of(text).parse().ok())
        }
        _ => (None, None),
    };
    let order = if descending { " desc" } else { "" };
    let normal = match (&column, prefix) {
        (Some(name), Some(length)) => format!("{name}({length}){order}"),
        (Some(name), None) => format!("{name}{order}"),
        (None, _) => whole,
    };
    KeyPart { column, prefix, descending, text: normal }
}

/// The items of a parenthesised list that opens at `at`, and the index past its end.
fn list(item: &[Token], at: usize) -> Option<(Vec<&[Token]>, usize)> {
    if item.get(at)?.kind != Kind::Mark(b'(') {
        return None;
    }
    let (mut parts, mut from, mut depth) = (Vec::new(), at + 1, 0_u32);
    for (i, token) in item.iter().enumerate().skip(at) {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        if depth == 0 || depth == 1 && token.kind == Kind::Mark(b',') {
            parts.push(&item[from..i]);
            from = i + 1;
        }
        if depth == 0 {
            return Some((parts, i + 1));
        }
    }
    None
}

fn names(text: &str, parts: &[&[Token]]) -> Option<Vec<String>> {
    parts.iter().map(|part| part.first()?.name(text)).collect()
}

fn foreign_key(text: &str, item: &[Token], whole: String) -> Option<ForeignKeyItem> {
    let (columns, references) = list(item, 4)?;
    let first = item.get(references + 1)?.name(text)?;
    let qualified = item.get(references + 2)?.of(text) == ".";
    let (parent_schema, parent, list_from) = if qualified {
        (Some(first), item.get(references + 3)?.name(text)?, references + 4)
    } else {
        (None, first, references + 2)
    };
    let (parent_columns, end) = list(item, list_from)?;
    let rule = |event: &str| {
        (end..item.len().saturating_sub(1))
            .find(|&i| item[i].is_word(text, "ON") && item[i + 1].is_word(text, event))
            .map_or_else(|| "RESTRICT".to_owned(), |i| action(text, &item[i + 2..]))
    };
    Some(ForeignKeyItem {
        name: item.get(1)?.name(text)?,
        columns: names(text, &columns)?,
        parent_schema,
        parent,
        parent_columns: names(text, &parent_columns)?,
        on_update: rule("UPDATE"),
        on_delete: rule("DELETE"),
        text: whole,
    })
}

fn action(text: &str, rest: &[Token]) -> String {
    let word = |at: usize| rest.get(at).map_or("", |t| t.of(text)).to_ascii_uppercase();
    match word(0).as_str() {
        first @ ("SET" | "NO") => format!("{first} {}", word(1)),
        // To the storage engine NO ACTION and RESTRICT are one.
        only => only.to_owned(),
    }
}
