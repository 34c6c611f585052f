//! A TCP proxy that spoils connections: between a process of Longshore and a server, on a
//! port of this machine.
//!
//! Invariants: it runs on a thread of its own, so a test that stands still does not hold it
//! up; what it does may be changed at any moment, for each direction by itself, and holds
//! for connections that stand and for those to come. A half-open direction is one whose
//! packets the kernel drops unanswered (a socket filter): no data, no FIN, no
//! acknowledgement, as when a cable is cut; what was lost is sent again once it heals.

mod pump;
mod shared;

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

pub use shared::Counts;
use shared::Shared;

use crate::place;
use crate::wait::until;

/// Which way bytes go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// From Longshore to the server.
    ToServer,
    /// From the server to Longshore.
    ToClient,
}

/// What is done to the bytes of a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// They pass.
    Pass,
    /// Each connection is ended after so many bytes from now on.
    CutEach(u64, End),
    /// The connection that brings the sum of all bytes from now on to so many is ended;
    /// then they pass.
    CutOnce(u64, End),
    /// Packets are lost: no data, no FIN, no acknowledgement.
    HalfOpen,
    /// Taken and acknowledged, and not handed on: a peer that hangs.
    Swallow,
    /// Every piece comes so much later.
    Slow(Duration),
    /// So many bytes a second, each connection.
    Throttle(u64),
}

/// How a connection is ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// As a peer closes it.
    Close,
    /// By a reset.
    Reset,
}

/// A proxy in front of one port; it ends when this is dropped.
pub struct Proxy {
    /// Where it listens, on 127.0.0.1.
    pub port: u16,
    shared: Arc<Shared>,
    end: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Proxy {
    /// A proxy in front of a port of this machine; everything passes.
    pub fn before(server: u16) -> Self {
        let port = place::free_port();
        let (shared, end) = (Arc::new(Shared::default()), CancellationToken::new());
        let (ready, listens) = std::sync::mpsc::channel();
        let thread = std::thread::spawn({
            let (shared, end) = (Arc::clone(&shared), end.clone());
            move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
                runtime.expect("a runtime").block_on(serve(port, server, shared, end, ready));
            }
        });
        listens.recv().expect("the proxy listens");
        Self { port, shared, end, thread: Some(thread) }
    }

    /// Changes what is done to both directions.
    pub fn set(&self, flow: Flow) {
        self.set_one(Direction::ToServer, flow);
        self.set_one(Direction::ToClient, flow);
    }

    /// Changes what is done to one direction.
    pub fn set_one(&self, direction: Direction, flow: Flow) {
        self.shared.set(direction, flow);
    }

    /// Refuses new connections, or takes them again; comes back when it does.
    pub async fn refuse(&self, refused: bool) {
        self.shared.refuse(refused);
        let what = if refused { "the proxy refuses" } else { "the proxy listens" };
        until(what, Duration::from_secs(5), async || {
            let answer = TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)).await;
            (answer.is_err() == refused).then_some(())
        })
        .await;
    }

    /// Makes all connections that stand half-open for good; new ones are not touched. So a
    /// firewall forgets a connection.
    pub fn lose_standing(&self) {
        self.shared.lose_standing();
    }

    /// Ends all connections that stand.
    pub fn end_all(&self, how: End) {
        self.shared.end_all(how);
    }

    /// What has passed so far.
    pub fn counts(&self) -> Counts {
        self.shared.counts()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.end.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn serve(
    port: u16,
    server: u16,
    shared: Arc<Shared>,
    end: CancellationToken,
    ready: std::sync::mpsc::Sender<()>,
) {
    let tasks = TaskTracker::new();
    let mut refused = shared.refused();
    loop {
        let listener =
            TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await.expect("the proxy's port is free");
        let _ = ready.send(());
        loop {
            let accepted = tokio::select! {
                () = end.cancelled() => return,
                _ = refused.wait_for(|refused| *refused) => break,
                accepted = listener.accept() => accepted,
            };
            if let Ok((client, _)) = accepted {
                tasks.spawn(one(client, server, Arc::clone(&shared), end.clone()));
            }
        }
        drop(listener);
        tokio::select! {
            () = end.cancelled() => return,
            _ = refused.wait_for(|refused| !*refused) => {}
        }
    }
}

async fn one(client: TcpStream, server: u16, shared: Arc<Shared>, end: CancellationToken) {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, server));
    let Ok(server) = TcpStream::connect(address).await else { return };
    let _ = (client.set_nodelay(true), server.set_nodelay(true));
    let pair = shared.add(client, server);
    tokio::select! {
        () = end.cancelled() => {}
        () = pair.ended() => {}
        () = pump::both(&pair, &shared) => {}
    }
    shared.remove(&pair);
}
