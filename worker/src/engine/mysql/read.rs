//! A range's rows as bulk-load text.
//!
//! Invariants: at most one batch and one row are in memory, and a few mebibytes on their way, or a
//! single row that is larger; a receiver that is gone ends
//! the read, and the session then still owes the server the rest of the result (whoever
//! goes on using it waits for that: better close it).

pub(super) mod bounds;
pub(super) mod page;
pub(super) mod relations;
pub(super) mod select;
pub(super) mod walk;

use bytes::BytesMut;
use longshore_shared::domain::failure::{Failure, FailureClass};
use tokio::sync::mpsc;

use super::super::shape::{Range, TableShape};
use super::super::{Result, Room, Rooms, RowBatch, network};
use super::connect::Session;
use super::errors::classify;
use super::quote::ident;
use crate::row::mysql_text::{TextError, largest_text, push_packet};

/// A batch is sent on when it holds this many bytes.
const BATCH_BYTES: usize = 256 * 1024;

pub(super) async fn stream(
    s: &mut Session,
    t: &TableShape,
    range: &Range,
    out: mpsc::Sender<RowBatch>,
) -> Result<u64> {
    let doing = format!("read table `{}`", t.name);
    let failed = |error: mysql_async::Error| classify(&error, &doing);
    s.compute_under(t, &doing).await?;
    let stored = select::stored(t)?;
    let columns = stored.len();
    let mut query = format!("SELECT {} FROM {}", select::list(stored, ""), ident(&t.name)).into_bytes();
    query.extend(bounds::condition(t, range, None)?);
    let mut result = s.conn.ask(query).await.map_err(failed)?;
    if result.columns_ref().len() != columns {
        return Err(network::not_this_engine(
            &doing,
            "the server's rows have other columns than were asked for",
        ));
    }
    let mut batch = Batch::new(&out);
    let mut rows = 0;
    while let Some(packet) = result.next_packet().await.map_err(failed)? {
        if packet.len() > BATCH_BYTES {
            batch.begin_large(largest_text(&packet, columns)).await?;
        }
        push_packet(&mut batch.bytes, &packet, columns).map_err(|error| strange(&doing, error))?;
        // Before anybody is waited for: it may be large.
        drop(packet);
        rows += 1;
        batch.rows += 1;
        if batch.bytes.len() >= BATCH_BYTES {
            batch.send().await?;
        }
    }
    if batch.rows > 0 {
        batch.send().await?;
    }
    Ok(rows)
}

fn strange(doing: &str, error: TextError) -> Failure {
    network::not_this_engine(doing, &format!("the server sent {error}"))
}

struct Batch<'a> {
    bytes: BytesMut,
    rows: u32,
    rooms: Rooms,
    /// Of a large row, which is let in before its text is made.
    room: Option<Room>,
    out: &'a mpsc::Sender<RowBatch>,
}

impl<'a> Batch<'a> {
    fn new(out: &'a mpsc::Sender<RowBatch>) -> Self {
        let bytes = BytesMut::with_capacity(BATCH_BYTES + BATCH_BYTES / 8);
        Self { bytes, rows: 0, rooms: Rooms::new(), room: None, out }
    }

    /// Makes room for a row whose text is at most so long, once those before it are gone: a table
    /// of such rows would fill all of the way with them.
    async fn begin_large(&mut self, bytes: usize) -> Result<()> {
        if self.rows > 0 {
            self.send().await?;
        }
        self.room = Some(self.rooms.take(bytes).await);
        self.bytes = BytesMut::with_capacity(bytes);
        Ok(())
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
    Failure::transient(
        FailureClass::Internal,
        "stopped",
        "the read was stopped because its rows are no longer wanted",
        "see why the other side ended",
    )
}
