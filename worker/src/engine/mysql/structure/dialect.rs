//! Words of a definition that only some servers read.
//!
//! A server passes over a comment of a version that is not its own (`/*!80023 INVISIBLE */`)
//! without a word, and the table would be another one. So each such comment that the target
//! passes over is understood here first: said in the target's words where it has them, taken
//! off where it changes nothing about rows and what may be stored, else refused by name.
//! Plain words of one flavour that the other has by another name are translated as well;
//! those it has not are left in: the target refuses them by itself.

mod defaults;
mod options;

use longshore_shared::domain::failure::{Failure, FailureCode};

use super::super::super::Result;
use super::super::super::shape::{Column, Flavour, Server};
use super::super::quote::ident;
use super::scan::{Kind, Token, tokens};

/// The first release of MySQL that knows CHECK.
const CHECKS: u32 = 80_016;
const NO_CHECKS: &str = "the target does not know CHECK, and takes any value";
/// The first release of MySQL that knows invisible columns.
const INVISIBLE_COLUMNS: u32 = 80_023;
/// The first releases that know invisible indexes.
const INVISIBLE_KEYS: u32 = 80_000;
const IGNORED_KEYS: u32 = 100_600;

/// What a server reads.
#[derive(Clone, Copy, Debug)]
pub(super) struct Dialect {
    mariadb: bool,
    /// Its version as comments have it: 8.0.23 is 80023.
    number: u32,
}

/// A part of a definition in the target's words.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The part; `None`: it is left out, as it has no effect.
    pub(super) text: Option<String>,
    /// What the target does not hold the rows to.
    pub(super) loses: Option<String>,
}

/// What becomes of a comment that the target passes over.
enum Fate {
    Off,
    /// These words stand for it.
    Instead(String),
    /// These words, right after the column's type.
    OfType(String),
    /// The whole part has no effect.
    Void,
    Refused,
}

/// An executed comment: its head, what is in it, its end, as positions among the tokens.
struct Versioned {
    head: usize,
    end: usize,
}

