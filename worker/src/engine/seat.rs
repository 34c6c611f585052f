//! The right to one session of a side whose sessions are counted.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OwnedSemaphorePermit;

/// The right to one session: given back once the session is over, and over on its server as far as
/// its farewell can tell.
#[derive(Debug)]
pub struct Seat {
    _permit: OwnedSemaphorePermit,
    loose: Arc<AtomicU32>,
}

impl Seat {
    /// A right that this permit stands for; sessions that may go on are counted in `loose`.
    pub fn new(permit: OwnedSemaphorePermit, loose: Arc<AtomicU32>) -> Self {
        Self { _permit: permit, loose }
    }

    /// The session did not see its server close it: it may go on there.
    pub(super) fn is_loose(&self) {
        self.loose.fetch_add(1, Ordering::SeqCst);
    }
}
