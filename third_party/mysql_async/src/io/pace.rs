//! Longshore: whether an answer comes as a server's does, or in crumbs.
//!
//! A server that works for hours sends nothing meanwhile, and then what it has, in pieces of its
//! `net_buffer_length` (1024 at least) but for the last. So of all waits for as many bytes one may
//! be the server's work, however long; what is waited beside that is the network's, or is meant to
//! hold the client up.

use std::{
    io,
    time::{Duration, Instant},
};

/// Bytes for which one wait, the longest, is the server's work.
const PIECE: usize = 512;
/// How long all other waits for one result set may be together.
const PATIENCE: Duration = Duration::from_secs(20);

/// How the answer to the last command comes.
#[derive(Debug, Default)]
pub(super) struct Pace {
    /// Bytes of packets that were taken, and of what was held at the last look.
    taken: usize,
    arrived: usize,
    /// Since when nothing has come.
    waiting: Option<Instant>,
    /// Of this piece: its bytes so far, and the longest wait.
    piece: usize,
    longest: Duration,
    /// All other waits.
    wasted: Duration,
}

impl Pace {
    /// What comes now answers something new.
    pub(super) fn begin(&mut self) {
        *self = Self {
            taken: self.taken,
            arrived: self.arrived,
            ..Self::default()
        };
    }

    /// A packet of so many bytes was taken.
    pub(super) fn taken(&mut self, bytes: usize) {
        self.taken = self.taken.wrapping_add(bytes + 4);
    }

    /// So many bytes are held of a packet that is not whole yet; whether more is waited for.
    pub(super) fn look(&mut self, held: usize, waits: bool) -> io::Result<()> {
        let arrived = self.taken.wrapping_add(held);
        let more = arrived.wrapping_sub(self.arrived);
        // A header that was read counts when its packet is taken: it may seem that less is there.
        if more > 0 && more < usize::MAX / 2 {
            self.arrived = arrived;
            if let Some(since) = self.waiting.take() {
                self.waited(since.elapsed())?;
            }
            self.piece += more;
            if self.piece >= PIECE {
                (self.piece, self.longest) = (0, Duration::ZERO);
            }
        }
        if waits {
            self.waiting.get_or_insert_with(Instant::now);
        }
        Ok(())
    }

    fn waited(&mut self, wait: Duration) -> io::Result<()> {
        self.wasted += wait.min(self.longest);
        self.longest = wait.max(self.longest);
        if self.wasted > PATIENCE {
            return Err(io::Error::new(
                io::ErrorKind::TimedOut,
                "the answer comes in crumbs",
            ));
        }
        Ok(())
    }
}

#[cfg(test)]
mod test {
    use super::*;

    /// Whether pieces of so many bytes are borne that come after so many seconds each.
    fn borne(pieces: impl IntoIterator<Item = (u64, usize)>) -> bool {
        let mut pace = Pace::default();
        let mut held = 0;
        pieces.into_iter().all(|(seconds, bytes)| {
            pace.look(held, true).unwrap();
            pace.waiting = pace.waiting.map(|since| since - Duration::from_secs(seconds));
            held += bytes;
            pace.look(held, false).is_ok()
        })
    }

    #[test]
    fn work_is_borne_and_crumbs_are_not() {
        let hours = 7_200;
        assert!(borne([(hours, 7)]));
        assert!(borne([(hours, 1_024); 50]));
        assert!(borne([(hours, 200), (3, 824), (hours, 100), (3, 924)]));
        assert!(borne([(1, 1); 20]));
        assert!(!borne([(1, 1); 30]));
        assert!(!borne([(hours, 100), (hours, 100)]));
        assert!(!borne([(3, 300); 50]));
    }
}
