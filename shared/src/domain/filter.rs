//! Which rows of a table a sync covers: a condition on its columns, as a person writes it in SQL.
//!
//! Invariants: a server never gets the person's text, only what was understood of it, written anew;
//! and only what has the same answer for the same row, whenever and by whichever server it is
//! asked: columns, literals, comparisons, arithmetic and some functions, no other table, no clock,
//! no session. Deliberately not here: how a server spells a column or a text (whoever writes the
//! statement knows), and which columns there are.

use serde::{Deserialize, Serialize};
use sqlparser::ast::{
    BinaryOperator, CeilFloorKind, DateTimeField, Expr, Function, FunctionArg, FunctionArgExpr,
    FunctionArgumentList, FunctionArguments, ObjectNamePart, UnaryOperator, Value,
};
use sqlparser::dialect::MySqlDialect;
use sqlparser::parser::Parser;
use sqlparser::tokenizer::Token;

/// Characters that a condition may have.
pub const LONGEST_FILTER: usize = 4_000;

/// To a whole number.
const WHOLE: CeilFloorKind = CeilFloorKind::DateTimeField(DateTimeField::NoDateTime);

/// Functions of a row alone.
const FUNCTIONS: &[&str] = &[
    "ABS",
    "CEILING",
    "CHAR_LENGTH",
    "COALESCE",
    "CONCAT",
    "CRC32",
    "DATE",
    "DAY",
    "FLOOR",
    "GREATEST",
    "HOUR",
    "IF",
    "IFNULL",
    "LEAST",
    "LEFT",
    "LENGTH",
    "LOWER",
    "MINUTE",
    "MOD",
    "MONTH",
    "NULLIF",
    "RIGHT",
    "SECOND",
    "SIGN",
    "UPPER",
    "YEAR",
];

/// A condition on the rows of one table. Serialises as the text that it was read from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Filter {
    text: String,
    parts: Vec<Part>,
}

