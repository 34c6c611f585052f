//! Announces what a settlement owes. What does not go out now, the sweep sends.
//!
//! Rows are marked as confirmed a few times a second, many at once: a mark that is lost with
//! its process costs a second message, which finds its step taken.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use longshore_shared::store::outbox::Owed;
use longshore_shared::store::within;
use longshore_shared::workflow::publish;
use tokio_util::sync::CancellationToken;

use super::Worker;

/// Well below the age at which the sweep takes a message for lost.
const EVERY: Duration = Duration::from_millis(100);

/// Outbox rows that RabbitMQ confirmed and that are not marked yet.
#[derive(Default)]
pub(super) struct Unmarked(Mutex<Vec<i64>>);

impl Unmarked {
    fn add(&self, ids: &[i64]) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).extend(ids);
    }

    fn take(&self) -> Vec<i64> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
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
    let mut ticks = tokio::time::interval(EVERY);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        let last = tokio::select! {
            biased;
            () = end.cancelled() => true,
            _ = ticks.tick() => false,
        };
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