impl Dialect {
    pub(super) fn of(info: &Server) -> Self {
        let mut parts =
            info.version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse().unwrap_or(0));
        let mut next = |most: u32| parts.next().unwrap_or(0_u32).min(most);
        let number = next(999) * 10_000 + next(99) * 100 + next(99);
        Self { mariadb: info.flavour == Flavour::Mariadb, number }
    }

    /// Whether the server reads what stands in the comment with this head.
    fn reads(self, head: &str) -> bool {
        let number = |digits: &str| digits.parse::<u32>().unwrap_or(0);
        if let Some(digits) = head.strip_prefix("/*M!") {
            return self.mariadb && number(digits) <= self.number;
        }
        let version = number(head.trim_start_matches("/*!"));
        // MariaDB passes over what only MySQL 5.7 and newer have.
        version <= self.number && !(self.mariadb && (50_700..100_000).contains(&version))
    }

    fn is_mysql(self, from: u32) -> bool {
        !self.mariadb && self.number >= from
    }

    /// Whether the part has a CHECK that the server reads, and keeps nothing of.
    fn passes_over_check(self, text: &str) -> bool {
        let knows = self.mariadb || self.number >= CHECKS;
        !knows && outer(text).iter().any(|token| token.is_word(text, "CHECK"))
    }

    /// A column's item.
    pub(super) fn column(self, table: &str, name: &str, text: &str, column: Option<&Column>) -> Result<Said> {
        let what = format!("column {}", ident(name));
        let mut said = self.comments(table, &what, text, |words| match words {
            ["INVISIBLE"] if self.mariadb => Fate::Instead("INVISIBLE".to_owned()),
            ["SRID", number] if self.mariadb => Fate::OfType(format!(" REF_SYSTEM_ID={number}")),
            [
                "SRID" | "COLUMN_FORMAT" | "STORAGE" | "ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE_ATTRIBUTE",
                ..,
            ] => Fate::Off,
            ["COMPRESSED", ..] => Fate::Off,
            _ => Fate::Refused,
        })?;
        // REF_SYSTEM_ID is a note: MariaDB takes values of any other SRID.
        if contains_comment(text, "SRID") && !contains_comment(said.of(), "SRID") {
            said.loses = Some(format!("{what}: the target does not hold its values to their SRID"));
        } else if self.passes_over_check(text) {
            said.loses = Some(format!("{what}: {NO_CHECKS}"));
        }
        if !self.mariadb {
            said.text = Some(self.options_off(&self.default_of(said.of(), column)));
        }
        if !self.mariadb && self.number < INVISIBLE_COLUMNS && self.is_hidden(said.of()) {
            return Err(unknown(table, &what, "INVISIBLE"));
        }
        Ok(said)
    }

    /// Whether a column's item says INVISIBLE, as MariaDB writes it.
    fn is_hidden(self, text: &str) -> bool {
        outer(text).iter().any(|token| token.is_word(text, "INVISIBLE"))
    }

    /// A key's item, or the clause that adds it.
    pub(super) fn key(self, table: &str, name: &str, text: &str) -> Result<Said> {
        let hidden = match () {
            () if self.mariadb && self.number >= IGNORED_KEYS => Some("IGNORED"),
            () if self.is_mysql(INVISIBLE_KEYS) => Some("INVISIBLE"),
            () => None,
        };
        let mut said =
            self.comments(table, &format!("index {}", ident(name)), text, |words| match words {
                // An index that nobody sees is kept, too, by a server that would show it.
                ["INVISIBLE"] => hidden.map_or(Fate::Off, |word| Fate::Instead(word.to_owned())),
                ["ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE_ATTRIBUTE", ..] => Fate::Off,
                _ => Fate::Refused,
            })?;
        if !self.mariadb {
            let text = self.options_off(said.of());
            let word = outer(&text).into_iter().find(|token| token.is_word(&text, "IGNORED"));
            said.text = Some(match word {
                Some(word) => {
                    format!("{}{}{}", &text[..word.from], hidden.unwrap_or_default(), &text[word.to..])
                }
                None => text,
            });
        }
        Ok(said)
    }

    /// A CHECK constraint, a period.
    pub(super) fn other(self, table: &str, text: &str) -> Result<Said> {
        let name = tokens(text).and_then(|all| all.get(1)?.name(text)).unwrap_or_default();
        let what = format!("constraint {}", ident(&name));
        let mut said = self.comments(table, &what, text, |words| match words {
            ["NOT", "ENFORCED"] => Fate::Void,
            _ => Fate::Refused,
        })?;
        if said.text.is_some() && self.passes_over_check(text) {
            said.loses = Some(format!("{what}: {NO_CHECKS}"));
        }
        // MariaDB counts the nameless ones in each table; to MySQL a name is the schema's.
        if let (false, Some(own)) =
            (self.mariadb, said.text.as_deref().and_then(|text| text.split_once(" CHECK")))
            && name.strip_prefix("CONSTRAINT_").is_some_and(|rest| rest.bytes().all(|b| b.is_ascii_digit()))
        {
            said.text = Some(format!("CHECK{}", own.1));
        }
        Ok(said)
    }

    /// What follows the list of a table's columns.
    pub(super) fn options(self, table: &str, text: &str, columns: &[Column]) -> Result<String> {
        let said = self.comments(table, "its options", text, |words| match words {
            ["ENCRYPTION", _, value] if self.encrypts(value) && self.mariadb => {
                Fate::Instead("`ENCRYPTED`=YES".to_owned())
            }
            ["ENCRYPTION", _, value] if self.encrypts(value) => Fate::Refused,
            [] => Fate::Off,
            [
                "AUTOEXTEND_SIZE" | "ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE_ATTRIBUTE" | "SECONDARY_ENGINE",
                ..,
            ]
            | ["ENCRYPTION" | "TABLESPACE" | "STORAGE" | "COMPRESSION" | "START", ..] => Fate::Off,
            _ => Fate::Refused,
        })?;
        let own = self.own_options(said.of());
        Ok(options::partitions_quoted(&own, columns))
    }

    /// Sees to each comment that the target passes over.
    fn comments(self, table: &str, what: &str, text: &str, fate: impl Fn(&[&str]) -> Fate) -> Result<Said> {
        let Some(all) = tokens(text) else { return Ok(Said { text: Some(text.to_owned()), loses: None }) };
        let mut out = String::with_capacity(text.len());
        let (mut from, mut of_type) = (0, String::new());
        for Versioned { head, end } in versioned(text, &all) {
            let words: Vec<String> =
                all[head + 1..end].iter().map(|t| t.of(text).to_ascii_uppercase()).collect();
            let words: Vec<&str> = words.iter().map(String::as_str).collect();
            let of_cluster = matches!(words.first(), Some(&("COLUMN_FORMAT" | "STORAGE")));
            if self.reads(all[head].of(text)) && !(self.mariadb && of_cluster) {
                continue;
            }
            out.push_str(&text[from..all[head].from]);
            from = all.get(end).map_or(text.len(), |token| token.to);
            match fate(&words) {
                Fate::Off => out.truncate(out.trim_end().len()),
                Fate::Instead(words) => out.push_str(&words),
                Fate::OfType(words) => {
                    out.truncate(out.trim_end().len());
                    of_type = words;
                }
                Fate::Void => return Ok(Said::default()),
                Fate::Refused => return Err(unknown(table, what, &words.join(" "))),
            }
        }
        out.push_str(&text[from..]);
        if let (false, Some(kind)) = (of_type.is_empty(), all.get(1)) {
            out.insert_str(kind.to, &of_type);
        }
        if self.mariadb {
            out = self.introducers_off(table, what, &out)?;
        }
        if let Some(alien) = all.iter().find(|token| token.of(text).starts_with("/*T!")) {
            let words = alien.of(text).trim_start_matches("/*T!").trim_end_matches("*/").trim();
            if !words.ends_with("CLUSTERED") {
                return Err(unknown(table, what, words));
            }
        }
        Ok(Said { text: Some(out), loses: None })
    }
}

