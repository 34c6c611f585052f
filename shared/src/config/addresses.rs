//! Where connections may lead.

use ipnet::IpNet;

use super::variables::{
    ADDRESSES_ALLOWED, ADDRESSES_DENIED, LOOPBACK_ALLOWED, OWN_SERVICES, endpoints, flag, ranges,
};
use super::{Environment, Problems, gather};

/// Where connections may lead: the API judges addresses by it, workers judge what names stand for.
#[derive(Clone, Debug)]
pub struct Addresses {
    /// Whether customers' databases may be on a worker's own machine.
    pub loopback_allowed: bool,
    /// Where connections may lead; empty: everywhere.
    pub allowed: Vec<IpNet>,
    /// Where they may not lead, though it is allowed.
    pub denied: Vec<IpNet>,
    /// Hosts and ports of Longshore's own services, beside PostgreSQL and RabbitMQ.
    pub own: Vec<(String, u16)>,
}

impl Addresses {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            loopback_allowed: from.read_one(&LOOPBACK_ALLOWED, flag),
            allowed: from.read_one(&ADDRESSES_ALLOWED, ranges("all")),
            denied: from.read_one(&ADDRESSES_DENIED, ranges("none")),
            own: from.read_one(&OWN_SERVICES, endpoints),
        })
    }
}
