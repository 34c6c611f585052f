//! What `SHOW GRANTS` says, read.
//!
//! The statement shows what this session has, active roles included, on every release of both
//! flavours; `information_schema` leaves roles out. Wildcards in a schema's name, rights of
//! single tables or columns (which are not rights to the schema) and partial revokes are
//! understood; a line that is not is passed over and remembered: what is missing then is in doubt.

use std::collections::BTreeSet;

type Rights = BTreeSet<String>;

/// Rights that let an account use a schema wherever they hold.
const OF_SCHEMAS: [&str; 20] = [
    "ALL PRIVILEGES",
    "ALL",
    "SELECT",
    "INSERT",
    "UPDATE",
    "DELETE",
    "CREATE",
    "DROP",
    "REFERENCES",
    "INDEX",
    "ALTER",
    "CREATE TEMPORARY TABLES",
    "LOCK TABLES",
    "EXECUTE",
    "CREATE VIEW",
    "SHOW VIEW",
    "CREATE ROUTINE",
    "ALTER ROUTINE",
    "EVENT",
    "TRIGGER",
];

/// Everything that the session was granted.
#[derive(Debug, Default)]
pub(super) struct Grants {
    global: Rights,
    /// To whom, the schema's pattern, what.
    schemas: Vec<(String, String, Rights)>,
    /// Schema, table, what.
    tables: Vec<(String, String, Rights)>,
    /// Schema, what was taken away from the global rights.
    revoked: Vec<(String, Rights)>,
    /// Schema, table, what was granted on single columns.
    columns: Vec<(String, String, Rights)>,
    /// Schemas of single routines.
    routines: Vec<String>,
    /// A line was not understood.
    odd: bool,
    /// `partial_revokes`: a schema's name is a name, without wildcards.
    literal: bool,
}

