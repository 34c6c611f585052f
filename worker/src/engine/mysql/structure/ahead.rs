//! Reads ahead of another session's statement that walks a whole table.
//!
//! MariaDB builds an index by reading the table page by page, and waits for each: its
//! read-ahead does not see that walk (`Innodb_buffer_pool_read_ahead` stands still). Of a
//! table larger than the buffer pool, one page after another comes from the disk while the
//! processor rests. A second session that walks the key some way before it has the pages in memory
//! by the time they are wanted: 10 million rows of 200 bytes in a pool of 256 MiB were indexed in
//! 10 to 11 s instead of 17. MySQL 5.7 reads ahead by itself, there it won nothing.
//! Invariants: only keys are read, by statements that are short, so that a change of the table's
//! structure never waits for long; a quarter of the pool at most is ahead, or pages would leave it
//! before they are wanted; nothing depends on it.

use std::time::Duration;

use super::super::super::Result;
use super::super::super::shape::{Range, TableShape};
use super::super::connect::{Session, number_at};
use super::super::read::walk;
use super::super::split::key_after;

/// What one statement walks past, in bytes.
const STRIDE: u64 = 8 << 20;
/// Pages that the server waited for since the last look, at least, when the other session has come
/// to where the pages in memory end.
const MISSES: u64 = 20;
/// How often that is looked at.
const LOOK: Duration = Duration::from_millis(20);

/// How far to walk, in rows.
struct Pace {
    /// With one statement.
    stride: u64,
    /// Before the other session must have come after.
    lead: u64,
}

pub(in super::super) async fn read_ahead(s: &mut Session, t: &TableShape, bytes: u64) -> Result<()> {
    // What a sync covers is no matter here: the other session reads every row.
    let t = &*t.unfiltered();
    let Some(pace) = pace(s, t, bytes).await? else { return Ok(()) };
    let mut rest = Range::ALL;
    let mut led = 0;
    while let Some(key) = key_after(s, t, &rest, pace.stride).await? {
        if rest.from.as_ref() == Some(&key) {
            break;
        }
        rest.from = Some(key);
        led += pace.stride;
        if led >= pace.lead {
            overtaken(s).await?;
            led = 0;
        }
    }
    Ok(())
}

/// How to walk the table, where that is of use: its key is the clustered index and does not fit
/// into memory. (What the server itself says of a table's size is of some time ago.)
async fn pace(s: &mut Session, t: &TableShape, bytes: u64) -> Result<Option<Pace>> {
    let walkable = t.key.as_ref().is_some_and(|key| key.walkable);
    if !s.is_mariadb() || t.storage != "InnoDB" || !walkable || walk::hint(s, t).await? != walk::CLUSTERED {
        return Ok(None);
    }
    let rows = s.rows("SELECT @@innodb_buffer_pool_size", "read the server's settings").await?;
    Ok(rows.first().and_then(|row| Pace::of(bytes, t.row_bytes, number_at(row, 0))))
}

impl Pace {
    fn of(bytes: u64, row: u64, pool: u64) -> Option<Self> {
        let rows = |bytes: u64| (bytes / row.max(1)).max(1);
        (bytes > pool / 2).then(|| Self { stride: rows(STRIDE.min(pool / 16)), lead: rows(pool / 4) })
    }
}

/// Waits until the server waits for pages again.
async fn overtaken(s: &mut Session) -> Result<()> {
    let before = misses(s).await?;
    loop {
        tokio::time::sleep(LOOK).await;
        if misses(s).await? >= before + MISSES {
            return Ok(());
        }
    }
}

async fn misses(s: &mut Session) -> Result<u64> {
    let rows =
        s.rows("SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_reads'", "read the server's state").await?;
    Ok(rows.first().map_or(0, |row| number_at(row, 1)))
}

#[cfg(test)]
mod tests {
    use super::Pace;

    #[test]
    fn what_fits_is_not_read_ahead_and_a_quarter_of_the_pool_is_enough() {
        let check = |bytes, row, pool, expected: Option<(u64, u64)>| {
            assert_eq!(Pace::of(bytes, row, pool).map(|pace| (pace.stride, pace.lead)), expected);
        };
        check(128 << 20, 256, 256 << 20, None);
        check((128 << 20) + 1, 256, 256 << 20, Some((32_768, 262_144)));
        check(1 << 30, 1 << 30, 256 << 20, Some((1, 1)));
        check(1 << 30, 0, 16 << 20, Some((1 << 20, 4 << 20)));
    }
}
