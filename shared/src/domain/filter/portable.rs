//! What servers of two engines do not read alike: refused where source and target are of two.

use super::term::Term;
use super::{Kind, Scope};

/// The error names what is refused, and what to write instead.
pub(super) fn check(term: &Term, scope: &Scope<'_>) -> Result<(), String> {
    if let Term::Collated(of, name) = term
        && let Term::Column(column) = &**of
        && (scope.kind)(column) == Kind::Other
    {
        return Err(format!(
            "`COLLATE {name}` is asked of column {column}, which is no text of a character set"
        ));
    }
    if !scope.alike {
        across(term, scope)?;
    }
    term.children().into_iter().try_for_each(|child| check(child, scope))
}

/// Functions that take a number's text.
const OF_TEXT: [&str; 8] = ["CHAR_LENGTH", "CONCAT", "CRC32", "LEFT", "LENGTH", "LOWER", "RIGHT", "UPPER"];

/// Measured on MariaDB 10.11 and 11.8, MySQL 5.7 and 9.
fn across(term: &Term, scope: &Scope<'_>) -> Result<(), String> {
    let has = |of: &Term, kinds: &[Kind]| {
        of.any(&|one| matches!(one, Term::Column(name) if kinds.contains(&(scope.kind)(name))))
    };
    let refused = |what: &str, instead: &str| {
        Err(format!("{what} has another meaning on the target's engine than on the source's: {instead}"))
    };
    match term {
        // Servers begin to write an exponent at other numbers.
        Term::Like(of, _) if has(&of[0], &[Kind::Float]) => {
            refused("LIKE of a FLOAT or DOUBLE", "compare the number itself")
        }
        Term::Call(name, of) if OF_TEXT.contains(name) && of.iter().any(|one| has(one, &[Kind::Float])) => {
            refused(&format!("{name} of a FLOAT or DOUBLE"), "compare the number itself")
        }
        // A dot and a line's end, letters of more than one byte, classes.
        Term::Regexp(..) => refused("REGEXP (RLIKE)", "write LIKE, LEFT or RIGHT"),
        Term::Cast(of, to) => match (to.word, to.size.as_str()) {
            // One rounds, the other cuts.
            ("DATETIME", size) if size != "(6)" => {
                refused(&format!("CAST AS DATETIME{size}"), "write CAST AS DATETIME(6)")
            }
            // Offsets, and what is hardly a date.
            ("DATE" | "DATETIME", _)
                if has(of, &[Kind::Text, Kind::Other]) || matches!(**of, Term::Text(_)) =>
            {
                refused(
                    "CAST of a text AS DATE or DATETIME",
                    "compare the text itself, or write DATE '…' or TIMESTAMP '…'",
                )
            }
            ("UNSIGNED", _) if has(of, &[Kind::Float]) || !matches!(**of, Term::Column(_)) => {
                refused("CAST AS UNSIGNED of a fraction below zero", "write CAST AS SIGNED, or cast a column")
            }
            ("CHAR", _) if has(of, &[Kind::Float, Kind::Other]) => {
                refused("CAST AS CHAR of a FLOAT or DOUBLE", "compare the number itself")
            }
            _ => Ok(()),
        },
        _ => Ok(()),
    }
}
