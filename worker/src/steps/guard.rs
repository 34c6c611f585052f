//! The right to write, as a step sees it: held until a moment on the monotonic clock.
//!
//! The runtime extends it with every renewal that PostgreSQL confirmed, and counts from
//! before the renewal was sent, so that the guard always ends before the lease does.

use std::sync::Mutex;
use std::time::Duration;

use longshore_shared::domain::failure::{Failure, FailureClass};
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
        let margin = MARGIN.min(self.length / 3);
        if self.lock().is_some_and(|until| Instant::now() + margin < until) {
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
    use std::time::Duration;

    use tokio::time::{Instant, advance};

    use super::LeaseGuard;

    const LEASE: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn nothing_is_written_near_the_end() {
        let guard = LeaseGuard::new(Instant::now(), LEASE);
        assert!(guard.check().is_ok());
        advance(Duration::from_millis(27_900)).await;
        assert!(guard.check().is_ok());
        advance(Duration::from_millis(100)).await;
        assert_eq!(guard.check().err().map(|f| f.code).as_deref(), Some("lease_lost"));
        advance(Duration::from_secs(600)).await;
        assert!(guard.check().is_err());
        // Nobody took it away meanwhile: it goes on.
        guard.renewed(Instant::now());
        assert!(guard.check().is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_counts_from_when_it_was_asked_for() {
        let guard = LeaseGuard::new(Instant::now(), LEASE);
        advance(Duration::from_secs(10)).await;
        let asked = Instant::now();
        advance(Duration::from_secs(12)).await; // the answer took its time
        guard.renewed(asked);
        advance(Duration::from_secs(15)).await;
        assert!(guard.check().is_ok());
        advance(Duration::from_secs(1)).await;
        assert!(guard.check().is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_lost_stays_lost() {
        let guard = LeaseGuard::new(Instant::now(), LEASE);
        guard.lose();
        guard.renewed(Instant::now());
        assert!(guard.check().is_err());
    }
}
