//! Announces what a settlement owes. What does not go out now, the sweep sends.
//!
//! Rows are marked as confirmed a few times a second, many at once: a mark that is lost with
//! its process costs a second message, which finds its step taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_shared::store::outbox::Owed;
use longshore_shared::store::within;
use longshore_shared::workflow::publish;
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use super::Worker;

/// Well below the age at which the sweep takes a message for lost.
const EVERY: Duration = Duration::from_millis(100);

/// Outbox rows that RabbitMQ confirmed and that are not marked yet.
#[derive(Default)]
pub(super) struct Unmarked {
    ids: Mutex<Vec<i64>>,
    /// There are some.
    news: Notify,
}

impl Unmarked {
    fn add(&self, ids: &[i64]) {
        if !ids.is_empty() {
            self.ids.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
            self.news.notify_one();
        }
    }

    fn take(&self) -> Vec<i64> {
        std::mem::take(&mut *self.ids.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Waits until there are some, and a moment longer for more; sleeps while there are none.
    async fn gathered(&self) {
        self.news.notified().await;
        tokio::time::sleep(EVERY).await;
    }
}

pub(super) async fn announce(worker: &Worker, owed: Vec<Owed>) {
    if owed.is_empty() {
        return;
    }
    let (ids, outcome) = publish::unmarked(&worker.bus, owed).await;
    worker.unmarked.add(&ids);
    if let Err(error) = outcome {
        tracing::warn!("the next steps are announced by the sweep: {error}");
    }
}

/// Marks until `end`, and then what is left.
pub(super) async fn run(worker: Arc<Worker>, end: CancellationToken) {
    loop {
        let last = end.run_until_cancelled(worker.unmarked.gathered()).await.is_none();
        let ids = worker.unmarked.take();
        if !ids.is_empty()
            && let Err(error) = within(super::PATIENCE, publish::mark(&worker.database, &ids)).await
        {
            tracing::debug!("confirmed messages could not be marked: {error}");
            worker.unmarked.add(&ids);
        }
        if last {
            return;
        }
    }
}
