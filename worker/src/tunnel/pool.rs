//! SSH sessions that are kept for a connection's small database sessions, which share them:
//! a look at its structure, an ALTER, the end of another session.
//!
//! Invariants: a way belongs to one organisation's connection as it stood when the login was
//! begun, so an edit, of a secret too, leads to sessions of its own; what is broken is not
//! lent again; what nobody uses is closed. No secret is kept: whoever finds no way open goes
//! it with what it has opened itself. Deliberately not here: sessions that carry rows. One that
//! reads slowly holds up whatever else its SSH session carries.

use std::collections::HashMap;
use std::convert::Infallible;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use deadpool::managed::{Manager, Metrics, Pool, RecycleError, RecycleResult};
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::id::{ConnectionId, OrgId};
use tokio_util::task::TaskTracker;

use super::ssh::Chain;

/// How often an unused way is looked at before it is closed.
const LOOKS: u32 = 4;

/// Where a way leads, and for whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct TunnelKey {
    org_id: OrgId,
    connection_id: ConnectionId,
    version: i32,
}

impl TunnelKey {
    pub(super) fn of(connection: &Connection) -> Self {
        Self { org_id: connection.org_id, connection_id: connection.id, version: connection.version }
    }
}

/// One place for each way: whoever has it may open the way, and the others wait for that.
type Slots = Pool<Slot>;

/// The ways that are open.
pub(super) struct TunnelPool {
    ways: Mutex<HashMap<TunnelKey, Slots>>,
    idle: Duration,
}

impl fmt::Debug for TunnelPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TunnelPool").field("idle", &self.idle).finish_non_exhaustive()
    }
}

/// What is lent.
pub(super) struct PooledTunnel {
    pub(super) chain: Arc<Chain>,
    /// It was open before.
    pub(super) used: bool,
}

impl TunnelPool {
    /// Ways that are closed when nobody has used them for so long.
    pub(super) fn new(idle: Duration) -> Arc<Self> {
        Arc::new(Self { ways: Mutex::default(), idle })
    }

    /// The way that is open, or else what `open` makes.
    pub(super) async fn lend(
        self: &Arc<Self>,
        way: TunnelKey,
        open: impl Future<Output = Result<Chain, Failure>>,
        tracker: &TaskTracker,
    ) -> Result<PooledTunnel, Failure> {
        let places = self.places(way, tracker);
        let Ok(mut place) = places.get().await else {
            // Nobody closes a pool; without one there is still the way itself.
            return Ok(PooledTunnel { chain: Arc::new(open.await?), used: false });
        };
        place.unused.store(0, Ordering::Relaxed);
        if let Some(chain) = &place.chain {
            return Ok(PooledTunnel { chain: Arc::clone(chain), used: true });
        }
        let chain = Arc::new(open.await?);
        place.chain = Some(Arc::clone(&chain));
        Ok(PooledTunnel { chain, used: false })
    }

    fn places(self: &Arc<Self>, way: TunnelKey, tracker: &TaskTracker) -> Slots {
        let mut ways = self.lock();
        if let Some(places) = ways.get(&way) {
            return places.clone();
        }
        let built = Pool::builder(Slot).max_size(1).build();
        let places = built.expect("a pool without time-outs needs no runtime");
        ways.insert(way, places.clone());
        tracker.spawn(Arc::clone(self).watch(way));
        places
    }

    /// Closes the way once it is broken or nobody has used it for long, and forgets it.
    async fn watch(self: Arc<Self>, way: TunnelKey) {
        loop {
            tokio::time::sleep(self.idle / LOOKS).await;
            let mut ways = self.lock();
            let Some(places) = ways.get(&way) else { return };
            places.retain(|place, _| place.is_wanted());
            if places.status().size == 0 {
                ways.remove(&way);
                return;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TunnelKey, Slots>> {
        self.ways.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Makes places; who gets an empty one fills it.
#[derive(Debug)]
struct Slot;

/// A place for SSH sessions.
#[derive(Default)]
struct Held {
    chain: Option<Arc<Chain>>,
    /// Looks in a row at which nobody used it.
    unused: AtomicU32,
}

impl Held {
    fn is_wanted(&self) -> bool {
        let Some(chain) = self.chain.as_ref().filter(|chain| chain.is_sound()) else { return false };
        if Arc::strong_count(chain) > 1 {
            self.unused.store(0, Ordering::Relaxed);
            return true;
        }
        self.unused.fetch_add(1, Ordering::Relaxed) + 1 < LOOKS
    }
}

impl Manager for Slot {
    type Type = Held;
    type Error = Infallible;

    async fn create(&self) -> Result<Held, Infallible> {
        Ok(Held::default())
    }

    async fn recycle(&self, held: &mut Held, _: &Metrics) -> RecycleResult<Infallible> {
        match held.chain.as_ref().is_none_or(|chain| chain.is_sound()) {
            true => Ok(()),
            false => Err(RecycleError::message("its SSH sessions have ended")),
        }
    }
}
