//! Which scheduler does the duties of which one at a time is enough.
//!
//! The lease is one row, on PostgreSQL's clock; each new holder gets a higher term. A holder
//! that was frozen may still believe in its term for a moment, so what it does under it is
//! either harmless when done twice, or is fenced: it asks in its own transaction whether
//! the term is still its own ([`Leadership::fence`]).

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longshore_shared::store::{Conn, Database, StoreError, leaderships};
use tokio::time::Instant;

/// The name of the leadership.
const NAME: &str = "scheduler";
/// After so long without renewal another scheduler takes over. Shorter than a step's
/// lease, since nothing is lost by a hand-over.
pub(crate) const LEASE: Duration = Duration::from_secs(8);

/// A scheduler's part in the leadership.
#[derive(Debug)]
pub(crate) struct Leadership {
    /// Unlike any other process's, and any other run's of this one.
    holder: String,
    term: Mutex<Option<Term>>,
}

/// A term that was given to us.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Term {
    number: i64,
    /// On the monotonic clock, counted from before the request: never later than the lease.
    until: Instant,
}

impl Leadership {
    /// Nobody's yet.
    pub(crate) fn new(holder: String) -> Self {
        Self { holder, term: Mutex::new(None) }
    }

    /// The term, while it is ours as far as this process can know.
    pub(crate) fn term(&self) -> Option<Term> {
        self.lock().filter(|term| Instant::now() < term.until)
    }

    /// Whether the term is ours in the transaction that asks.
    pub(crate) async fn fence(&self, conn: &mut Conn, term: Term) -> Result<bool, StoreError> {
        leaderships::is_held(conn, NAME, &self.holder, term.number).await
    }

    /// Gives the leadership back, so that another scheduler need not wait for its lapse.
    pub(crate) async fn release(&self, database: &Database) {
        let Some(_) = self.lock().take() else { return };
        let released = async {
            let mut tx = database.system().await?;
            leaderships::release(tx.conn(), NAME, &self.holder).await?;
            tx.commit().await
        };
        if let Err(error) = released.await {
            tracing::warn!(%error, "the leadership was not given back; it lapses by itself");
        }
    }

    /// Takes the leadership, or renews it; a failure leaves the term to end by itself.
    pub(crate) async fn take(&self, database: &Database) -> Result<(), StoreError> {
        self.set(self.hold(database).await?);
        Ok(())
    }

    async fn hold(&self, database: &Database) -> Result<Option<Term>, StoreError> {
        let asked = Instant::now();
        let mut single = database.single().await?;
        let number = leaderships::hold(single.conn(), NAME, &self.holder, LEASE.as_secs_f64()).await?;
        Ok(number.map(|number| Term { number, until: asked + LEASE }))
    }

    /// Takes note of what was answered; tells when it is news.
    fn set(&self, term: Option<Term>) {
        let before = std::mem::replace(&mut *self.lock(), term).map(|term| term.number);
        match (before, term.map(|term| term.number)) {
            (before, Some(now)) if before != Some(now) => tracing::info!(term = now, "this scheduler leads"),
            (Some(before), None) => tracing::info!(term = before, "another scheduler leads"),
            _ => {}
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Term>> {
        self.term.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::Instant;

    use super::{Leadership, Term};

    #[test]
    fn a_term_ends_by_itself() {
        let leadership = Leadership::new("a".to_owned());
        assert!(leadership.term().is_none());
        leadership.set(Some(Term { number: 3, until: Instant::now() + Duration::from_secs(60) }));
        assert_eq!(leadership.term().map(|term| term.number), Some(3));
        leadership.set(Some(Term { number: 3, until: Instant::now() }));
        assert!(leadership.term().is_none());
    }
}