impl Dialect {
    /// Takes the character set off texts of the session's own (`_utf8mb4'ä'`, as MySQL writes each text of an
    /// expression): MariaDB keeps an expression as it prints it, prints such a text otherwise than it
    /// reads it, and so holds rows to another one. Of other character sets only plain texts pass.
    fn introducers_off(self, table: &str, what: &str, text: &str) -> Result<String> {
        let Some(all) = tokens(text) else { return Ok(text.to_owned()) };
        let (mut out, mut from) = (String::with_capacity(text.len()), 0);
        for pair in all.windows(2) {
            let [head, literal] = pair else { continue };
            let word = head.of(text);
            let is_introducer =
                head.kind == Kind::Word && literal.kind == Kind::Text && word.starts_with('_');
            if !is_introducer || word.eq_ignore_ascii_case("_binary") {
                continue;
            }
            let own = ["_utf8mb4", "_utf8mb3", "_utf8"].iter().any(|own| word.eq_ignore_ascii_case(own));
            let said = literal.of(text);
            let inner = &said[1..said.len() - 1];
            let is_plain = inner.bytes().all(|byte| matches!(byte, b' '..=b'~') && !b"'\\\"".contains(&byte));
            match own {
                true => {
                    out.push_str(&text[from..head.from]);
                    from = literal.from;
                }
                false if is_plain => {}
                false => {
                    return Err(unknown(table, what, &format!("{word} before a text that is not plain")));
                }
            }
        }
        out.push_str(&text[from..]);
        Ok(out)
    }
}

impl Said {
    fn of(&self) -> &str {
        self.text.as_deref().unwrap_or_default()
    }
}

/// The comments that some server executes.
fn versioned(text: &str, all: &[Token]) -> Vec<Versioned> {
    let mut found: Vec<Versioned> = Vec::new();
    for (at, token) in all.iter().enumerate().filter(|(_, token)| token.kind == Kind::Comment) {
        match token.of(text) {
            "*/" => {
                if let Some(open) = found.last_mut().filter(|open| open.end == usize::MAX) {
                    open.end = at;
                }
            }
            words if words.starts_with("/*!") || words.starts_with("/*M!") => {
                found.push(Versioned { head: at, end: usize::MAX });
            }
            _ => {}
        }
    }
    found.retain(|one| one.end != usize::MAX);
    found
}

fn contains_comment(text: &str, word: &str) -> bool {
    let Some(all) = tokens(text) else { return false };
    versioned(text, &all).iter().any(|one| all.get(one.head + 1).is_some_and(|t| t.is_word(text, word)))
}

/// The tokens outside of parentheses and comments.
fn outer(text: &str) -> Vec<Token> {
    let (mut depth, mut hidden) = (0_i32, false);
    let mut kept = tokens(text).unwrap_or_default();
    kept.retain(|token| {
        match token.kind {
            Kind::Mark(b'(') => depth += 1,
            Kind::Mark(b')') => depth -= 1,
            Kind::Comment => hidden = token.of(text).contains('!'),
            _ => return depth == 0 && !hidden,
        }
        false
    });
    kept
}

fn unknown(table: &str, what: &str, words: &str) -> Failure {
    Failure::permanent(
        FailureCode::WordsOfOneFlavour,
        format!(
            "table {}, {what}: the target does not know {words}, and would make the table without it and not say so",
            ident(table)
        ),
    )
}

#[cfg(test)]
pub(super) mod tests;
