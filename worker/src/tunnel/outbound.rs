//! How a webhook's receiver is reached: any host that a person names, so the strictest policy.
//!
//! The name is resolved once; its addresses are checked, and one of those very addresses is
//! connected to. A name that points elsewhere a moment later changes nothing.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use async_trait::async_trait;
use longshore_shared::domain::address;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout_at};
use url::Host;

/// Who turns names into addresses.
#[async_trait]
pub(crate) trait Resolver: Send + Sync {
    /// The addresses of a name.
    async fn resolve(&self, name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>>;
}

/// The machine's own resolver.
pub(crate) struct SystemResolver;

#[async_trait]
impl Resolver for SystemResolver {
    async fn resolve(&self, name: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(lookup_host((name, port)).await?.collect())
    }
}

/// Why nobody was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum OutboundError {
    /// The name has no address.
    #[error("the name was not found")]
    Lookup,
    /// All its addresses are such that nobody may go there.
    #[error("the address is not allowed")]
    NotAllowed,
    /// Nobody took the connection.
    #[error("nobody took the connection")]
    Connect,
    /// It took too long.
    #[error("it took too long")]
    Timeout,
}

/// Connects to hosts on the internet; holds the address policy.
#[derive(Clone)]
pub(crate) struct Outbound {
    private_allowed: bool,
    resolver: Arc<dyn Resolver>,
}

impl Outbound {
    /// `private_allowed`: also to private addresses and to this machine's own.
    pub(crate) fn new(private_allowed: bool, resolver: Arc<dyn Resolver>) -> Self {
        Self { private_allowed, resolver }
    }

    /// A connection to the host.
    pub(crate) async fn connect(
        &self,
        host: &Host<&str>,
        port: u16,
        until: Instant,
    ) -> Result<TcpStream, OutboundError> {
        let found = match host {
            Host::Ipv4(v4) => vec![SocketAddr::new((*v4).into(), port)],
            Host::Ipv6(v6) => vec![SocketAddr::new((*v6).into(), port)],
            Host::Domain(name) => timeout_at(until, self.resolver.resolve(name, port))
                .await
                .map_err(|_| OutboundError::Timeout)?
                .map_err(|_| OutboundError::Lookup)?,
        };
        if found.is_empty() {
            return Err(OutboundError::Lookup);
        }
        let plain = found.iter().map(|found| SocketAddr::new(address::canonical(found.ip()), found.port()));
        let allowed: Vec<_> = plain.filter(|found| !self.refuses(found.ip())).collect();
        if allowed.is_empty() {
            return Err(OutboundError::NotAllowed);
        }
        match timeout_at(until, TcpStream::connect(allowed.as_slice())).await {
            Ok(connected) => connected.map_err(|_| OutboundError::Connect),
            Err(_) => Err(OutboundError::Timeout),
        }
    }

    fn refuses(&self, found: IpAddr) -> bool {
        address::forbidden(found).is_some() || !self.private_allowed && address::inside(found).is_some()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use std::collections::VecDeque;
    use std::net::SocketAddr;
    use std::sync::{Arc, Mutex};
    use std::time::Duration;

    use async_trait::async_trait;
    use tokio::net::TcpListener;
    use tokio::time::Instant;
    use url::Url;

    use super::{Outbound, OutboundError, Resolver, SystemResolver};

    /// Answers one list after the other, and counts.
    struct Scripted(Mutex<(VecDeque<Vec<SocketAddr>>, usize)>);

    #[async_trait]
    impl Resolver for Scripted {
        async fn resolve(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
            let mut script = self.0.lock().unwrap();
            script.1 += 1;
            let mut answer = script.0.pop_front().unwrap_or_default();
            answer.iter_mut().for_each(|address| address.set_port(port));
            Ok(answer)
        }
    }

    fn scripted(answers: &[&[&str]]) -> Arc<Scripted> {
        let list = |answer: &&[&str]| {
            answer.iter().map(|ip| SocketAddr::new(ip.parse().unwrap(), 0)).collect::<Vec<_>>()
        };
        Arc::new(Scripted(Mutex::new((answers.iter().map(list).collect(), 0))))
    }

    fn soon() -> Instant {
        Instant::now() + Duration::from_secs(2)
    }

    async fn to(outbound: &Outbound, url: &str) -> Result<SocketAddr, OutboundError> {
        let url = Url::parse(url).unwrap();
        let port = url.port_or_known_default().unwrap();
        let stream = outbound.connect(&url.host().unwrap(), port, soon()).await?;
        Ok(stream.peer_addr().unwrap())
    }

    #[tokio::test]
    async fn t12_every_spelling_of_an_address_inside_is_refused() {
        let outbound = Outbound::new(false, Arc::new(SystemResolver));
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "0x7f.1",
            "localhost",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[64:ff9b::7f00:1]",
            "[2002:7f00:1::1]",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "100.64.0.1",
            "[fd00::1]",
            "[fe80::1]",
            "[64:ff9b::a00:1]",
            "169.254.169.254",
            "2852039166",
            "0xa9fea9fe",
            "[::ffff:169.254.169.254]",
            "[fd00:ec2::254]",
            "100.100.100.200",
            "168.63.129.16",
            "0.0.0.0",
            "0",
            "[::]",
            "224.0.0.1",
            "255.255.255.255",
        ] {
            let refused = to(&outbound, &format!("http://{host}:9/")).await;
            assert_eq!(refused, Err(OutboundError::NotAllowed), "{host}");
        }
        // What is never allowed stays so where private addresses are.
        let outbound = Outbound::new(true, Arc::new(SystemResolver));
        for host in ["169.254.169.254", "[::ffff:169.254.169.254]", "[fd00:ec2::254]", "0.0.0.0"] {
            let refused = to(&outbound, &format!("http://{host}:9/")).await;
            assert_eq!(refused, Err(OutboundError::NotAllowed), "{host}");
        }
    }

    #[tokio::test]
    async fn t12_a_name_is_resolved_once_and_its_checked_address_is_the_one_that_is_dialled() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let url = format!("http://rebinding.example:{port}/");
        // Rebinding: a good address for the check, ours for the connect. TEST-NET is not good
        // enough, so it is a public address, which no test reaches.
        let resolver = scripted(&[&["192.0.2.1"], &["127.0.0.1"]]);
        let outbound = Outbound::new(false, resolver.clone());
        assert_eq!(to(&outbound, &url).await, Err(OutboundError::NotAllowed));
        assert_eq!(resolver.0.lock().unwrap().1, 1, "one try asks once");
        let resolver = scripted(&[&["127.0.0.1"], &["192.0.2.1"]]);
        let outbound = Outbound::new(true, resolver.clone());
        assert_eq!(to(&outbound, &url).await.unwrap(), listener.local_addr().unwrap());
        assert_eq!(resolver.0.lock().unwrap().1, 1, "one try asks once");
        // Among good and bad addresses only the good ones are dialled.
        let resolver = scripted(&[&["169.254.169.254", "127.0.0.1"]]);
        let outbound = Outbound::new(true, resolver);
        assert_eq!(to(&outbound, &url).await.unwrap(), listener.local_addr().unwrap());
        let resolver = scripted(&[&[]]);
        assert_eq!(to(&Outbound::new(true, resolver), &url).await, Err(OutboundError::Lookup));
    }
}
