//! How other people's servers are reached: resolve the host, check the address against the
//! policy, pin it; go through SSH hosts where a connection says so.
//!
//! Invariants: this happens anew for every connection that this worker opens, so a name that
//! points elsewhere tomorrow is checked again; what the engine gets is an address, never
//! a name to resolve; the policy is asked for what this worker dials itself: behind a hop
//! the hop's network decides. Deliberately not here: the protocols spoken over the connection
//! (`engine`), secrets (`steps` opens them).

mod bridge;
mod credentials;
mod dial;
mod host_key;
mod outbound;
mod policy;
mod pool;
mod private_key;
mod refusal;
mod resolve;
mod ssh;
mod trail;

pub(crate) use credentials::{Credentials, HopSecret};
pub(crate) use dial::{Dialler, Sharing};
#[cfg(test)]
pub(crate) use outbound::Resolver;
pub(crate) use outbound::{Outbound, OutboundError, SystemResolver};
pub(crate) use policy::Policy;
pub(crate) use trail::{Trail, Walked, milliseconds};
