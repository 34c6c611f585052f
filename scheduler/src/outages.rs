//! Whether PostgreSQL is away, as the duties find it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use longshore_shared::workflow::WorkflowError;
use tokio::time::Instant;

/// Whether PostgreSQL was found away, by any duty, and since when it answers again;
/// measured on the monotonic clock.
#[derive(Debug, Default)]
pub(crate) struct Outages {
    /// `None`: away. A scheduler that begins does not know what was before, so it begins so.
    back_since: Mutex<Option<Instant>>,
}

impl Outages {
    /// Takes note of a failure, if it is one of reaching PostgreSQL.
    pub(crate) fn note(&self, error: &WorkflowError) {
        if matches!(error, WorkflowError::Store(error) if error.is_outage()) {
            *self.lock() = None;
        }
    }

    /// PostgreSQL has answered; says for how long it has.
    pub(crate) fn answered(&self) -> Duration {
        self.lock().get_or_insert_with(Instant::now).elapsed()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Instant>> {
        self.back_since.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use longshore_shared::store::{Database, RowError, StoreError};
    use longshore_shared::workflow::WorkflowError;
    use tokio::time::Instant;

    use super::Outages;

    #[tokio::test]
    async fn only_an_outage_ends_the_calm() {
        let closed = Database::new("postgres://a@127.0.0.1:1/a", 1, "test").expect("the URL is good");
        closed.close().await;
        let outages = Outages::default();
        assert!(outages.answered() < Duration::from_secs(60));
        *outages.lock() = Instant::now().checked_sub(Duration::from_secs(60));
        outages.note(&WorkflowError::RunInProgress);
        outages.note(&StoreError::Row(RowError::Absent("a row")).into());
        assert!(outages.answered() >= Duration::from_secs(60));
        outages.note(&closed.ping().await.expect_err("the pool is closed").into());
        assert!(outages.answered() < Duration::from_secs(60));
    }
}