impl Grants {
    pub(super) fn read<'a>(lines: impl IntoIterator<Item = &'a str>, literal: bool) -> Self {
        let mut grants = Self { literal, ..Self::default() };
        for line in lines {
            grants.add(line);
        }
        grants
    }

    /// Whether a schema's name in a grant is a name, without wildcards.
    pub(super) fn is_literal(&self) -> bool {
        self.literal
    }

    /// Whether the right holds everywhere.
    pub(super) fn global(&self, right: &str) -> bool {
        holds(&self.global, right)
    }

    /// Whether the right holds in the whole schema.
    pub(super) fn schema(&self, right: &str, schema: &str) -> bool {
        let taken =
            self.revoked.iter().any(|(of, rights)| of.eq_ignore_ascii_case(schema) && holds(rights, right));
        self.global(right) && !taken || self.to_schema(right, schema)
    }

    /// Whether the right holds for the table.
    pub(super) fn table(&self, right: &str, schema: &str, table: &str) -> bool {
        let named =
            |(s, t, rights): &(String, String, Rights)| s == schema && t == table && holds(rights, right);
        self.schema(right, schema) || self.tables.iter().any(named)
    }

    /// Whether the right holds for one of the schema's tables by its name.
    pub(super) fn any_table(&self, right: &str, schema: &str) -> bool {
        self.tables.iter().any(|(of, _, rights)| of == schema && holds(rights, right))
    }

    /// Whether there are rights to single tables of the schema.
    pub(super) fn names_tables(&self, schema: &str) -> bool {
        self.tables.iter().any(|(of, _, _)| of == schema)
    }

    /// Whether there are rights to this table alone.
    pub(super) fn names(&self, schema: &str, table: &str) -> bool {
        self.tables.iter().any(|(of, name, _)| of == schema && name == table)
    }

    /// Why the server may give the right although it does not show it; `used`: it lets the account use the
    /// database.
    pub(super) fn doubt(
        &self,
        right: &str,
        schema: &str,
        table: Option<&str>,
        used: bool,
    ) -> Option<&'static str> {
        let of_columns = |(of, name, rights): &(String, String, Rights)| {
            of == schema && Some(name.as_str()) == table && holds(rights, right)
        };
        if self.odd {
            return Some("the server shows a grant that was not understood");
        }
        if used && !self.shows(schema) {
            return Some("the server lets it use the database and does not show why");
        }
        if schema == "test" || schema.starts_with("test_") {
            return Some("servers may give everybody rights to databases of such a name, and do not show it");
        }
        self.columns.iter().any(of_columns).then_some("it has the right on single columns")
    }

    /// Whether something shows why the account may use the schema.
    fn shows(&self, schema: &str) -> bool {
        let everywhere = self.global.iter().any(|right| OF_SCHEMAS.contains(&right.as_str()));
        everywhere
            || self.schemas.iter().any(|(_, pattern, _)| self.fits(pattern, schema))
            || self.names_tables(schema)
            || self.routines.iter().any(|of| of == schema)
    }

    /// The pattern among the account's own (no role's) that counts for the schema, and its rights.
    pub(super) fn counting(&self, schema: &str) -> Option<(&str, &BTreeSet<String>)> {
        let own = self.schemas.iter().filter(|(to, pattern, _)| is_account(to) && self.fits(pattern, schema));
        own.max_by_key(|(_, pattern, _)| closeness(pattern))
            .map(|(_, pattern, rights)| (pattern.as_str(), rights))
    }

    /// Of the patterns of one grantee only the closest one counts, as the server sees it.
    fn to_schema(&self, right: &str, schema: &str) -> bool {
        self.schemas.iter().any(|(to, pattern, rights)| {
            let closer = |(other, more, _): &(String, String, Rights)| {
                other == to && self.fits(more, schema) && closeness(more) > closeness(pattern)
            };
            holds(rights, right) && self.fits(pattern, schema) && !self.schemas.iter().any(closer)
        })
    }

    fn fits(&self, pattern: &str, schema: &str) -> bool {
        pattern == schema || !self.literal && like(&symbols(pattern), &schema.chars().collect::<Vec<_>>())
    }

    fn add(&mut self, line: &str) {
        let (taken, rest) = match (line.strip_prefix("GRANT "), line.strip_prefix("REVOKE ")) {
            (Some(rest), _) => (false, rest),
            (_, Some(rest)) => (true, rest),
            _ => {
                self.odd |= !line.starts_with("SET DEFAULT ROLE ");
                return;
            }
        };
        let Some((rights, rest)) = cut(rest, " ON ") else {
            // A role.
            self.odd |= cut(rest, " TO ").is_none();
            return;
        };
        let Some((object, to)) = cut(rest, if taken { " FROM " } else { " TO " }) else {
            self.odd = true;
            return;
        };
        let to = cut(to, " ").map_or(to, |(to, _)| to);
        if rights == "PROXY" {
            return;
        }
        if let Some(schema) = routine(object) {
            return self.routines.push(schema);
        }
        let (rights, columns) = (whole_rights(rights), column_rights(rights));
        match path(object).as_ref().map(<[_; 2]>::as_slice) {
            Some([schema, table]) if schema == "*" && table == "*" && !taken => self.global.extend(rights),
            Some([schema, table]) if table == "*" && taken => self.revoked.push((schema.clone(), rights)),
            Some([schema, table]) if table == "*" => {
                self.schemas.push((to.to_owned(), schema.clone(), rights));
            }
            Some([schema, table]) if !taken => {
                self.columns.push((schema.clone(), table.clone(), columns));
                self.tables.push((schema.clone(), table.clone(), rights));
            }
            _ => self.odd = true,
        }
    }
}

/// An account has a host, a role of MariaDB has none; MySQL shows all as the account's. MySQL 5.7
/// writes a quote in a user's name as it is, so that quotes do not come in pairs.
fn is_account(to: &str) -> bool {
    ["`@`", "'@'", "\"@\""].iter().any(|between| to.contains(between))
}

fn holds(rights: &Rights, right: &str) -> bool {
    rights.contains(right) || rights.contains("ALL PRIVILEGES") || rights.contains("ALL")
}

