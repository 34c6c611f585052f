//! The right to write, as a step sees it: held until a moment on the monotonic clock.
//!
//! The runtime extends it with every renewal that PostgreSQL confirmed, and counts from
//! before the renewal was sent, so that the guard always ends before the lease does.

use std::sync::Mutex;
use std::time::{Duration, Instant};

use longshore_shared::domain::failure::{Failure, FailureClass};

/// What a commit may take; with less of the lease left nothing is written any more.
const MARGIN: Duration = Duration::from_secs(2);

/// Shared between the runtime, which extends it, and the step, which asks it.
#[derive(Debug)]
pub(crate) struct LeaseGuard {
    until: Mutex<Option<Instant>>,
    margin: Duration,
}

impl LeaseGuard {
    /// Held until `until`; short leases (tests) get a margin of a third.
    pub(crate) fn new(until: Instant, lease: Duration) -> Self {
        Self { until: Mutex::new(Some(until)), margin: MARGIN.min(lease / 3) }
    }

    /// The lease was renewed until `until`; one that was lost stays lost.
    pub(crate) fn extend(&self, until: Instant) {
        if let Some(held) = self.lock().as_mut() {
            *held = until;
        }
    }

    /// The lease is gone for good.
    pub(crate) fn lose(&self) {
        *self.lock() = None;
    }

    /// Whether the lease was lost for good.
    pub(crate) fn is_lost(&self) -> bool {
        self.lock().is_none()
    }

    /// To be asked right before every commit: refuses when the lease is lost, has ended,
    /// or is about to.
    pub(crate) fn check(&self) -> Result<(), Failure> {
        let held = *self.lock();
        if held.is_some_and(|until| Instant::now() + self.margin < until) {
            return Ok(());
        }
        Err(Failure::transient(
            FailureClass::Internal,
            "lease_lost",
            "the worker could not renew its lease in time, so it took back what it had not committed",
            "nothing is to be done; another attempt follows",
        ))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.until.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::{Duration, Instant, LeaseGuard};

    #[test]
    fn a_lease_that_ends_soon_or_was_lost_lets_nothing_be_written() {
        let lease = Duration::from_secs(30);
        let guard = LeaseGuard::new(Instant::now() + lease, lease);
        assert!(guard.check().is_ok());
        guard.extend(Instant::now() + Duration::from_secs(1));
        assert!(guard.check().is_err());
        guard.extend(Instant::now() + lease);
        assert!(guard.check().is_ok());
        guard.lose();
        guard.extend(Instant::now() + lease);
        assert!(guard.is_lost());
        assert!(guard.check().is_err());
    }
}
