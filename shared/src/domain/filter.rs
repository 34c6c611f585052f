//! Which rows of a table a sync covers: a condition on its columns, as a person writes it in SQL.
//!
//! Invariants: a server never gets the person's text, only what was understood of it, written anew;
//! and only what has the same answer for the same row, whenever and by whichever server it is
//! asked: columns, literals, comparisons, arithmetic and some functions, no other table, no
//! session. What depends on the time or on a zone is settled once ([`Filter::settle`]), before the
//! first row is read. Deliberately not here: how a server spells a column or a text (whoever writes
//! the statement knows), and which columns there are.

mod clock;
mod interval;
mod known;
mod moment;
mod portable;
mod read;
mod settle;
mod term;
mod write;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

pub use self::known::document;
use self::term::Term;
pub use self::write::Condition;
use super::zone::Zone;

/// Characters that a condition may have.
pub const LONGEST_FILTER: usize = 4_000;

/// A condition on the rows of one table. Serialises as the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter {
    text: String,
    term: Term,
}

/// What a column holds, as far as the meaning of a condition depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A TIMESTAMP: a moment, whatever zone it is shown in.
    Timestamp,
    /// A DATETIME: what a clock showed somewhere.
    Datetime,
    /// A DATE.
    Date,
    /// A TIME.
    Time,
    /// Whole numbers and decimals.
    Exact,
    /// FLOAT and DOUBLE.
    Float,
    /// Texts of a character set.
    Text,
    /// Anything else.
    Other,
}

/// What a condition's meaning depends on beside the row.
pub struct Scope<'a> {
    /// The zone of its literals and of the current time.
    pub zone: Zone,
    /// The current time.
    pub now: DateTime<Utc>,
    /// Source and target are of one engine, so that they read patterns and odd texts alike.
    pub alike: bool,
    /// What the column of this name holds.
    pub kind: &'a dyn Fn(&str) -> Kind,
}

impl Filter {
    /// Reads a condition; the error is one sentence for the person who wrote it.
    pub fn parse(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Err("a condition on the table's columns is expected".to_owned());
        }
        if text.chars().count() > LONGEST_FILTER {
            return Err(format!("at most {LONGEST_FILTER} characters are taken"));
        }
        if text.contains('\0') {
            return Err("the character NUL (U+0000) is not taken; leave it out".to_owned());
        }
        let wrong = |error: &dyn std::fmt::Display| format!("it is no condition in SQL: {error}");
        let mut parser = Parser::new(&MySqlDialect {}).try_with_sql(text).map_err(|error| wrong(&error))?;
        let condition = parser.parse_expr().map_err(|error| wrong(&error))?;
        let left = parser.peek_token().token;
        if left != Token::EOF {
            return Err(format!("one condition is expected, and nothing after it, but there is {left}"));
        }
        let term = read::term(&condition)?;
        if term.columns().is_empty() {
            return Err("it names no column of the table".to_owned());
        }
        Ok(Self { text: text.to_owned(), term })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every column that it names, as often as it does.
    pub fn columns(&self) -> Vec<&str> {
        self.term.columns()
    }

    /// Whether it asks for the current time.
    pub fn asks_for_now(&self) -> bool {
        self.term.any(&|term| matches!(term, Term::Clock(_)))
    }

    /// What it means in a scope, for good: no zone and no clock is left in it. The error is one
    /// sentence for the person who wrote it.
    pub fn settle(&self, scope: &Scope<'_>) -> Result<Condition, String> {
        let mut term = self.term.clone();
        portable::check(&term, scope)?;
        settle::settle(&mut term, scope)?;
        Ok(Condition::of(&term))
    }
}

impl TryFrom<String> for Filter {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text)
    }
}

impl From<Filter> for String {
    fn from(filter: Filter) -> Self {
        filter.text
    }
}

#[cfg(test)]
mod tests;
