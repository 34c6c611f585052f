//! The one pump: a range of rows from where they come to where they go.

use futures::future::{Either, select};
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::Counts;
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::meter::{Meter, whole};
use crate::engine::shape::{Range, TableShape};
use crate::engine::{Loaded, Result, RowBatch, RowSink, RowSource};

/// Batches in each of the two channels: about 1 MiB in flight on either side of the meter.
const IN_FLIGHT: usize = 4;

/// Streams the rows of `range` into the sink (a server's open transaction) and returns how many
/// the source sent and the sink took, which are equal, with what the sink doubts.
///
/// The sink learns of the end of the data only after the source said that it was the
/// end: when the source fails, the load is dropped in the middle, its session is of no
/// use any more, and the caller gives the session up without a commit.
pub(crate) async fn pump(
    source: &mut dyn RowSource,
    sink: &mut dyn RowSink,
    table: &TableShape,
    range: &Range,
    meter: &Meter,
) -> Result<Loaded> {
    let (to_meter, read) = mpsc::channel(IN_FLIGHT);
    let (to_writer, metered) = mpsc::channel(IN_FLIGHT);
    let stream = source.stream(table, range, to_meter);
    let load = sink.load(table, metered);
    let (sent, loaded) = flow(stream, Middle { read, to_writer, meter }, load).await?;
    if sent == loaded.rows { Ok(loaded) } else { Err(lost(table, sent, loaded.rows)) }
}

/// What stands between the two ends.
struct Middle<'a> {
    read: Receiver<RowBatch>,
    to_writer: Sender<RowBatch>,
    meter: &'a Meter,
}

async fn flow<T>(
    stream: impl Future<Output = Result<u64>> + Send,
    middle: Middle<'_>,
    load: impl Future<Output = Result<T>> + Send,
) -> Result<(u64, T)> {
    // The middle lives as long as this future, so its sender is dropped, and the writer
    // learns of the end, when the reader has said its word. If that is a failure, the
    // load is not polled again.
    let feed = Box::pin(async move {
        let (sent, ()) = futures::join!(stream, count(middle.read, &middle.to_writer, middle.meter));
        sent
    });
    match select(feed, Box::pin(load)).await {
        Either::Left((Ok(sent), load)) => Ok((sent, load.await?)),
        // The writer closed its end first: its reason is the one to tell.
        Either::Left((Err(failure), load)) if failure.code == FailureCode::Stopped => {
            load.await?;
            Err(failure)
        }
        Either::Left((Err(failure), _)) | Either::Right((Err(failure), _)) => Err(failure),
        Either::Right((Ok(stored), feed)) => Ok((feed.await?, stored)),
    }
}

async fn count(mut from: Receiver<RowBatch>, to: &Sender<RowBatch>, meter: &Meter) {
    while let Some(batch) = from.recv().await {
        let counts =
            Counts { rows: i64::from(batch.rows), bytes: whole(batch.bytes.len()), ..Counts::default() };
        if to.send(batch).await.is_err() {
            return;
        }
        meter.add(counts);
    }
}

fn lost(table: &TableShape, sent: u64, stored: u64) -> Failure {
    Failure::permanent(
        FailureCode::RowsLost,
        format!("load table {}: {sent} rows were sent and {stored} were stored", table.name),
    )
}

#[cfg(test)]
mod tests;
