//! The local end of a tunnel, for a driver that takes an address and no stream.
//!
//! Invariants: it listens on loopback, on a port of its own, for as many logins as one
//! session may need and for as long as a login may take; it serves sockets of this very
//! process and of nobody else on the machine; what it carried ends with the SSH session.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::fs::MetadataExt as _;
use std::sync::Arc;

use russh::ChannelStream;
use russh::client::Msg;
use tokio::io::copy_bidirectional_with_sizes;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::ssh::Chain;

/// Bytes in one direction at once: some of SSH's packets.
const BUFFER: usize = 256 << 10;

/// Where a database behind SSH is, and the way there.
pub(super) struct Bridge {
    pub(super) chain: Arc<Chain>,
    pub(super) host: String,
    pub(super) port: u16,
    /// The channel for the first login: it was opened to see that the database answers.
    pub(super) first: ChannelStream<Msg>,
    /// Connections that the driver may open one after the other while it logs in.
    pub(super) logins: usize,
}

impl Bridge {
    /// Listens; answers the address that leads to the database until `until`.
    pub(super) async fn listen(self, until: Instant, tracker: &TaskTracker) -> io::Result<SocketAddr> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let address = listener.local_addr()?;
        let carriers = tracker.clone();
        tracker.spawn(async move {
            let Self { chain, host, port, first, logins } = self;
            let mut first = Some(first);
            for _ in 0..logins {
                let Ok(Some(local)) = timeout_at(until, accept_own(&listener)).await else { return };
                let remote = match first.take() {
                    Some(stream) => stream,
                    None => match chain.stream(&host, port).await {
                        Ok(stream) => stream,
                        Err(_) => return,
                    },
                };
                carriers.spawn(carry(local, remote, Arc::clone(&chain)));
            }
        });
        Ok(address)
    }
}

/// The next connection that comes from this process; others are closed at once.
async fn accept_own(listener: &TcpListener) -> Option<TcpStream> {
    loop {
        let (stream, peer) = listener.accept().await.ok()?;
        let local = stream.local_addr().ok()?;
        let own = tokio::task::spawn_blocking(move || is_own(peer, local)).await;
        if matches!(own, Ok(Ok(true))) {
            stream.set_nodelay(true).ok()?;
            return Some(stream);
        }
        tracing::warn!("a process that is not this worker knocked at a tunnel's local end and was sent away");
    }
}

/// Whether the socket `near` -> `far` (both on loopback) is one of this process's.
fn is_own(near: SocketAddr, far: SocketAddr) -> io::Result<bool> {
    let table = std::fs::read_to_string("/proc/net/tcp")?;
    let Some(inode) = table.lines().find_map(|line| inode_of(line, near, far)) else { return Ok(false) };
    for entry in std::fs::read_dir("/proc/self/fd")? {
        // A descriptor that was closed in between is not the one.
        let Ok(target) = std::fs::metadata(entry?.path()) else { continue };
        if target.ino() == inode {
            return Ok(true);
        }
    }
    Ok(false)
}

/// The inode of a line of the kernel's table of TCP sockets, if it is this connection's.
fn inode_of(line: &str, near: SocketAddr, far: SocketAddr) -> Option<u64> {
    let fields: Vec<&str> = line.split_ascii_whitespace().collect();
    let spelt = |address: SocketAddr| match address {
        SocketAddr::V4(v4) => Some(format!("{:08X}:{:04X}", u32::from_ne_bytes(v4.ip().octets()), v4.port())),
        SocketAddr::V6(_) => None,
    };
    let is_it = *fields.get(1)? == spelt(near)? && *fields.get(2)? == spelt(far)?;
    is_it.then(|| fields.get(9)?.parse().ok()).flatten()
}

/// Carries bytes both ways until one end closes; the chain lives as long.
async fn carry(mut local: TcpStream, mut remote: ChannelStream<Msg>, chain: Arc<Chain>) {
    let carried = copy_bidirectional_with_sizes(&mut local, &mut remote, BUFFER, BUFFER).await;
    if let Err(error) = carried {
        tracing::debug!("a tunnel ended: {error}");
    }
    drop(chain);
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::net::Ipv4Addr;
    use std::process::Stdio;

    use tokio::io::AsyncReadExt as _;
    use tokio::net::{TcpListener, TcpStream};

    use super::accept_own;

    #[tokio::test]
    async fn only_this_process_is_let_in() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        // Somebody else's connection comes first, and stays.
        let script = format!("exec 3<>/dev/tcp/127.0.0.1/{port}; cat <&3");
        let mut other = tokio::process::Command::new("bash")
            .args(["-c", &script])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let own = async {
            // Closed without a byte: it was sent away, so ours is the next one.
            let mut output = Vec::new();
            other.stdout.take().unwrap().read_to_end(&mut output).await.unwrap();
            assert_eq!(output, b"");
            TcpStream::connect((Ipv4Addr::LOCALHOST, port)).await.unwrap()
        };
        let (own, accepted) = tokio::join!(own, accept_own(&listener));
        assert_eq!(accepted.unwrap().peer_addr().unwrap(), own.local_addr().unwrap());
    }
}