/// The rights of a list that are not of single columns only.
fn whole_rights(mut list: &str) -> Rights {
    let mut rights = Rights::new();
    loop {
        let (one, rest) = cut(list, ",").map_or((list, None), |(one, rest)| (one, Some(rest)));
        if !one.contains('(') {
            rights.insert(one.trim().to_ascii_uppercase());
        }
        let Some(rest) = rest else { return rights };
        list = rest;
    }
}

/// The rights of a list that are of single columns only.
fn column_rights(mut list: &str) -> Rights {
    let mut rights = Rights::new();
    loop {
        let (one, rest) = cut(list, ",").map_or((list, None), |(one, rest)| (one, Some(rest)));
        if let Some((right, _)) = one.split_once('(') {
            rights.insert(right.trim().to_ascii_uppercase());
        }
        let Some(rest) = rest else { return rights };
        list = rest;
    }
}

/// The schema of a routine.
fn routine(object: &str) -> Option<String> {
    let kinds = ["PROCEDURE ", "FUNCTION ", "PACKAGE BODY ", "PACKAGE "];
    let object = kinds.iter().find_map(|kind| object.strip_prefix(kind))?;
    let (schema, _) = cut(object, ".")?;
    name(schema)
}

/// Cuts at the first `at` outside of quotes and brackets.
fn cut<'a>(text: &'a str, at: &str) -> Option<(&'a str, &'a str)> {
    let (mut quote, mut depth) = (None, 0_u32);
    let mut characters = text.char_indices();
    while let Some((index, character)) = characters.next() {
        match (quote, character) {
            (None, _) if depth == 0 && text[index..].starts_with(at) => {
                return Some((&text[..index], &text[index + at.len()..]));
            }
            (None, '`' | '\'' | '"') => quote = Some(character),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            // A doubled quote closes and opens again.
            (Some(open), _) if open == character => quote = None,
            (Some(open), '\\') if open != '`' => _ = characters.next(),
            _ => {}
        }
    }
    None
}

/// `schema`.`table`; nothing for a routine or another object.
fn path(object: &str) -> Option<[String; 2]> {
    let object = object.strip_prefix("TABLE ").unwrap_or(object);
    let (schema, table) = cut(object, ".")?;
    Some([name(schema)?, name(table)?])
}

fn name(part: &str) -> Option<String> {
    if part == "*" {
        return Some(part.to_owned());
    }
    let quote = part.chars().next().filter(|first| matches!(first, '`' | '"'))?;
    let inner = part.strip_prefix(quote)?.strip_suffix(quote)?;
    Some(inner.replace(&format!("{quote}{quote}"), &quote.to_string()))
}

/// One character of a pattern.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Symbol {
    This(char),
    One,
    Any,
}

fn symbols(pattern: &str) -> Vec<Symbol> {
    let mut characters = pattern.chars();
    let mut found = Vec::new();
    while let Some(character) = characters.next() {
        found.push(match character {
            '\\' => Symbol::This(characters.next().unwrap_or('\\')),
            '_' => Symbol::One,
            '%' => Symbol::Any,
            other => Symbol::This(other),
        });
    }
    found
}

/// Characters before the first wildcard; all of them, and then some, without any.
fn closeness(pattern: &str) -> usize {
    let symbols = symbols(pattern);
    symbols.iter().position(|symbol| !matches!(symbol, Symbol::This(_))).unwrap_or(usize::MAX)
}

fn like(pattern: &[Symbol], text: &[char]) -> bool {
    // Names have 64 characters at most: a table of what fits is small.
    let mut fits = vec![false; text.len() + 1];
    fits[0] = true;
    for symbol in pattern {
        let mut next = vec![false; text.len() + 1];
        for at in 0..=text.len() {
            next[at] = match symbol {
                Symbol::Any => fits[at] || at > 0 && next[at - 1],
                Symbol::One => at > 0 && fits[at - 1],
                Symbol::This(character) => at > 0 && fits[at - 1] && text[at - 1] == *character,
            };
        }
        fits = next;
    }
    fits[text.len()]
}

#[cfg(test)]
mod tests;
