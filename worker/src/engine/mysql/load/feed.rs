//! The rows that a load resources out, counted as they go.

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use futures::StreamExt;
use mysql_async::{InfileData, LocalInfileError};
use tokio::sync::mpsc;

use super::super::super::{Room, RowBatch};

/// A packet to the server holds at most so many bytes: it refuses larger ones than its
/// `max_allowed_packet`, and a single row may be larger than that.
const PACKET_BYTES: usize = 256 * 1024;

/// How many rows were handed out.
#[derive(Clone, Default)]
pub(super) struct Sent(Arc<AtomicU64>);

impl Sent {
    pub(super) fn rows(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }
}

/// A stream of batches of which the first is already there.
pub(super) struct Feed {
    first: Option<RowBatch>,
    rest: mpsc::Receiver<RowBatch>,
    /// Of the batch that was handed out last: it is on its way until the next one is asked for.
    room: Room,
    sent: Sent,
}

impl Feed {
    /// Waits for the first batch; a stream that ends without one is none.
    pub(super) async fn open(mut rest: mpsc::Receiver<RowBatch>) -> Option<Self> {
        let first = rest.recv().await?;
        Some(Self { first: Some(first), rest, room: Room::default(), sent: Sent::default() })
    }

    pub(super) fn sent(&self) -> Sent {
        self.sent.clone()
    }

    /// The next batch's text.
    pub(super) async fn next(&mut self) -> Option<Bytes> {
        self.room = Room::default();
        let batch = match self.first.take() {
            Some(first) => first,
            None => self.rest.recv().await?,
        };
        self.sent.0.fetch_add(u64::from(batch.rows), Ordering::AcqRel);
        self.room = batch.room;
        Some(batch.bytes)
    }

    /// The text in pieces of a packet's size, of which the server takes so many bytes at most.
    pub(super) fn into_stream(self, largest: usize) -> InfileData {
        futures::stream::unfold((self, VecDeque::new()), move |(mut feed, mut pieces)| async move {
            while pieces.is_empty() {
                pieces.extend(cut(feed.next().await?, largest));
            }
            let piece = pieces.pop_front()?;
            Some((io::Result::Ok(piece), (feed, pieces)))
        })
        .boxed()
    }
}

fn cut(mut text: Bytes, largest: usize) -> impl Iterator<Item = Bytes> {
    std::iter::from_fn(move || {
        let length = text.len().min(PACKET_BYTES).min(largest);
        (length > 0).then(|| text.split_to(length))
    })
}

/// Takes the feed out of the place where it waits to be asked for.
pub(super) fn take(waiting: &Mutex<Option<Feed>>) -> Option<Feed> {
    waiting.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// What a server gets that asks for a file at any other time.
pub(super) fn nothing_to_serve() -> mysql_async::Error {
    mysql_async::DriverError::LocalInfile(LocalInfileError::NoHandler).into()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[tokio::test]
    async fn batches_are_cut_into_packets_and_counted() {
        let (sender, receiver) = mpsc::channel(4);
        for (length, rows) in [(10, 2), (2 * PACKET_BYTES + 1, 1), (PACKET_BYTES, 3)] {
            let bytes = Bytes::from(vec![b'x'; length]);
            sender.send(RowBatch { bytes, rows, room: Room::default() }).await.unwrap();
        }
        drop(sender);
        let feed = Feed::open(receiver).await.unwrap();
        let sent = feed.sent();
        let pieces: Vec<usize> = feed.into_stream(1 << 24).map(|piece| piece.unwrap().len()).collect().await;
        assert_eq!(pieces, [10, PACKET_BYTES, PACKET_BYTES, 1, PACKET_BYTES]);
        assert_eq!(sent.rows(), 6);
    }

    #[tokio::test]
    async fn no_batch_no_feed() {
        let (sender, receiver) = mpsc::channel(1);
        drop(sender);
        assert!(Feed::open(receiver).await.is_none());
    }
}
