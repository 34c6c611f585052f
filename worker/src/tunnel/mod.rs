//! How other people's servers are reached: resolve the host, check the address against the
//! policy, and pin it for the engine to connect to.
//!
//! Invariants: this happens anew for every connection that is opened, so a name that
//! points elsewhere tomorrow is checked again; what the engine gets is an address, never
//! a name to resolve. Deliberately not here: the protocols spoken over the connection
//! (`engine`), secrets (`steps` opens them).

mod dial;
mod outbound;

pub(crate) use dial::Dialler;
#[cfg(test)]
pub(crate) use outbound::Resolver;
pub(crate) use outbound::{Outbound, OutboundError, SystemResolver};
