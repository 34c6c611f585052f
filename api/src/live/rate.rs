//! Rows and bytes a second over a sliding window.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

/// Long enough to be calm, short enough to be of now.
const WINDOW: Duration = Duration::from_secs(10);
/// Before this much was seen there is no rate.
const LEAST: Duration = Duration::from_secs(1);

/// What was done lately, and when.
#[derive(Debug)]
pub(super) struct Rate {
    since: Instant,
    done: VecDeque<(Instant, i64, i64)>,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, done: VecDeque::new() }
    }

    /// So many more rows and bytes were done.
    pub(super) fn add(&mut self, now: Instant, rows: i64, bytes: i64) {
        while self.done.front().is_some_and(|(at, ..)| now.duration_since(*at) > WINDOW) {
            self.done.pop_front();
        }
        self.done.push_back((now, rows, bytes));
    }

    /// Rows and bytes a second, if anything can be said.
    pub(super) fn at(&self, now: Instant) -> Option<(f64, f64)> {
        let seen = now.duration_since(self.since).min(WINDOW);
        if seen < LEAST {
            return None;
        }
        let lately = self.done.iter().filter(|(at, ..)| now.duration_since(*at) <= WINDOW);
        let (rows, bytes) = lately.fold((0, 0), |(rows, bytes), (_, r, b)| (rows + r, bytes + b));
        Some((rows as f64 / seen.as_secs_f64(), bytes as f64 / seen.as_secs_f64()))
    }
}
