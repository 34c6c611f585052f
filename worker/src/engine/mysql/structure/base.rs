//! The statement that makes a table with no more than its rows need: the primary key,
//! the key that rows are addressed by, the key of an AUTO_INCREMENT column (error 1075
//! otherwise), CHECK constraints and partitions.
//!
//! Where the source's server leaves a collation out because it is its default, it is
//! written out: the target's default may be another. `DATA DIRECTORY`,
//! `INDEX DIRECTORY` and `TABLESPACE` are left out: they name places of the source's host.

use super::super::super::Result;
use super::super::super::shape::{Column, TableShape};
use super::super::quote::ident;
use super::dialect::{Dialect, Said};
use super::parse::{Definition, KeyItem};
use super::scan::{Kind, Token, tokens};

/// A definition's parts in the target's words.
#[derive(Debug, Default)]
pub(super) struct Parts {
    /// Columns' names and items.
    pub(super) columns: Vec<(String, String)>,
    /// Keys that the table is made with.
    pub(super) kept: Vec<String>,
    /// The others' names and items.
    pub(super) keys: Vec<(String, String)>,
    /// CHECK constraints, periods.
    pub(super) others: Vec<String>,
    options: String,
    /// What the target does not hold the rows to.
    pub(super) loses: Vec<String>,
}

impl Parts {
    /// The parts; `None` when the definition holds an unclosed quote.
    pub(super) fn of(table: &TableShape, definition: &Definition, dialect: Dialect) -> Result<Option<Self>> {
        let mut parts = Self::default();
        for item in &definition.columns {
            let column = table.columns.iter().find(|c| c.name == item.name);
            let Some(text) = collated(&item.text, column) else { return Ok(None) };
            let said = dialect.column(&table.name, &item.name, &text, column)?;
            parts.columns.extend(parts.loses.heard(said).map(|text| (item.name.clone(), text)));
        }
        let kept: Vec<&str> = kept_keys(table, definition).map(|key| key.name.as_str()).collect();
        for key in &definition.keys {
            let said = dialect.key(&table.name, &key.name, &key.text)?;
            let Some(text) = parts.loses.heard(said) else { continue };
            match kept.contains(&key.name.as_str()) {
                true => parts.kept.push(text),
                false => parts.keys.push((key.name.clone(), text)),
            }
        }
        for other in &definition.others {
            let said = dialect.other(&table.name, other)?;
            parts.others.extend(parts.loses.heard(said));
        }
        let own = dialect.options(&table.name, &definition.options, &table.columns)?;
        let Some(options) = options(table, &own) else { return Ok(None) };
        Ok(Some(Self { options, ..parts }))
    }

    /// The statement that makes the table, without foreign keys.
    pub(super) fn statement(&self, name: &str, extent: Extent) -> String {
        let columns = self.columns.iter().map(|(_, text)| text);
        let keys = self.keys.iter().map(|(_, text)| text).filter(|_| extent == Extent::Whole);
        let others = self.others.iter().filter(|text| extent != Extent::Bare || check(text).is_none());
        let items = columns.chain(&self.kept).chain(keys).chain(others).cloned().collect::<Vec<_>>();
        format!("CREATE TABLE {} (\n  {}\n) {}", ident(name), items.join(",\n  "), self.options)
    }

    /// What a table is without at [`Extent::Bare`]: its name, and what adds it.
    pub(super) fn apart(&self) -> impl Iterator<Item = (String, &str)> {
        let keys = self.keys.iter().map(|(name, text)| (format!("index {}", ident(name)), text.as_str()));
        let checks = self.others.iter().filter_map(|text| {
            let name = check(text)?;
            Some((format!("constraint {}", ident(&name)), text.as_str()))
        });
        keys.chain(checks)
    }
}

/// How much of a table is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// What rows cannot be without.
    Rows,
    /// All but foreign keys.
    Whole,
    /// As [`Extent::Rows`], and no CHECK.
    Bare,
}

/// The name of a CHECK constraint.
fn check(text: &str) -> Option<String> {
    let all = tokens(text)?;
    let at = all.iter().position(|token| token.is_word(text, "CHECK"))?;
    match at {
        0 => Some(String::new()),
        2 => all.get(1)?.name(text),
        _ => None,
    }
}

/// Notes what a part loses, and resources on its text.
trait Heard {
    fn heard(&mut self, said: Said) -> Option<String>;
}

impl Heard for Vec<String> {
    fn heard(&mut self, said: Said) -> Option<String> {
        self.extend(said.loses);
        said.text
    }
}

