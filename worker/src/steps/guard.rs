//! The right to write, as a step sees it: held until a moment on the monotonic clock.
//!
//! The runtime extends it with every renewal that PostgreSQL confirmed, and counts from
//! before the renewal was sent, so that the guard always ends before the lease does.

use std::sync::Mutex;
use std::time::Duration;

use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::time::Instant;

/// What a commit may take; with less of the lease left nothing is written any more.
const MARGIN: Duration = Duration::from_secs(2);

/// Shared between the runtime, which extends it, and the step, which asks it.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    length: Duration,
    until: Mutex<Option<Instant>>,
}

impl LeaseGuard {
    /// A lease of `length` that was asked for at `asked`.
    pub(crate) fn new(asked: Instant, length: Duration) -> Self {
        Self { length, until: Mutex::new(Some(asked + length)) }
    }

    /// It was renewed, which was asked for at `asked`; one that was lost stays lost.
    pub(crate) fn renewed(&self, asked: Instant) {
        if let Some(held) = self.lock().as_mut() {
            *held = asked + self.length;
        }
    }

    /// The lease is gone for good.
    pub(crate) fn lose(&self) {
        *self.lock() = None;
    }

    /// To be asked right before every commit: refuses when the lease is lost, has ended,
    /// or is about to. Short leases (tests) get a margin of a third.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        if self.holds_at(Instant::now()) {
            return Ok(());
        }
        Err(Failure::transient(
            FailureCode::LeaseLost,
            "the worker could not renew its lease in time, so it took back what it had not committed",
        ))
    }

    fn holds_at(&self, now: Instant) -> bool {
        let margin = MARGIN.min(self.length / 3);
        self.lock().is_some_and(|until| now + margin < until)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::LeaseGuard;

    fn guard(seconds: u64) -> (LeaseGuard, Instant) {
        let asked = Instant::now();
        (LeaseGuard::new(asked, Duration::from_secs(seconds)), asked)
    }

    #[test]
    fn nothing_is_written_near_the_end() {
        for (lease, millis, holds) in [
            (30, 0, true),
            (30, 27_900, true),
            (30, 28_000, false),
            (30, 900_000, false),
            (3, 1_900, true),
            (3, 2_000, false),
        ] {
            let (guard, asked) = guard(lease);
            assert_eq!(guard.holds_at(asked + Duration::from_millis(millis)), holds, "{millis} of {lease}");
        }
    }

    #[test]
    fn a_renewal_counts_from_when_it_was_asked_for() {
        let (guard, asked) = guard(30);
        let at = |seconds| asked + Duration::from_secs(seconds);
        guard.renewed(at(10));
        assert!(guard.holds_at(at(37)));
        assert!(!guard.holds_at(at(38)));
        // It lapsed, and nobody took it away: it goes on.
        guard.renewed(at(100));
        assert!(guard.holds_at(at(101)));
    }

    #[test]
    fn what_is_lost_stays_lost() {
        let (guard, asked) = guard(30);
        assert!(guard.check().is_ok());
        guard.lose();
        guard.renewed(asked);
        assert_eq!(guard.check().err().map(|f| f.code.as_str()), Some("lease_lost"));
    }
}
