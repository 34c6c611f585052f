//! What a proxy's parts share: the orders, the connections that stand, the counts.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::{SockFilter, SockRef};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Direction, End, Flow};

/// The instruction of a classic BPF program that keeps so many bytes of a packet.
const RETURN: u16 = 0x06;

/// What has passed a proxy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that were taken.
    pub connections: u64,
    /// Bytes from Longshore to the server.
    pub to_server: u64,
    /// Bytes from the server to Longshore.
    pub to_client: u64,
}

/// An order for one direction, and what has passed since it was given.
#[derive(Clone, Copy)]
struct Order {
    flow: Flow,
    number: u64,
    passed: u64,
}

impl Default for Order {
    fn default() -> Self {
        Self { flow: Flow::Pass, number: 0, passed: 0 }
    }
}

/// A connection: its two sockets.
pub(super) struct Pair {
    pub(super) client: TcpStream,
    pub(super) server: TcpStream,
    end: CancellationToken,
    lost: AtomicBool,
}

impl Pair {
    pub(super) fn end(&self, how: End) {
        if how == End::Reset {
            for socket in [&self.client, &self.server] {
                let _ = SockRef::from(socket).set_linger(Some(Duration::ZERO));
            }
        }
        self.end.cancel();
    }

    pub(super) async fn ended(&self) {
        self.end.cancelled().await;
    }

    /// Lets the kernel drop what comes from the direction's sender, or not any more.
    fn lose(&self, direction: Direction, lost: bool) {
        let lost = lost || self.lost.load(Ordering::Relaxed);
        let socket = match direction {
            Direction::ToServer => SockRef::from(&self.client),
            Direction::ToClient => SockRef::from(&self.server),
        };
        // A filter that lets all pass, since none may be there to be detached.
        let most = if lost { 0 } else { u32::MAX };
        socket.attach_filter(&[SockFilter::new(RETURN, 0, 0, most)]).expect("a filter can be attached");
    }
}

/// What becomes of a piece of data.
pub(super) enum Fate {
    /// It is handed on, after a pause.
    Pass(Duration),
    /// So many of its bytes are handed on, then the connection ends.
    Cut(usize, End),
    /// It is gone.
    Lost,
}

/// One connection's count under the order that is in force.
#[derive(Default)]
pub(super) struct Tally {
    order: u64,
    passed: u64,
}

#[derive(Default)]
pub(super) struct Shared {
    orders: Mutex<[Order; 2]>,
    pairs: Mutex<Vec<Arc<Pair>>>,
    refused: watch::Sender<bool>,
    connections: AtomicU64,
    bytes: [AtomicU64; 2],
}

impl Shared {
    pub(super) fn set(&self, direction: Direction, flow: Flow) {
        let pairs = lock(&self.pairs);
        let mut orders = lock(&self.orders);
        let order = &mut orders[direction as usize];
        *order = Order { flow, number: order.number + 1, passed: 0 };
        for pair in pairs.iter() {
            pair.lose(direction, flow == Flow::HalfOpen);
        }
    }

    /// Whether a direction's bytes get lost now.
    pub(super) fn is_lost(&self, direction: Direction) -> bool {
        matches!(lock(&self.orders)[direction as usize].flow, Flow::HalfOpen | Flow::Swallow)
    }

    pub(super) fn refuse(&self, refused: bool) {
        self.refused.send_replace(refused);
    }

    pub(super) fn refused(&self) -> watch::Receiver<bool> {
        self.refused.subscribe()
    }

    pub(super) fn lose_standing(&self) {
        for pair in lock(&self.pairs).iter() {
            pair.lost.store(true, Ordering::Relaxed);
            pair.lose(Direction::ToServer, true);
            pair.lose(Direction::ToClient, true);
        }
    }

    pub(super) fn end_all(&self, how: End) {
        for pair in lock(&self.pairs).iter() {
            pair.end(how);
        }
    }

    pub(super) fn counts(&self) -> Counts {
        let [to_server, to_client] = [0, 1].map(|at| self.bytes[at].load(Ordering::Relaxed));
        Counts { connections: self.connections.load(Ordering::Relaxed), to_server, to_client }
    }

    pub(super) fn add(&self, client: TcpStream, server: TcpStream) -> Arc<Pair> {
        let pair =
            Arc::new(Pair { client, server, end: CancellationToken::new(), lost: AtomicBool::new(false) });
        let mut pairs = lock(&self.pairs);
        let orders = lock(&self.orders);
        for direction in [Direction::ToServer, Direction::ToClient] {
            if orders[direction as usize].flow == Flow::HalfOpen {
                pair.lose(direction, true);
            }
        }
        pairs.push(Arc::clone(&pair));
        self.connections.fetch_add(1, Ordering::Relaxed);
        pair
    }

    pub(super) fn remove(&self, pair: &Arc<Pair>) {
        lock(&self.pairs).retain(|other| !Arc::ptr_eq(other, pair));
    }

    /// Decides about the next `size` bytes of a connection's direction, and counts them.
    pub(super) fn decide(&self, direction: Direction, tally: &mut Tally, size: usize) -> Fate {
        let mut orders = lock(&self.orders);
        let order = &mut orders[direction as usize];
        let more = u64::try_from(size).expect("a piece of data");
        if tally.order != order.number {
            *tally = Tally { order: order.number, passed: 0 };
        }
        self.bytes[direction as usize].fetch_add(more, Ordering::Relaxed);
        let cut = |passed: u64, after: u64, how| match passed + more >= after {
            true => Fate::Cut(usize::try_from(after.saturating_sub(passed)).unwrap_or(size).min(size), how),
            false => Fate::Pass(Duration::ZERO),
        };
        let fate = match order.flow {
            Flow::Pass => Fate::Pass(Duration::ZERO),
            Flow::CutEach(after, how) => cut(tally.passed, after, how),
            Flow::CutOnce(after, how) => cut(order.passed, after, how),
            Flow::HalfOpen | Flow::Swallow => Fate::Lost,
            Flow::Slow(pause) => Fate::Pass(pause),
            Flow::Throttle(rate) => {
                Fate::Pass(Duration::from_secs(more) / u32::try_from(rate.max(1)).unwrap_or(u32::MAX))
            }
        };
        tally.passed += more;
        order.passed += more;
        if matches!((order.flow, &fate), (Flow::CutOnce(..), Fate::Cut(..))) {
            *order = Order { flow: Flow::Pass, number: order.number + 1, passed: 0 };
        }
        fate
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
