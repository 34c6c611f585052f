//! From SQL to what is understood of it; everything else is refused.

use sqlparser::ast::{
    BinaryOperator, CastKind, CeilFloorKind, DataType, DateTimeField, Expr, Function, FunctionArg,
    FunctionArgExpr, FunctionArgumentList, FunctionArguments, Interval, ObjectNamePart, UnaryOperator, Value,
};

use super::interval::{Clock, Shift};
use super::known::{COLLATIONS, FUNCTIONS, MOVES, NOW, TODAY, TYPES, UNITS};
use super::term::{Term, Type};

/// To a whole number.
const WHOLE: CeilFloorKind = CeilFloorKind::DateTimeField(DateTimeField::NoDateTime);

type Read = Result<Term, String>;

/// What is understood of an expression.
pub(super) fn term(expression: &Expr) -> Read {
    match expression {
        Expr::Nested(inner) => term(inner),
        // The dialect takes a variable for a name.
        Expr::Identifier(name) if name.quote_style.is_none() && name.value.starts_with('@') => {
            Err(format!("`{name}` is not taken in a condition: variables differ from session to session"))
        }
        Expr::Identifier(name) => Ok(Term::Column(name.value.clone())),
        Expr::CompoundIdentifier(_) => {
            Err("a column is named alone, without its table or database".to_owned())
        }
        Expr::Value(value) => literal(&value.value),
        Expr::TypedString(typed) => moment(&typed.data_type.to_string(), &typed.value.value),
        Expr::BinaryOp { left, op, right } => binary(left, op, right),
        Expr::UnaryOp { op, expr } => unary(*op, expr),
        Expr::IsNull(of) => suffixed(of, " IS NULL"),
        Expr::IsNotNull(of) => suffixed(of, " IS NOT NULL"),
        Expr::IsTrue(of) => suffixed(of, " IS TRUE"),
        Expr::IsNotTrue(of) => suffixed(of, " IS NOT TRUE"),
        Expr::IsFalse(of) => suffixed(of, " IS FALSE"),
        Expr::IsNotFalse(of) => suffixed(of, " IS NOT FALSE"),
        Expr::InList { expr, list, negated } => {
            Ok(Term::Among(all(std::iter::once(&**expr).chain(list))?, *negated))
        }
        Expr::Between { expr, negated, low, high } => {
            Ok(Term::Between(Box::new([term(expr)?, term(low)?, term(high)?]), *negated))
        }
        Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
            Ok(Term::Like(Box::new([term(expr)?, term(pattern)?]), *negated))
        }
        Expr::RLike { negated, expr, pattern, .. } => match term(pattern)? {
            Term::Text(pattern) => Ok(Term::Regexp(Box::new(term(expr)?), pattern, *negated)),
            _ => Err("the pattern of REGEXP or RLIKE must be a text".to_owned()),
        },
        Expr::Function(function) => call(function),
        // What the parser has a form of its own for.
        Expr::Ceil { expr, field: WHOLE } => Ok(Term::Call("CEILING", vec![term(expr)?])),
        Expr::Floor { expr, field: WHOLE } => Ok(Term::Call("FLOOR", vec![term(expr)?])),
        Expr::Cast { kind: CastKind::Cast, expr, data_type, format: None } => cast(expr, data_type),
        Expr::Collate { expr, collation } => {
            let name = collation.to_string();
            let known = COLLATIONS.iter().find(|known| known.eq_ignore_ascii_case(&name));
            let known = known.ok_or_else(|| {
                format!("`COLLATE {name}` is not taken in a condition; collations that mean the same on every server are {}", COLLATIONS.join(", "))
            })?;
            Ok(Term::Collated(Box::new(term(expr)?), known))
        }
        Expr::Case { operand, conditions, else_result, .. } => {
            let boxed =
                |of: &Option<Box<Expr>>| of.as_deref().map(term).transpose().map(|of| of.map(Box::new));
            let cases = conditions.iter().map(|case| Ok((term(&case.condition)?, term(&case.result)?)));
            Ok(Term::Case(boxed(operand)?, cases.collect::<Result<_, String>>()?, boxed(else_result)?))
        }
        Expr::Interval(_) => {
            Err("an interval is added to a time or taken from one, `NOW() - INTERVAL 30 DAY`".to_owned())
        }
        Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
            Err("it may look at the row's own columns only, at no other table".to_owned())
        }
        other => Err(not_taken(other)),
    }
}

