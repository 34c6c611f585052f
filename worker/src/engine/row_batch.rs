//! Rows on their way from the driver that reads to the driver that writes, and how many there may be.

use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc};

use super::Result;

/// A batch is sent on when it holds this many bytes.
pub(super) const BATCH_BYTES: usize = 256 * 1024;

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

/// Makes batches of the rows that a driver reads, and sends them on.
pub(super) struct BatchSender<'a> {
    /// The text of the rows that are not sent yet; whoever appends to it says so ([`BatchSender::added`]).
    pub(super) bytes: BytesMut,
    rows: u32,
    rooms: Rooms,
    /// Of a large row, which is let in before its text is made.
    room: Option<Room>,
    out: &'a mpsc::Sender<RowBatch>,
}

impl<'a> BatchSender<'a> {
    pub(super) fn new(out: &'a mpsc::Sender<RowBatch>) -> Self {
        let bytes = BytesMut::with_capacity(BATCH_BYTES + BATCH_BYTES / 8);
        Self { bytes, rows: 0, rooms: Rooms::new(), room: None, out }
    }

    /// Makes room for a row whose text is at most so long, once those before it are gone: a table
    /// of such rows would fill all of the way with them.
    pub(super) async fn begin_large(&mut self, bytes: usize) -> Result<()> {
        if self.rows > 0 {
            self.send().await?;
        }
        self.room = Some(self.rooms.take(bytes).await);
        self.bytes = BytesMut::with_capacity(bytes);
        Ok(())
    }

    /// The text of so many more rows is there.
    pub(super) async fn added(&mut self, rows: u32) -> Result<()> {
        self.rows += rows;
        if self.bytes.len() >= BATCH_BYTES { self.send().await } else { Ok(()) }
    }

    /// There are no more rows.
    pub(super) async fn finish(mut self) -> Result<()> {
        if self.rows > 0 { self.send().await } else { Ok(()) }
    }

    async fn send(&mut self) -> Result<()> {
        let capacity = BATCH_BYTES + BATCH_BYTES / 8;
        let bytes = std::mem::replace(&mut self.bytes, BytesMut::with_capacity(capacity)).freeze();
        let rows = std::mem::take(&mut self.rows);
        let room = match self.room.take() {
            Some(room) => room,
            None => self.rooms.take(bytes.len()).await,
        };
        self.out.send(RowBatch { bytes, rows, room }).await.map_err(|_| stopped())
    }
}

fn stopped() -> Failure {
    Failure::transient(FailureCode::Stopped, "the read was stopped because its rows are no longer wanted")
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
