//! A settled condition, as it is written for a server.

use serde::{Deserialize, Serialize};

use super::Filter;
use super::term::Term;

/// A condition of which nothing depends on a clock or a zone any more: one for both sides, all
/// ranges, each attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Stored")]
pub struct Condition {
    parts: Vec<Part>,
}

/// What a plan holds: one of an older release holds the person's text.
#[derive(Deserialize)]
#[serde(untagged)]
enum Stored {
    Settled { parts: Vec<Part> },
    Text(String),
}

impl TryFrom<Stored> for Condition {
    type Error = String;

    fn try_from(stored: Stored) -> Result<Self, String> {
        match stored {
            Stored::Settled { parts } => Ok(Self { parts }),
            Stored::Text(text) => Filter::parse(&text).map(|filter| Self::of(&filter.term)),
        }
    }
}

/// A piece of the condition.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Part {
    /// Words and signs that need no care.
    Plain(String),
    /// A column's name.
    Column(String),
    /// A text's value.
    Text(String),
}

impl Condition {
    pub(super) fn of(term: &Term) -> Self {
        let mut parts = Parts::default();
        parts.term(term);
        Self { parts: parts.0 }
    }

    /// The condition in SQL, in parentheses, with columns and texts written by these.
    pub fn sql(&self, column: impl Fn(&str) -> String, text: impl Fn(&str) -> String) -> String {
        let written = self.parts.iter().map(|part| match part {
            Part::Plain(words) => words.clone(),
            Part::Column(name) => column(name),
            Part::Text(value) => text(value),
        });
        format!("({})", written.collect::<String>())
    }
}

#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn plain(&mut self, words: impl AsRef<str>) {
        match self.0.last_mut() {
            Some(Part::Plain(before)) => before.push_str(words.as_ref()),
            _ => self.0.push(Part::Plain(words.as_ref().to_owned())),
        }
    }

    /// Each operation in parentheses: servers need not agree on what binds closer.
    fn term(&mut self, term: &Term) {
        let not = |negated: &bool| if *negated { " NOT" } else { "" };
        match term {
            Term::Column(name) => self.0.push(Part::Column(name.clone())),
            Term::Text(text) => self.0.push(Part::Text(text.clone())),
            Term::Plain(words) => self.plain(words),
            Term::Moment { word, text } => self.plain(format!("{word} '{text}'")),
            // Only where nobody settled it: the server's own, in UTC.
            Term::Clock(clock) => self.plain(if clock.date { "UTC_DATE()" } else { "UTC_TIMESTAMP()" }),
            Term::Compared(left, sign, right) | Term::Joined(left, sign, right) => {
                self.between("(", &[(left, sign), (right, ")")]);
            }
            Term::Signed(sign, of) => self.between(&format!("({sign}"), &[(of, ")")]),
            Term::Suffixed(of, suffix) => self.between("(", &[(of, &format!("{suffix})"))]),
            Term::Among(all, negated) => {
                let Some((of, list)) = all.split_first() else { return };
                self.between("(", &[(of, &format!("{} IN (", not(negated)))]);
                self.list(list);
                self.plain("))");
            }
            Term::Between(all, negated) => {
                let [of, low, high] = &**all;
                let between = format!("{} BETWEEN ", not(negated));
                self.between("(", &[(of, &between), (low, " AND "), (high, ")")]);
            }
            Term::Like(all, negated) => {
                let [of, pattern] = &**all;
                self.between("(", &[(of, &format!("{} LIKE ", not(negated))), (pattern, ")")]);
            }
            Term::Regexp(of, pattern, negated) => {
                self.between("(", &[(of, &format!("{} REGEXP ", not(negated)))]);
                self.0.push(Part::Text(pattern.clone()));
                self.plain(")");
            }
            Term::Call(name, args) => {
                self.plain(format!("{name}("));
                self.list(args);
                self.plain(")");
            }
            Term::Shifted(of, by) => {
                let sign = if by.count < 0 { '-' } else { '+' };
                let by = format!(" {sign} INTERVAL {} {})", by.count.unsigned_abs(), by.unit);
                self.between("(", &[(of, &by)]);
            }
            Term::Cast(of, to) => self.between("CAST(", &[(of, &format!(" AS {}{})", to.word, to.size))]),
            // A column of another character set takes no such collation.
            Term::Collated(of, name) => {
                self.between("(CONVERT(", &[(of, &format!(" USING utf8mb4) COLLATE {name})"))]);
            }
            Term::Case(of, cases, other) => self.case(of.as_deref(), cases, other.as_deref()),
        }
    }

    fn case(&mut self, of: Option<&Term>, cases: &[(Term, Term)], other: Option<&Term>) {
        self.plain("(CASE");
        if let Some(of) = of {
            self.between(" ", &[(of, "")]);
        }
        for (case, result) in cases {
            self.between(" WHEN ", &[(case, " THEN "), (result, "")]);
        }
        if let Some(other) = other {
            self.between(" ELSE ", &[(other, "")]);
        }
        self.plain(" END)");
    }

    /// Words, and pieces with the words behind each.
    fn between(&mut self, before: &str, pieces: &[(&Term, &str)]) {
        self.plain(before);
        for (term, after) in pieces {
            self.term(term);
            self.plain(after);
        }
    }

    fn list(&mut self, list: &[Term]) {
        for (at, term) in list.iter().enumerate() {
            if at > 0 {
                self.plain(", ");
            }
            self.term(term);
        }
    }
}
