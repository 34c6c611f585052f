//! A condition as a tree of what is understood.

use super::interval::{Clock, Shift};

/// A piece of a condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Term {
    /// A column's name.
    Column(String),
    /// A text's value.
    Text(String),
    /// A number, bytes, TRUE, FALSE or NULL, as it is written.
    Plain(String),
    /// A literal of a date or time, `DATE '2024-01-01'`.
    Moment {
        /// DATE, TIME or TIMESTAMP.
        word: &'static str,
        /// What stands in it.
        text: String,
    },
    /// The current time.
    Clock(Clock),
    /// Two operands with a sign between them that compares them.
    Compared(Box<Self>, &'static str, Box<Self>),
    /// Two operands with another sign between them.
    Joined(Box<Self>, &'static str, Box<Self>),
    /// A sign before an operand.
    Signed(&'static str, Box<Self>),
    /// Words after an operand.
    Suffixed(Box<Self>, &'static str),
    /// Whether the first of these is one of the others.
    Among(Vec<Self>, bool),
    /// Whether the first of these lies between the two others.
    Between(Box<[Self; 3]>, bool),
    /// A pattern of LIKE.
    Like(Box<[Self; 2]>, bool),
    /// A regular expression.
    Regexp(Box<Self>, String, bool),
    /// A function's call.
    Call(&'static str, Vec<Self>),
    /// A time, moved.
    Shifted(Box<Self>, Shift),
    /// A value as another type.
    Cast(Box<Self>, Type),
    /// A text with a collation.
    Collated(Box<Self>, &'static str),
    /// `CASE`: an operand that the cases are compared with, cases with results, and the other result.
    Case(Option<Box<Self>>, Vec<(Self, Self)>, Option<Box<Self>>),
}

/// What a value is cast to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Type {
    /// Its name.
    pub(super) word: &'static str,
    /// Its length or digits, as they are written.
    pub(super) size: String,
}

impl Term {
    /// The pieces of this piece.
    pub(super) fn children(&self) -> Vec<&Self> {
        match self {
            Self::Column(_) | Self::Text(_) | Self::Plain(_) | Self::Moment { .. } | Self::Clock(_) => {
                Vec::new()
            }
            Self::Compared(left, _, right) | Self::Joined(left, _, right) => vec![left, right],
            Self::Signed(_, of)
            | Self::Suffixed(of, _)
            | Self::Regexp(of, _, _)
            | Self::Shifted(of, _)
            | Self::Cast(of, _)
            | Self::Collated(of, _) => vec![of],
            Self::Among(all, _) | Self::Call(_, all) => all.iter().collect(),
            Self::Between(all, _) => all.iter().collect(),
            Self::Like(all, _) => all.iter().collect(),
            Self::Case(of, cases, other) => {
                let of = of.as_deref().into_iter();
                let cases = cases.iter().flat_map(|(case, result)| [case, result]);
                of.chain(cases).chain(other.as_deref()).collect()
            }
        }
    }

    /// The pieces of this piece, to be changed.
    pub(super) fn children_mut(&mut self) -> Vec<&mut Self> {
        match self {
            Self::Column(_) | Self::Text(_) | Self::Plain(_) | Self::Moment { .. } | Self::Clock(_) => {
                Vec::new()
            }
            Self::Compared(left, _, right) | Self::Joined(left, _, right) => vec![left, right],
            Self::Signed(_, of)
            | Self::Suffixed(of, _)
            | Self::Regexp(of, _, _)
            | Self::Shifted(of, _)
            | Self::Cast(of, _)
            | Self::Collated(of, _) => vec![of],
            Self::Among(all, _) | Self::Call(_, all) => all.iter_mut().collect(),
            Self::Between(all, _) => all.iter_mut().collect(),
            Self::Like(all, _) => all.iter_mut().collect(),
            Self::Case(of, cases, other) => {
                let of = of.as_deref_mut().into_iter();
                let cases = cases.iter_mut().flat_map(|(case, result)| [case, result]);
                of.chain(cases).chain(other.as_deref_mut()).collect()
            }
        }
    }

    /// Whether this piece or one in it is such a one.
    pub(super) fn any(&self, is: &dyn Fn(&Self) -> bool) -> bool {
        is(self) || self.children().into_iter().any(|child| child.any(is))
    }

    /// Every column that is named, as often as it is.
    pub(super) fn columns(&self) -> Vec<&str> {
        match self {
            Self::Column(name) => vec![name],
            other => other.children().into_iter().flat_map(Self::columns).collect(),
        }
    }
}