/// The keys that the table is made with: those that it needs, and what stands before them.
pub(super) fn kept_keys<'a>(
    table: &'a TableShape,
    definition: &'a Definition,
) -> impl Iterator<Item = &'a KeyItem> {
    let addressing = table.key.as_ref().map(|key| key.name.as_str());
    // A union gets no index later, since it gets no rows.
    let is_union = table.storage.eq_ignore_ascii_case("MRG_MyISAM");
    let kept =
        move |key: &KeyItem| is_union || key.name == "PRIMARY" || Some(key.name.as_str()) == addressing;
    let counter = table.columns.iter().find(|c| c.auto_increment).map(|c| c.name.as_str());
    let leads = move |key: &KeyItem| key.parts.first().is_some_and(|p| p.column.as_deref() == counter);
    let holds = move |key: &KeyItem| key.parts.iter().any(|p| p.column.as_deref() == counter);
    let counting = counter.and_then(|_| {
        let by = |fits: &dyn Fn(&KeyItem) -> bool| {
            let mut fitting = definition.keys.iter().filter(|k| fits(k));
            fitting.clone().find(|k| kept(k)).or_else(|| fitting.next()).map(|k| k.name.as_str())
        };
        by(&leads).or_else(|| by(&holds))
    });
    let needed = move |key: &KeyItem| kept(key) || Some(key.name.as_str()) == counting;
    // A server tells keys in the order in which they were added, unique ones first: those before one
    // that is needed are there with it, so that the copy tells them as the source does.
    let last = definition.keys.iter().rposition(|key| !key.unique && needed(key));
    definition.keys.iter().enumerate().filter_map(move |(at, key)| {
        (needed(key) || !key.unique && last.is_some_and(|last| at < last)).then_some(key)
    })
}

/// The column's item with its collation written out.
fn collated(text: &str, column: Option<&Column>) -> Option<String> {
    let all = tokens(text)?;
    let Some(collation) = column.and_then(|c| c.collation.as_deref()) else {
        return Some(text.to_owned());
    };
    let mut depth = 0_i32;
    for (at, token) in all.iter().enumerate() {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            _ => {}
        }
        // What follows may hold a CHARACTER SET of its own.
        if depth == 0 && (token.is_word(text, "DEFAULT") || token.is_word(text, "GENERATED")) {
            break;
        }
        let names_charset = depth == 0
            && token.is_word(text, "CHARACTER")
            && all.get(at + 1).is_some_and(|t| t.is_word(text, "SET"));
        if names_charset {
            let charset = all.get(at + 2)?;
            let written = all.get(at + 3).is_some_and(|t| t.is_word(text, "COLLATE"));
            return Some(match written {
                true => text.to_owned(),
                false => {
                    format!("{} COLLATE {}{}", &text[..charset.to], ident(collation), &text[charset.to..])
                }
            });
        }
    }
    Some(text.to_owned())
}

/// The table's options, collation written out, places of the source's host left out.
fn options(table: &TableShape, text: &str) -> Option<String> {
    let all = tokens(text)?;
    let word = |at: usize, word: &str| all.get(at).is_some_and(|t: &Token| t.is_word(text, word));
    let mut kept = String::with_capacity(text.len());
    let mut from = 0;
    let mut at = 0;
    while at < all.len() {
        let (is_place, words) = match () {
            () if (word(at, "DATA") || word(at, "INDEX")) && word(at + 1, "DIRECTORY") => (true, 2),
            () if word(at, "TABLESPACE") => (true, 1),
            () => (false, 1),
        };
        if is_place {
            let equals = usize::from(all.get(at + words).is_some_and(|t| t.kind == Kind::Mark(b'=')));
            let value = all.get(at + words + equals)?;
            kept.push_str(&text[from..all[at].from]);
            from = value.to;
            at += words + equals + 1;
            continue;
        }
        if word(at, "CHARSET") && !table.collation.is_empty() {
            let charset = all.get(at + 2)?;
            if !word(at + 3, "COLLATE") {
                kept.push_str(&text[from..charset.to]);
                kept.push_str(" COLLATE=");
                // `binary` is a reserved word to MySQL 5.7, and may be one here elsewhere.
                kept.push_str(&ident(&table.collation));
                from = charset.to;
            }
        }
        at += 1;
    }
    kept.push_str(&text[from..]);
    Some(kept)
}

/// The statement in words that older servers and the other flavour know too; `None` when
/// it is the same.
pub(super) fn with_older_names(statement: &str) -> Option<String> {
    const NEWER: [(&str, &str); 2] = [("utf8mb3_", "utf8_"), ("geomcollection", "geometrycollection")];
    let mut older = String::with_capacity(statement.len());
    let mut from = 0;
    let all = tokens(statement)?;
    for (at, token) in all.iter().enumerate() {
        // A name in quotes is a collation after COLLATE only.
        let before = at.checked_sub(1).map(|before| all[before]);
        let before =
            before.filter(|t| t.kind == Kind::Mark(b'=')).and(at.checked_sub(2)).or(at.checked_sub(1));
        let (word, skipped) = match token.kind {
            Kind::Word => (token.of(statement), 0),
            Kind::Name if before.is_some_and(|at| all[at].is_word(statement, "COLLATE")) => {
                (&token.of(statement)[1..], 1)
            }
            _ => continue,
        };
        if let Some((new, old)) = NEWER.iter().find(|(new, _)| word.starts_with(new)) {
            older.push_str(&statement[from..token.from + skipped]);
            older.push_str(old);
            from = token.from + skipped + new.len();
        }
    }
    older.push_str(&statement[from..]);
    (from > 0).then_some(older)
}
