//! Stands between the driver and what a server sends: bounds it, and refuses what no honest
//! server asks.
//!
//! The driver answers whatever method of authentication a server names, in clear too, and keeps
//! every notice of the login: both are stopped here, before the driver sees them.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes of one message.
const MESSAGE: u32 = 4 << 20;
/// As much of a message that is a row.
const ROW: u32 = 1 << 30;
/// Bytes, and messages, of a whole session that only looks, and of the login of one that reads rows.
const SESSION: u64 = 16 << 20;
const MESSAGES: u64 = 100_000;

/// Methods of authentication that do not show the password: done, MD5, the three of SASL.
const METHODS: [u32; 5] = [0, 5, 10, 11, 12];
const CLEAR: u32 = 3;

/// Why a server is not listened to any longer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(in super::super) enum Refused {
    /// It asks for the password in clear, where others could read it.
    #[error("the server asks for the password in clear")]
    Clear,
    /// It asks for a method that we do not speak.
    #[error("the server asks for a method of authentication that is not supported")]
    Method,
    /// It sends more than anything that was asked for.
    #[error("the server sends more than was asked for")]
    Flood,
    /// It breaks the protocol.
    #[error("what answers does not speak PostgreSQL's protocol")]
    Malformed,
}

/// What the guard learnt of the session.
#[derive(Debug, Default)]
pub(in super::super) struct Seen {
    process: AtomicU32,
}

impl Seen {
    /// The process that the login named; a pooler names one of its own making.
    pub(in super::super) fn process(&self) -> u32 {
        self.process.load(Ordering::Relaxed)
    }
}

/// Reads messages' heads, and of some the first bytes.
struct Watch {
    clear_allowed: bool,
    /// Rows are read once the login is over.
    reads: bool,
    is_logged_in: bool,
    seen: Arc<Seen>,
    bytes: u64,
    messages: u64,
    /// Kind, length, and the first four bytes of the body.
    head: Vec<u8>,
    /// Bytes of the body that are still to come.
    left: u32,
}

impl Watch {
    fn feed(&mut self, mut bytes: &[u8]) -> Result<(), Refused> {
        self.bytes += u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if self.bytes > SESSION && !self.is_reading() {
            return Err(Refused::Flood);
        }
        while let Some((&first, rest)) = bytes.split_first() {
            if self.head.len() < 5 {
                self.head.push(first);
                bytes = rest;
                if self.head.len() == 5 {
                    self.begin()?;
                }
                continue;
            }
            let many = bytes.len().min(usize::try_from(self.left).unwrap_or(usize::MAX));
            let (body, rest) = bytes.split_at(many);
            let wanted = 9_usize.saturating_sub(self.head.len());
            self.head.extend(body.iter().take(wanted));
            self.left -= u32::try_from(many).unwrap_or(self.left);
            bytes = rest;
            self.judge()?;
            if self.left == 0 {
                self.head.clear();
            }
        }
        Ok(())
    }

    const fn is_reading(&self) -> bool {
        self.reads && self.is_logged_in
    }

    /// A message's head is whole.
    fn begin(&mut self) -> Result<(), Refused> {
        self.messages += 1;
        let length = number(&self.head[1..5]).checked_sub(4).ok_or(Refused::Malformed)?;
        self.is_logged_in |= self.head[0] == b'Z';
        let (longest, most) = if self.is_reading() { (ROW, u64::MAX) } else { (MESSAGE, MESSAGES) };
        if length > longest || self.messages > most {
            return Err(Refused::Flood);
        }
        self.left = length;
        if length == 0 {
            self.head.clear();
        }
        Ok(())
    }

