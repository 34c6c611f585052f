//! Which addresses this worker may dial: decided about the address itself, after its name was
//! resolved, for a database that is reached directly and for the first hop of a tunnel.
//!
//! Invariants: metadata and link-local addresses, and Longshore's own services, never, whatever
//! else the settings say; the worker's own machine only where one allows it.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::sync::Arc;

use longshore_shared::domain::address::{self, OWN, Rules};
use tokio::net::lookup_host;

/// The policy; cheap to clone.
#[derive(Clone, Debug)]
pub(crate) struct Policy(Arc<Rules>);

impl Policy {
    /// A policy of these rules.
    pub(crate) fn new(rules: Rules) -> Self {
        Self(Arc::new(rules))
    }

    /// Why nobody may connect there, in a few words. The address is a canonical one.
    pub(super) async fn refuses(&self, to: SocketAddr) -> Option<&'static str> {
        match self.0.refuses(to.ip()) {
            None if self.is_own(to).await => Some(OWN),
            refused => refused,
        }
    }

    /// Their names are looked up anew, and only where the port is one of theirs.
    async fn is_own(&self, to: SocketAddr) -> bool {
        for (host, port) in self.0.own.iter().filter(|(_, port)| *port == to.port()) {
            let found = lookup_host((host.as_str(), *port)).await;
            let mut found = found.into_iter().flatten().map(|found| address::canonical(found.ip()));
            if found.any(|found| found == to.ip() || is_local(found) && is_local(to.ip())) {
                return true;
            }
        }
        false
    }
}

/// Whether the address is one of this machine's: a service is found at each of them.
fn is_local(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use longshore_shared::domain::address::Ranges;

    use super::{Policy, Rules};

    #[tokio::test]
    async fn t12_longshores_own_services_are_out_of_bounds_at_each_of_their_addresses() {
        let own = vec![("localhost".to_owned(), 5432), ("10.0.0.9".to_owned(), 5672)];
        let policy = Policy::new(Rules { loopback_allowed: true, own, ..Rules::default() });
        for (to, refused) in [
            ("127.0.0.1:5432", true),
            ("127.8.9.1:5432", true),
            ("[::1]:5432", true),
            ("127.0.0.1:5433", false),
            ("10.0.0.9:5672", true),
            ("10.0.0.9:5432", false),
            ("10.0.0.8:5672", false),
            ("8.8.8.8:5432", false),
        ] {
            assert_eq!(policy.refuses(to.parse().unwrap()).await.is_some(), refused, "{to}");
        }
    }

    #[tokio::test]
    async fn i02_c10_what_is_never_dialled_and_what_only_a_setting_allows() {
        let denied = |loopback_allowed| {
            Policy::new(Rules {
                loopback_allowed,
                ranges: Ranges {
                    allowed: vec!["0.0.0.0/0".parse().unwrap(), "::/0".parse().unwrap()],
                    denied: Vec::new(),
                },
                own: Vec::new(),
            })
        };
        // Address, whether it is refused without and with the setting for loopback.
        for (to, without, with) in [
            ("169.254.169.254", true, true),
            ("fe80::1", true, true),
            ("fd00:ec2::254", true, true),
            ("168.63.129.16", true, true),
            ("100.100.100.200", true, true),
            ("0.0.0.0", true, true),
            ("224.0.0.1", true, true),
            ("127.0.0.1", true, false),
            ("127.1.2.3", true, false),
            ("::1", true, false),
            ("10.0.0.1", false, false),
            ("192.168.0.1", false, false),
            ("172.16.0.1", false, false),
            ("fd00::1", false, false),
            ("8.8.8.8", false, false),
        ] {
            for (allowed, refused) in [(false, without), (true, with)] {
                let to = std::net::SocketAddr::new(to.parse().unwrap(), 3306);
                assert_eq!(denied(allowed).refuses(to).await.is_some(), refused, "{to} {allowed}");
            }
        }
    }
}