/// A piece of the condition.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    /// Words and signs that need no care.
    Plain(String),
    /// A column's name.
    Column(String),
    /// A text's value.
    Text(String),
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
        let wrong = |error: &dyn std::fmt::Display| format!("it is no condition in SQL: {error}");
        let mut parser = Parser::new(&MySqlDialect {}).try_with_sql(text).map_err(|error| wrong(&error))?;
        let condition = parser.parse_expr().map_err(|error| wrong(&error))?;
        let left = parser.peek_token().token;
        if left != Token::EOF {
            return Err(format!("one condition is expected, and nothing after it, but there is {left}"));
        }
        let mut parts = Parts::default();
        parts.expression(&condition)?;
        if !parts.0.iter().any(|part| matches!(part, Part::Column(_))) {
            return Err("it names no column of the table".to_owned());
        }
        Ok(Self { text: text.to_owned(), parts: parts.0 })
    }

    /// The text that it was read from.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Every column that it names, as often as it does.
    pub fn columns(&self) -> impl Iterator<Item = &str> {
        self.parts.iter().filter_map(|part| match part {
            Part::Column(name) => Some(name.as_str()),
            Part::Plain(_) | Part::Text(_) => None,
        })
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

type Written = Result<(), String>;

#[derive(Default)]
struct Parts(Vec<Part>);

impl Parts {
    fn plain(&mut self, words: impl Into<String>) {
        self.0.push(Part::Plain(words.into()));
    }

    /// Each operation in parentheses: servers need not agree on what binds closer.
    fn expression(&mut self, expression: &Expr) -> Written {
        match expression {
            Expr::Nested(inner) => self.expression(inner),
            // The dialect takes a variable for a name.
            Expr::Identifier(name) if name.quote_style.is_none() && name.value.starts_with('@') => {
                Err(format!("`{name}` is not taken in a condition: variables differ from session to session"))
            }
            Expr::Identifier(name) => {
                self.0.push(Part::Column(name.value.clone()));
                Ok(())
            }
            Expr::CompoundIdentifier(_) => {
                Err("a column is named alone, without its table or database".to_owned())
            }
            Expr::Value(value) => self.literal(&value.value),
            Expr::TypedString(typed) => self.typed(&typed.data_type.to_string(), &typed.value.value),
            Expr::BinaryOp { left, op, right } => self.binary(left, op, right),
            Expr::UnaryOp { op, expr } => self.unary(*op, expr),
            Expr::IsNull(of) => self.suffixed(of, " IS NULL"),
            Expr::IsNotNull(of) => self.suffixed(of, " IS NOT NULL"),
            Expr::IsTrue(of) => self.suffixed(of, " IS TRUE"),
            Expr::IsNotTrue(of) => self.suffixed(of, " IS NOT TRUE"),
            Expr::IsFalse(of) => self.suffixed(of, " IS FALSE"),
            Expr::IsNotFalse(of) => self.suffixed(of, " IS NOT FALSE"),
            Expr::InList { expr, list, negated } => {
                self.plain("(");
                self.expression(expr)?;
                self.plain(if *negated { " NOT IN (" } else { " IN (" });
                self.list(list.iter())?;
                self.plain("))");
                Ok(())
            }
            Expr::Between { expr, negated, low, high } => {
                self.plain("(");
                self.expression(expr)?;
                self.plain(if *negated { " NOT BETWEEN " } else { " BETWEEN " });
                self.expression(low)?;
                self.plain(" AND ");
                self.expression(high)?;
                self.plain(")");
                Ok(())
            }
            Expr::Like { negated, any: false, expr, pattern, escape_char: None } => {
                self.plain("(");
                self.expression(expr)?;
                self.plain(if *negated { " NOT LIKE " } else { " LIKE " });
                self.expression(pattern)?;
                self.plain(")");
                Ok(())
            }
            Expr::Function(function) => self.call(function),
            // What the parser has a form of its own for.
            Expr::Ceil { expr, field: WHOLE } => self.named("CEILING", [&**expr].into_iter()),
            Expr::Floor { expr, field: WHOLE } => self.named("FLOOR", [&**expr].into_iter()),
            Expr::Subquery(_) | Expr::InSubquery { .. } | Expr::Exists { .. } => {
                Err("it may look at the row's own columns only, at no other table".to_owned())
            }
            other => Err(format!("`{other}` is not taken in a condition")),
        }
    }

    fn literal(&mut self, value: &Value) -> Written {
        match value {
            Value::Number(number, false)
                if number.bytes().all(|b| b.is_ascii_digit() || b".eE+-".contains(&b)) =>
            {
                self.plain(number.as_str());
            }
            Value::SingleQuotedString(text) | Value::DoubleQuotedString(text) => {
                self.0.push(Part::Text(text.clone()));
            }
            Value::HexStringLiteral(digits) if digits.bytes().all(|b| b.is_ascii_hexdigit()) => {
                self.plain(format!("X'{digits}'"));
            }
            Value::Boolean(value) => self.plain(if *value { "TRUE" } else { "FALSE" }),
            Value::Null => self.plain("NULL"),
            other => return Err(format!("`{other}` is not taken in a condition")),
        }
        Ok(())
    }

    fn typed(&mut self, kind: &str, value: &Value) -> Written {
        let (Value::SingleQuotedString(text) | Value::DoubleQuotedString(text)) = value else {
            return Err(format!("`{kind} {value}` is not taken in a condition"));
        };
        let is_time = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b"-: .".contains(&b));
        if !["DATE", "TIME", "TIMESTAMP"].contains(&kind) || !is_time {
            return Err(format!("`{kind} {value}` is no literal of a date or time"));
        }
        self.plain(format!("{kind} '{text}'"));
        Ok(())
    }

    fn binary(&mut self, left: &Expr, op: &BinaryOperator, right: &Expr) -> Written {
        let sign = match op {
            BinaryOperator::Plus => " + ",
            BinaryOperator::Minus => " - ",
            BinaryOperator::Multiply => " * ",
            BinaryOperator::Divide => " / ",
            BinaryOperator::Modulo => " % ",
            BinaryOperator::MyIntegerDivide => " DIV ",
            BinaryOperator::Gt => " > ",
            BinaryOperator::Lt => " < ",
            BinaryOperator::GtEq => " >= ",
            BinaryOperator::LtEq => " <= ",
            BinaryOperator::Eq => " = ",
            BinaryOperator::NotEq => " <> ",
            BinaryOperator::Spaceship => " <=> ",
            BinaryOperator::And => " AND ",
            BinaryOperator::Or => " OR ",
            BinaryOperator::Xor => " XOR ",
            other => return Err(format!("`{other}` is not taken in a condition")),
        };
        self.plain("(");
        self.expression(left)?;
        self.plain(sign);
        self.expression(right)?;
        self.plain(")");
        Ok(())
    }

    fn unary(&mut self, op: UnaryOperator, of: &Expr) -> Written {
        let sign = match op {
            UnaryOperator::Not | UnaryOperator::BangNot => "NOT ",
            // Two signs would begin a comment.
            UnaryOperator::Minus => "- ",
            UnaryOperator::Plus => "+ ",
            other => return Err(format!("`{other}` is not taken in a condition")),
        };
        self.plain(format!("({sign}"));
        self.expression(of)?;
        self.plain(")");
        Ok(())
    }

    fn suffixed(&mut self, of: &Expr, suffix: &str) -> Written {
        self.plain("(");
        self.expression(of)?;
        self.plain(format!("{suffix})"));
        Ok(())
    }

    fn list<'a>(&mut self, list: impl Iterator<Item = &'a Expr>) -> Written {
        for (at, expression) in list.enumerate() {
            if at > 0 {
                self.plain(", ");
            }
            self.expression(expression)?;
        }
        Ok(())
    }

    fn call(&mut self, function: &Function) -> Written {
        let refused = || {
            format!(
                "`{function}` is not taken in a condition; of functions it may call {}",
                FUNCTIONS.join(", ")
            )
        };
        let [ObjectNamePart::Identifier(name)] = function.name.0.as_slice() else { return Err(refused()) };
        let name = name.value.to_uppercase();
        let is_bare = !function.uses_odbc_syntax
            && matches!(function.parameters, FunctionArguments::None)
            && function.filter.is_none()
            && function.null_treatment.is_none()
            && function.over.is_none()
            && function.within_group.is_empty();
        let FunctionArguments::List(FunctionArgumentList { duplicate_treatment: None, args, clauses }) =
            &function.args
        else {
            return Err(refused());
        };
        if !is_bare || !clauses.is_empty() || args.is_empty() || !FUNCTIONS.contains(&name.as_str()) {
            return Err(refused());
        }
        let plain = |arg: &FunctionArg| match arg {
            FunctionArg::Unnamed(FunctionArgExpr::Expr(expression)) => Some(expression.clone()),
            _ => None,
        };
        let args: Vec<Expr> = args.iter().map(plain).collect::<Option<_>>().ok_or_else(refused)?;
        self.named(&name, args.iter())
    }

    fn named<'a>(&mut self, name: &str, args: impl Iterator<Item = &'a Expr>) -> Written {
        self.plain(format!("{name}("));
        self.list(args)?;
        self.plain(")");
        Ok(())
    }
}

#[cfg(test)]
mod tests;
