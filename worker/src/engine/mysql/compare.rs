//! Whether two tables' structures fit: rows of the one can be stored in the other
//! unchanged and be found there by the same key.
//!
//! What does not touch that is no difference: the columns' order (every statement names
//! its columns), defaults, comments, other indexes than unique ones, foreign keys, the
//! storage engine. Spellings that mean the same are made equal first: `int(11)` and
//! `int`, `utf8` and `utf8mb3`.

use std::collections::BTreeSet;

use super::super::difference::{Change, Difference};
use super::super::shape::{Column, Family, Key, TableShape};
use super::structure::scan::{Kind, Token, tokens};

/// What differs; empty where rows of the one can be rows of the other.
pub(super) fn compare(source: &TableShape, target: &TableShape) -> Vec<Difference> {
    let mut found = Vec::new();
    for column in &source.columns {
        match target.columns.iter().find(|c| same_name(&c.name, &column.name)) {
            Some(other) => column_differences(column, other, &mut found),
            None => found.push(Change::ColumnMissing(column.name.clone(), column.full_type.clone())),
        }
    }
    for column in &target.columns {
        if !source.columns.iter().any(|c| same_name(&c.name, &column.name)) {
            found.push(Change::ColumnSurplus(column.name.clone(), column.full_type.clone()));
        }
    }
    key_differences(source, target, &mut found);
    found.into_iter().map(|change| Difference { table: source.name.clone(), change }).collect()
}

/// Column names ignore case, on every server and file system.
fn same_name(one: &str, other: &str) -> bool {
    one == other || one.to_lowercase() == other.to_lowercase()
}

fn column_differences(source: &Column, target: &Column, found: &mut Vec<Change>) {
    let mut differ = |part, here: &str, there: &str| {
        let (name, source, target) = (source.name.clone(), here.to_owned(), there.to_owned());
        found.push(Change::Column { name, part, source, target });
    };
    // MariaDB's JSON is a text with a check; MySQL writes its own out alike each time.
    if source.family == Family::Json && !source.generated && is_json_text(target) {
        if source.nullable != target.nullable {
            differ("the column", null_word(source), null_word(target));
        }
        return;
    }
    let (here, there) = (normal_type(source), normal_type(target));
    if here != there || source.family != target.family {
        differ("the type", &source.full_type, &target.full_type);
    }
    if source.nullable != target.nullable {
        differ("the column", null_word(source), null_word(target));
    }
    let (here, there) = (charset(source), charset(target));
    if here != there {
        differ("the character set", or_none(&here), or_none(&there));
    }
    let (here, there) = (collation(source), collation(target));
    if here != there {
        differ("the collation", or_none(&here), or_none(&there));
    }
    if source.generated != target.generated {
        differ("the column", generated_word(source), generated_word(target));
    } else if source.generated && essence(source) != essence(target) {
        let words = |c: &Column| c.expression.clone().unwrap_or_default();
        differ("the expression", &words(source), &words(target));
    }
    if source.auto_increment != target.auto_increment {
        let word = |c: &Column| if c.auto_increment { "AUTO_INCREMENT" } else { "not AUTO_INCREMENT" };
        differ("the column", word(source), word(target));
    }
}

fn key_differences(source: &TableShape, target: &TableShape, found: &mut Vec<Change>) {
    let (here, there) = (uniques(source), uniques(target));
    if let Some(key) = &source.key
        && !there.contains(&key_columns(source, key))
    {
        let its_own = target.key.as_ref().map(|key| names(target, key));
        found.push(Change::Key(names(source, key), its_own));
    }
    let addressing = source.key.as_ref().map(|key| key_columns(source, key));
    for key in here.difference(&there).filter(|key| Some(*key) != addressing.as_ref()) {
        found.push(Change::UniqueMissing(key.iter().cloned().collect()));
    }
    for key in there.difference(&here) {
        found.push(Change::UniqueSurplus(key.iter().cloned().collect()));
    }
}

/// What each unique key, the addressing one included, keeps apart; order is irrelevant.
fn uniques(table: &TableShape) -> BTreeSet<BTreeSet<String>> {
    let secondary = table
        .indexes
        .iter()
        .filter(|i| i.unique)
        .map(|index| index.columns.iter().map(|c| c.trim_end_matches(" desc").to_lowercase()).collect());
    secondary.chain(table.key.iter().map(|key| key_columns(table, key))).collect()
}

fn key_columns(table: &TableShape, key: &Key) -> BTreeSet<String> {
    key.columns.iter().map(|&at| table.columns[at].name.to_lowercase()).collect()
}

fn names(table: &TableShape, key: &Key) -> Vec<String> {
    key.columns.iter().map(|&at| table.columns[at].name.clone()).collect()
}

/// The type without the display width that some servers write and others do not; with
/// ZEROFILL the width is part of the value.
fn normal_type(column: &Column) -> String {
    const WITH_WIDTH: [&str; 6] = ["tinyint", "smallint", "mediumint", "int", "bigint", "year"];
    let full = column.full_type.as_str();
    let bare = full.split_once('(').map_or(full, |(bare, _)| bare);
    if WITH_WIDTH.contains(&bare) && !full.contains("zerofill") {
        return match full.split_once(')') {
            Some((_, rest)) => format!("{bare}{rest}"),
            None => full.to_owned(),
        };
    }
    if full == "geomcollection" { "geometrycollection".to_owned() } else { full.to_owned() }
}

fn is_json_text(column: &Column) -> bool {
    column.family == Family::LongText
        && column.full_type == "longtext"
        && column.collation.as_deref() == Some("utf8mb4_bin")
        && !column.generated
}

fn charset(column: &Column) -> Option<String> {
    let name = column.charset.as_deref()?;
    Some(if name == "utf8" { "utf8mb3".to_owned() } else { name.to_owned() })
}

fn collation(column: &Column) -> Option<String> {
    let name = column.collation.as_deref()?;
    Some(name.strip_prefix("utf8_").map_or_else(|| name.to_owned(), |rest| format!("utf8mb3_{rest}")))
}

fn or_none(name: &Option<String>) -> &str {
    name.as_deref().unwrap_or("none")
}

fn null_word(column: &Column) -> &'static str {
    if column.nullable { "nullable" } else { "NOT NULL" }
}

fn generated_word(column: &Column) -> &'static str {
    if column.generated { "generated" } else { "not generated" }
}

/// What of an expression every flavour prints alike: names, texts, numbers, operators.
/// Parentheses, introducers and the names of functions differ (`length` is
/// `octet_length` to MariaDB), and a false alarm would stop every later sync.
fn essence(column: &Column) -> Option<Vec<String>> {
    let text = column.expression.as_deref()?;
    let essential = |token: &Token| {
        let word = token.of(text);
        match token.kind {
            Kind::Name => token.name(text),
            Kind::Text => Some(word[1..word.len() - 1].replace("''", "'").replace('\\', "")),
            Kind::Word if word.starts_with(|c: char| c.is_ascii_digit()) => Some(word.to_owned()),
            // MariaDB writes `a` MOD 2, MySQL `a` % 2, whichever of both it was given.
            Kind::Word if word.eq_ignore_ascii_case("mod") => Some("%".to_owned()),
            Kind::Mark(b'(' | b')' | b',') | Kind::Word | Kind::Comment => None,
            Kind::Mark(_) => Some(word.to_owned()),
        }
    };
    Some(tokens(text)?.iter().filter_map(essential).collect())
}

#[cfg(test)]
mod tests;