fn not_taken(what: &dyn std::fmt::Display) -> String {
    format!("`{what}` is not taken in a condition")
}

fn all<'a>(expressions: impl Iterator<Item = &'a Expr>) -> Result<Vec<Term>, String> {
    expressions.map(term).collect()
}

fn literal(value: &Value) -> Read {
    Ok(match value {
        Value::Number(number, false)
            if number.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) =>
        {
            Term::Plain(number.clone())
        }
        Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => Term::Text(text.clone()),
        Value::HexStringLiteral(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Term::Plain(format!("X'{digits}'"))
        }
        Value::Boolean(value) => Term::Plain(if *value { "TRUE" } else { "FALSE" }.to_owned()),
        Value::Null => Term::Plain("NULL".to_owned()),
        other => return Err(not_taken(other)),
    })
}

fn moment(kind: &str, value: &Value) -> Read {
    let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = value else {
        return Err(format!("`{kind} {value}` is not taken in a condition"));
    };
    let is_time = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-: .".contains(&b));
    let word = ["DATE", "TIME", "TIMESTAMP"].into_iter().find(|word| *word == kind);
    match word {
        Some(word) if is_time => Ok(Term::Moment { word, text: text.clone() }),
        _ => Err(format!("`{kind} {value}` is no literal of a date or time")),
    }
}

fn binary(left: &Expr, op: &BinaryOperator, right: &Expr) -> Read {
    match (left, op, right) {
        (of, BinaryOperator::Plus, Expr::Interval(by)) | (Expr::Interval(by), BinaryOperator::Plus, of) => {
            return Ok(shifted(term(of)?, shift(by)?));
        }
        (of, BinaryOperator::Minus, Expr::Interval(by)) => return Ok(shifted(term(of)?, shift(by)?.back())),
        _ => {}
    }
    let comparing = match op {
        BinaryOperator::Gt => Some(" > "),
        BinaryOperator::Lt => Some(" < "),
        BinaryOperator::GtEq => Some(" >= "),
        BinaryOperator::LtEq => Some(" <= "),
        BinaryOperator::Eq => Some(" = "),
        BinaryOperator::NotEq => Some(" <> "),
        BinaryOperator::Spaceship => Some(" <=> "),
        _ => None,
    };
    let (one, other) = (term(left)?, term(right)?);
    if let Some(sign) = comparing {
        return Ok(Term::Compared(Box::new(one), sign, Box::new(other)));
    }
    let sign = match op {
        BinaryOperator::And => " AND ",
        BinaryOperator::Or => " OR ",
        BinaryOperator::Xor => " XOR ",
        BinaryOperator::Plus => " + ",
        BinaryOperator::Minus => " - ",
        BinaryOperator::Multiply => " * ",
        BinaryOperator::Divide => " / ",
        BinaryOperator::Modulo => " % ",
        BinaryOperator::MyIntegerDivide => " DIV ",
        other => return Err(not_taken(other)),
    };
    // A server would count with the digits of the date.
    if matches!((&one, &other), (Term::Clock(_), _) | (_, Term::Clock(_))) {
        return Err(format!(
            "`{left} {op} {right}` would count with the digits of the time: write an interval, `NOW() - INTERVAL 30 DAY`"
        ));
    }
    Ok(Term::Joined(Box::new(one), sign, Box::new(other)))
}

fn shifted(of: Term, by: Shift) -> Term {
    match of {
        Term::Clock(mut clock) => {
            clock.shifts.push(by);
            Term::Clock(clock)
        }
        of => Term::Shifted(Box::new(of), by),
    }
}

fn shift(interval: &Interval) -> Result<Shift, String> {
    let wrong = || {
        format!(
            "`{interval}` is not taken in a condition: a whole number and one unit of {} are, `INTERVAL 30 DAY`",
            UNITS.join(", ")
        )
    };
    let Interval {
        value,
        leading_field: Some(unit),
        leading_precision: None,
        last_field: None,
        fractional_seconds_precision: None,
    } = interval
    else {
        return Err(wrong());
    };
    count(value).and_then(|count| Shift::new(count, &unit.to_string())).ok_or_else(wrong)
}

