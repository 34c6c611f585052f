//! The words of a condition for the current time and for intervals; what they come to, `clock` tells.

/// The current time or date, moved by intervals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Clock {
    /// Only the date is asked for.
    pub(super) date: bool,
    /// Digits of the second's fraction.
    pub(super) digits: u8,
    /// How it is moved, in order.
    pub(super) shifts: Vec<Shift>,
}

/// An interval.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Shift {
    /// How many, of which less than none go back.
    pub(super) count: i64,
    /// Of which unit.
    pub(super) unit: &'static str,
}
