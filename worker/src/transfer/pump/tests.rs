use bytes::Bytes;
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::sync::mpsc::{self, Receiver, Sender};

use super::{IN_FLIGHT, Middle, flow};
use crate::engine::{Result, Room, RowBatch};
use crate::transfer::Meter;

fn lost(code: FailureCode) -> Failure {
    Failure::transient(code, "gone")
}

/// Sends `batches` of two rows, then ends as told.
async fn stream(to: Sender<RowBatch>, batches: u64, end: Result<()>) -> Result<u64> {
    for _ in 0..batches {
        let batch = RowBatch { bytes: Bytes::from_static(b"1\n2\n"), rows: 2, room: Room::default() };
        to.send(batch).await.map_err(|_| lost(FailureCode::Stopped))?;
    }
    end.map(|()| batches * 2)
}

/// Takes up to `most` batches; notes when it saw the end of the data.
async fn load(mut from: Receiver<RowBatch>, most: u64, end: Result<()>, saw_end: &mut bool) -> Result<u64> {
    let mut rows = 0;
    for _ in 0..most {
        match from.recv().await {
            Some(batch) => rows += u64::from(batch.rows),
            None => {
                *saw_end = true;
                break;
            }
        }
    }
    drop(from);
    end.map(|()| rows)
}

async fn check(
    reads: (u64, Result<()>),
    writes: (u64, Result<()>),
    expected: std::result::Result<(u64, u64), &str>,
    end_expected: bool,
) {
    let meter = Meter::default();
    let (to_meter, read) = mpsc::channel(IN_FLIGHT);
    let (to_writer, metered) = mpsc::channel(IN_FLIGHT);
    let mut saw_end = false;
    let answer = flow(
        stream(to_meter, reads.0, reads.1),
        Middle { read, to_writer, meter: &meter },
        load(metered, writes.0, writes.1, &mut saw_end),
    )
    .await;
    assert_eq!(answer.as_ref().map_err(|f| f.code.as_str()).copied(), expected);
    assert_eq!(saw_end, end_expected);
    if let Ok((sent, _)) = answer {
        assert_eq!(meter.counts().rows, i64::try_from(sent).unwrap_or(-1));
        assert_eq!(meter.counts().bytes, meter.counts().rows * 2);
    }
}

#[tokio::test]
async fn both_ends() {
    check((100, Ok(())), (u64::MAX, Ok(())), Ok((200, 200)), true).await;
    check((0, Ok(())), (u64::MAX, Ok(())), Ok((0, 0)), true).await;
    // A reader that fails is never the end of the data.
    for batches in [0, 1, 3, 50] {
        let reads = (batches, Err(lost(FailureCode::ConnectionLost)));
        check(reads, (u64::MAX, Ok(())), Err("connection_lost"), false).await;
    }
    // A writer that fails is the one whose reason is told.
    check((100, Ok(())), (3, Err(lost(FailureCode::Deadlock))), Err("deadlock"), false).await;
    check((100, Ok(())), (0, Err(lost(FailureCode::Deadlock))), Err("deadlock"), false).await;
    check((2, Ok(())), (u64::MAX, Err(lost(FailureCode::DiskFull))), Err("disk_full"), true).await;
    // A writer that stops without a reason did not store everything.
    check((100, Ok(())), (3, Ok(())), Err("stopped"), false).await;
}
