//! Numbers as they are shown.

/// Exact up to 2^53, far beyond any table; a rate and not a count comes of it.
pub(super) fn float(number: i64) -> f64 {
    number as f64
}

/// One digit after the point.
pub(super) fn tenths(number: f64) -> f64 {
    (number * 10.0).round() / 10.0
}