/// A whole number, of at most nine digits.
fn count(value: &Expr) -> Option<i64> {
    match value {
        Expr::Nested(inner) => count(inner),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => count(expr).map(|count| -count),
        Expr::Value(value) => match &value.value {
            Value::Number(digits, false) | Value::SingleQuotedString(digits) => {
                digits.parse().ok().filter(|count: &i64| count.abs() < 1_000_000_000)
            }
            _ => None,
        },
        _ => None,
    }
}

fn unary(op: UnaryOperator, of: &Expr) -> Read {
    let sign = match op {
        UnaryOperator::Not | UnaryOperator::BangNot => "NOT ",
        // Two signs would begin a comment.
        UnaryOperator::Minus => "- ",
        UnaryOperator::Plus => "+ ",
        other => return Err(not_taken(&other)),
    };
    Ok(Term::Signed(sign, Box::new(term(of)?)))
}

fn suffixed(of: &Expr, suffix: &'static str) -> Read {
    Ok(Term::Suffixed(Box::new(term(of)?), suffix))
}

fn cast(of: &Expr, to: &DataType) -> Read {
    let written = to.to_string();
    let (word, size) = written.split_at(written.find(['(', ' ']).unwrap_or(written.len()));
    let word = match (word.to_uppercase().as_str(), size) {
        ("SIGNED" | "UNSIGNED", "" | " INTEGER") => Some(word.to_uppercase()),
        ("DATE" | "DATETIME" | "DECIMAL" | "CHAR" | "BINARY", size) if is_size(size) => {
            Some(word.to_uppercase())
        }
        _ => None,
    };
    let known = word.and_then(|word| TYPES.iter().find(|known| **known == word));
    let word = *known.ok_or_else(|| {
        format!("`CAST(… AS {written})` is not taken in a condition; types are {}", TYPES.join(", "))
    })?;
    let size = if size == " INTEGER" { String::new() } else { size.to_owned() };
    Ok(Term::Cast(Box::new(term(of)?), Type { word, size }))
}

/// Nothing, or numbers in parentheses.
fn is_size(size: &str) -> bool {
    let inner = size.strip_prefix('(').and_then(|rest| rest.strip_suffix(')'));
    size.is_empty()
        || inner.is_some_and(|inner| inner.bytes().all(|b| b.is_ascii_digit() || b", ".contains(&b)))
}

fn call(function: &Function) -> Read {
    let refused = || {
        let known: Vec<&str> = [FUNCTIONS, NOW, TODAY, MOVES].concat();
        format!("`{function}` is not taken in a condition; of functions it may call {}", known.join(", "))
    };
    let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return Err(refused()) };
    let name = name.value.to_uppercase();
    let is_bare = !function.uses_odbc_syntax
        && matches!(function.parameters, FunctionArguments::None)
        && function.filter.is_none()
        && function.null_treatment.is_none()
        && function.over.is_none()
        && function.within_group.is_empty();
    if !is_bare {
        return Err(refused());
    }
    let args = arguments(&function.args).ok_or_else(refused)?;
    let is = |known: &[&str]| known.contains(&name.as_str());
    if is(NOW) || is(TODAY) {
        return clock(is(TODAY), &args).ok_or_else(refused);
    }
    if is(MOVES) {
        let [of, Expr::Interval(by)] = args[..] else { return Err(refused()) };
        let by = shift(by)?;
        return Ok(shifted(term(of)?, if name == "DATE_SUB" { by.back() } else { by }));
    }
    match FUNCTIONS.iter().find(|known| **known == name) {
        Some(known) if !args.is_empty() => Ok(Term::Call(known, all(args.into_iter())?)),
        _ => Err(refused()),
    }
}

/// The arguments, if they are nothing but expressions.
fn arguments(given: &FunctionArguments) -> Option<Vec<&Expr>> {
    let args = match given {
        FunctionArguments::None => return Some(Vec::new()),
        FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses })
            if clauses.is_empty() =>
        {
            args
        }
        _ => return None,
    };
    args.iter()
        .map(|arg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression),
            _ => None,
        })
        .collect()
}

/// The current date, or the current time with the digits that are asked for.
fn clock(date: bool, args: &[&Expr]) -> Option<Term> {
    let digits = match args {
        [] => 0,
        [digits] if !date => u8::try_from(count(digits)?).ok().filter(|digits| *digits <= 6)?,
        _ => return None,
    };
    Some(Term::Clock(Clock { date, digits, shifts: Vec::new() }))
}