    /// As soon as four bytes of its body are there.
    fn judge(&self) -> Result<(), Refused> {
        let [kind, _, _, _, _, body @ ..] = self.head.as_slice() else { return Ok(()) };
        if body.len() < 4 {
            return Ok(());
        }
        match (kind, number(body)) {
            (b'R', CLEAR) if !self.clear_allowed => Err(Refused::Clear),
            (b'R', CLEAR) => Ok(()),
            (b'R', method) if !METHODS.contains(&method) => Err(Refused::Method),
            (b'K', process) => {
                self.seen.process.store(process, Ordering::Relaxed);
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn number(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0, |number, &byte| number << 8 | u32::from(byte))
}

/// A stream whose server is watched.
pub(in super::super) struct Guarded<S> {
    stream: S,
    watch: Watch,
}

impl<S> Guarded<S> {
    /// `clear_allowed`: the server proved who it is, and nobody else reads along; `reads`: tables' rows.
    pub(in super::super) fn new(stream: S, clear_allowed: bool, reads: bool) -> (Self, Arc<Seen>) {
        let seen = Arc::new(Seen::default());
        let watch = Watch {
            clear_allowed,
            reads,
            is_logged_in: false,
            seen: Arc::clone(&seen),
            bytes: 0,
            messages: 0,
            head: Vec::new(),
            left: 0,
        };
        (Self { stream, watch }, seen)
    }

    pub(in super::super) fn inner(&self) -> &S {
        &self.stream
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Guarded<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = into.filled().len();
        ready!(Pin::new(&mut self.stream).poll_read(cx, into))?;
        let told = self.watch.feed(&into.filled()[before..]);
        Poll::Ready(told.map_err(|refused| io::Error::new(io::ErrorKind::InvalidData, refused)))
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Guarded<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::{Guarded, Refused};

    fn message(kind: u8, body: &[u8]) -> Vec<u8> {
        let length = u32::try_from(body.len() + 4).expect("small");
        [&[kind][..], &length.to_be_bytes(), body].concat()
    }

    /// Fed in pieces of every size, the answer is the same.
    fn check(bytes: &[u8], clear_allowed: bool, expected: Result<(), Refused>) {
        for size in [1, 2, 5, 7, bytes.len()] {
            let (mut guarded, _) = Guarded::new((), clear_allowed, false);
            let told = bytes.chunks(size).try_for_each(|piece| guarded.watch.feed(piece));
            assert_eq!(told, expected, "in pieces of {size}");
        }
    }

    #[test]
    fn t03_methods_of_authentication() {
        for (method, clear_allowed, expected) in [
            (0_u32, false, Ok(())),
            (3, false, Err(Refused::Clear)),
            (3, true, Ok(())),
            (5, false, Ok(())),
            (6, false, Err(Refused::Method)),
            (7, true, Err(Refused::Method)),
            (10, false, Ok(())),
        ] {
            let notice = message(b'N', b"Sx\0\0");
            let bytes = [notice, message(b'R', &method.to_be_bytes())].concat();
            check(&bytes, clear_allowed, expected);
        }
    }

    #[test]
    fn t03_more_than_anybody_asked_for() {
        check(&[b'N', 0, 0, 0, 3], false, Err(Refused::Malformed));
        check(&[b'N', 0x7F, 0xFF, 0xFF, 0xFF], false, Err(Refused::Flood));
        check(&message(b'Z', b"I").repeat(100_001), false, Err(Refused::Flood));
        check(&message(b'N', &[b'x'; 1 << 20]).repeat(17), false, Err(Refused::Flood));
        check(&message(b'n', b"").repeat(3), false, Ok(()));
    }

    #[test]
    fn rows_are_bounded_only_until_the_login_is_over() {
        let feed = |bytes: &[u8]| {
            let (mut guarded, _) = Guarded::new((), false, true);
            bytes.chunks(1 << 16).try_for_each(|piece| guarded.watch.feed(piece))
        };
        let rows = message(b'd', &[b'x'; 1 << 20]).repeat(17);
        assert_eq!(feed(&rows), Err(Refused::Flood));
        assert_eq!(feed(&[message(b'Z', b"I"), rows].concat()), Ok(()));
        assert_eq!(
            feed(&[message(b'Z', b"I"), vec![b'd', 0x7F, 0xFF, 0xFF, 0xFF]].concat()),
            Err(Refused::Flood)
        );
    }

    #[test]
    fn the_process_is_kept() {
        let (mut guarded, seen) = Guarded::new((), false, false);
        guarded.watch.feed(&message(b'K', &[0, 0, 1, 2, 9, 9, 9, 9])).expect("an honest message");
        assert_eq!(seen.process(), 258);
    }
}
