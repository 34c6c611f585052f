//! Rows on their way from the driver that reads to the driver that writes, and how many there may be.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// A piece of a row stream: whole rows in the engine group's bulk-load text.
#[derive(Debug)]
pub struct RowBatch {
    /// Rows, each ended by the format's row end.
    pub bytes: Bytes,
    /// How many rows `bytes` holds.
    pub rows: u32,
    /// Its place among the bytes that are on their way: whoever has read the rows lets go of it.
    pub room: Room,
}

/// A part of what a stream may have on its way; free again when it is dropped.
#[derive(Debug, Default)]
pub struct Room {
    /// None: it takes no place.
    _permit: Option<OwnedSemaphorePermit>,
}

/// Bytes that a stream may have on its way, between the driver that reads and the driver that
/// writes. A single row may be larger: then it is on its way alone.
#[derive(Debug)]
pub struct Rooms(Arc<Semaphore>);

impl Rooms {
    const BYTES: u32 = 4 << 20;

    /// All of it free.
    pub fn new() -> Self {
        Self(Arc::new(Semaphore::new(Self::BYTES as usize)))
    }

    /// Waits until there is room for so many bytes.
    pub async fn take(&self, bytes: usize) -> Room {
        let most = u32::try_from(bytes).unwrap_or(u32::MAX).min(Self::BYTES);
        // Nobody closes it.
        Room { _permit: Arc::clone(&self.0).acquire_many_owned(most).await.ok() }
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::Rooms;

    #[tokio::test]
    async fn a_large_row_is_on_its_way_alone() {
        let rooms = Rooms::new();
        let small = rooms.take(1).await;
        assert!(rooms.take(usize::MAX).now_or_never().is_none(), "there is another one before it");
        drop(small);
        let large = rooms.take(usize::MAX).await;
        assert!(rooms.take(1).now_or_never().is_none(), "it takes all of the way");
        drop(large);
        assert!(rooms.take(1).now_or_never().is_some());
    }
}
