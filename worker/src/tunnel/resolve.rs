//! From a host name to an address that may be dialled.
//!
//! Invariants: asked anew for every connection, so that a name that points elsewhere tomorrow
//! is checked again; the address that was checked is the one that is dialled.

use std::net::{IpAddr, SocketAddr};

use longshore_shared::domain::address;
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use super::policy::Policy;
use super::trail::Trail;

/// A host to be reached, and what a person calls it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Spot<'a> {
    /// `connection shop`, or `connection shop: hop 1`.
    pub(super) who: &'a str,
    pub(super) host: &'a str,
    pub(super) port: u16,
}

impl Policy {
    /// The host's address, checked.
    pub(super) async fn resolve(
        &self,
        spot: Spot<'_>,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<SocketAddr, Failure> {
        trail.begin(Stage::Dns);
        let found = timeout_at(until, lookup_host((spot.host, spot.port))).await;
        let found: Vec<_> = match found {
            Err(_) => return Err(lookup_failed(spot, "no answer in time", true)),
            Ok(Err(error)) => {
                let message = error.to_string();
                return Err(lookup_failed(spot, &message, passes(&message)));
            }
            Ok(Ok(found)) => found.collect(),
        };
        trail.begin(Stage::AddressPolicy);
        let mut refused = None;
        let mut allowed: Vec<SocketAddr> = Vec::with_capacity(found.len());
        for address in found {
            let plain = address::canonical(address.ip());
            let to = SocketAddr::new(plain, address.port());
            match self.refuses(to).await {
                None => allowed.push(to),
                Some(why) => refused = Some((plain, why)),
            }
        }
        allowed.dedup();
        // Which of several answers is no question of the policy.
        if !allowed.is_empty() {
            trail.arrive();
        }
        match (allowed.as_slice(), refused) {
            ([], Some((address, why))) => Err(not_allowed(spot, address, why)),
            ([], None) => Err(lookup_failed(spot, "it has no address", false)),
            ([one], _) => Ok(*one),
            (several, _) => Ok(first_that_answers(several, until).await),
        }
    }
}

/// The first address that takes a TCP connection, or the first at all: its refusal is
/// then the engine's to tell.
async fn first_that_answers(addresses: &[SocketAddr], until: Instant) -> SocketAddr {
    let share = until.saturating_duration_since(Instant::now()) / 2;
    let each = share / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        if let Ok(Ok(_)) = timeout(each, TcpStream::connect(address)).await {
            return *address;
        }
    }
    addresses[0]
}

/// The resolver's code for "try again later" reaches us as its C-locale text only.
fn passes(message: &str) -> bool {
    message.contains("Temporary failure")
}

fn lookup_failed(spot: Spot<'_>, why: &str, passes: bool) -> Failure {
    let why = why.trim_start_matches("failed to lookup address information: ");
    let message = format!("{}: the host {} was not found: {why}", spot.who, spot.host);
    match passes {
        true => Failure::transient(FailureCode::HostLookupFailed, message),
        false => Failure::permanent(FailureCode::HostNotFound, message),
    }
}

fn not_allowed(spot: Spot<'_>, address: IpAddr, why: &str) -> Failure {
    Failure::permanent(
        FailureCode::AddressNotAllowed,
        format!(
            "{}: the host {} stands for {address}, {why}, and may not be connected to",
            spot.who, spot.host
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::passes;

    #[test]
    fn a_name_server_that_is_away_is_no_unknown_host() {
        let told = |detail: &str| format!("failed to lookup address information: {detail}");
        assert!(passes(&told("Temporary failure in name resolution")));
        assert!(!passes(&told("Name or service not known")));
    }
}
