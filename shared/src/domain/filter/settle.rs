//! What a condition means once zone and time are known.
//!
//! A TIMESTAMP is a moment and sessions show it in UTC: what it is compared with becomes that
//! moment's literal in UTC, whatever zones a server knows. DATETIME and DATE have no zone: they are
//! compared with what a clock shows. Functions over a TIMESTAMP would be computed in UTC: with
//! another zone they are refused by name.

use super::moment::{self, Said, moment};
use super::term::Term;
use super::{Kind, Scope};

type Settled = Result<(), String>;

/// Settles a term in place.
pub(super) fn settle(term: &mut Term, scope: &Scope<'_>) -> Settled {
    match term {
        Term::Clock(clock) => {
            *term = clock.shown(scope.zone, scope.now)?.wall();
            Ok(())
        }
        Term::Column(name) if (scope.kind)(name) == Kind::Timestamp && !scope.zone.is_utc() => Err(format!(
            "the TIMESTAMP column {name} may only be compared with dates and times while where_time_zone is {}: \
             functions over it would be computed in UTC; write `{name} >= '…' AND {name} < '…'`, or set \
             where_time_zone to UTC",
            scope.zone
        )),
        Term::Suffixed(of, " IS NULL" | " IS NOT NULL") if matches!(**of, Term::Column(_)) => Ok(()),
        Term::Compared(left, _, right) => compared(vec![left, right], scope),
        Term::Among(all, _) => compared(all.iter_mut().collect(), scope),
        Term::Between(all, _) => compared(all.iter_mut().collect(), scope),
        Term::Like(all, _) => {
            all.iter_mut().try_for_each(|one| settle(one, scope))?;
            collate(all.iter_mut().collect(), scope);
            Ok(())
        }
        Term::Case(Some(of), cases, other) => {
            let mut operands = vec![&mut **of];
            for (case, result) in cases {
                operands.push(case);
                settle(result, scope)?;
            }
            if let Some(other) = other {
                settle(other, scope)?;
            }
            compared(operands, scope)
        }
        term => term.children_mut().into_iter().try_for_each(|child| settle(child, scope)),
    }
}

/// Settles what is compared with one another.
fn compared(mut operands: Vec<&mut Term>, scope: &Scope<'_>) -> Settled {
    let column = |kind: Kind| {
        let mut names = operands.iter().filter_map(|one| match one {
            Term::Column(name) if (scope.kind)(name) == kind => Some(name.clone()),
            _ => None,
        });
        names.next()
    };
    if let Some(name) = column(Kind::Timestamp) {
        return operands.into_iter().try_for_each(|one| with_moment(&name, one, scope));
    }
    if let Some(name) = column(Kind::Time)
        && operands.iter().any(|one| is_dated(one))
    {
        return Err(format!(
            "the TIME column {name} is compared with a date: servers would take today's for it; compare it with \
             a TIME, `{name} >= '08:00:00'`"
        ));
    }
    if let Some(name) = column(Kind::Datetime).or_else(|| column(Kind::Date)) {
        operands.iter().try_for_each(|one| without_offset(&name, one))?;
    }
    operands.iter_mut().try_for_each(|one| settle(one, scope))?;
    collate(operands, scope);
    Ok(())
}

/// Settles what is compared with a TIMESTAMP column.
fn with_moment(name: &str, one: &mut Term, scope: &Scope<'_>) -> Settled {
    let literal = match one {
        Term::Column(other) if (scope.kind)(other) == Kind::Timestamp => return Ok(()),
        Term::Plain(words) if words == "NULL" => return Ok(()),
        Term::Clock(clock) => moment::utc(clock.shown(scope.zone, scope.now)?.at),
        Term::Text(text) | Term::Moment { word: "DATE" | "TIMESTAMP", text } => match moment::read(text) {
            Some(Said::Zero) => return Ok(()),
            Some(Said::Moment(at)) => moment::utc(at),
            Some(Said::Wall(wall)) => moment::utc(moment(scope.zone, wall)?),
            None => {
                return Err(format!(
                    "the TIMESTAMP column {name} is compared with a text that is no date and time of the form \
                     `2024-01-31 18:30:00`, with an offset such as `+01:00` behind it or without"
                ));
            }
        },
        Term::Moment { .. } => {
            return Err(format!(
                "the TIMESTAMP column {name} is compared with a TIME: servers would take today's date for it"
            ));
        }
        _ if scope.zone.is_utc() => return settle(one, scope),
        _ => {
            return Err(format!(
                "the TIMESTAMP column {name} may only be compared with dates and times, or another TIMESTAMP \
                 column, while where_time_zone is {}: anything else would be computed in UTC; write them out, or set \
                 where_time_zone to UTC",
                scope.zone
            ));
        }
    };
    *one = literal;
    Ok(())
}

/// Whether something has a date for sure.
fn is_dated(one: &Term) -> bool {
    match one {
        Term::Clock(_) | Term::Moment { word: "DATE" | "TIMESTAMP", .. } => true,
        // Eight digits are a TIME as well.
        Term::Text(text) => text.contains('-') && moment::read(text).is_some(),
        _ => false,
    }
}

fn without_offset(name: &str, one: &Term) -> Settled {
    match one {
        Term::Text(text) if matches!(moment::read(text), Some(Said::Moment(_))) => Err(format!(
            "column {name} has no time zone, so it is compared with a date and time without an offset; servers \
             differ in what they make of one"
        )),
        _ => Ok(()),
    }
}

/// Texts of no column, and those that are cast, are compared by the session's collation, which
/// each server has its own of; one that is named is meant.
fn collate(mut operands: Vec<&mut Term>, scope: &Scope<'_>) {
    if operands.iter().any(|one| one.any(&|term| matches!(term, Term::Collated(..)))) {
        return;
    }
    let has_column = operands.iter().any(|one| has_text_column(one, scope));
    let lacks = |one: &Term| match one {
        Term::Text(_) => false,
        one => one.any(&is_cast) || !has_column && is_text(one),
    };
    if let Some(one) = operands.iter_mut().find(|one| lacks(one)) {
        let of = std::mem::replace(&mut **one, Term::Plain(String::new()));
        **one = Term::Collated(Box::new(of), COMMON);
    }
}

fn is_cast(term: &Term) -> bool {
    matches!(term, Term::Cast(_, to) if to.word == "CHAR")
}

/// Whether it has the collation of a column.
fn has_text_column(term: &Term, scope: &Scope<'_>) -> bool {
    match term {
        Term::Column(name) => matches!((scope.kind)(name), Kind::Text | Kind::Other),
        term if is_cast(term) => false,
        term => term.children().into_iter().any(|child| has_text_column(child, scope)),
    }
}

/// What servers compare texts by that agree on it.
const COMMON: &str = "utf8mb4_general_ci";

/// Whether it is a text, made of something else.
fn is_text(term: &Term) -> bool {
    match term {
        Term::Text(_) => true,
        Term::Call("CONCAT" | "LEFT" | "RIGHT" | "LOWER" | "UPPER", _) => true,
        Term::Call("IF", args) => args.iter().skip(1).any(is_text),
        Term::Call("COALESCE" | "IFNULL" | "NULLIF" | "GREATEST" | "LEAST", args) => args.iter().any(is_text),
        Term::Cast(_, to) => to.word == "CHAR",
        Term::Case(_, cases, other) => {
            cases.iter().any(|(_, result)| is_text(result)) || other.as_deref().is_some_and(is_text)
        }
        _ => false,
    }
}
