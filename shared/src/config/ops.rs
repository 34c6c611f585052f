//! The listener for health and metrics.

use std::net::SocketAddr;

use super::variables::{OPS_LISTEN, address};
use super::{Environment, Problems, gather};

/// Where `/healthz`, `/readyz` and `/metrics` are served.
#[derive(Clone, Debug)]
pub struct Ops {
    /// Address and port; port 0 takes a free one, which the log names.
    pub listen: SocketAddr,
}

impl Ops {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { listen: from.read_one(&OPS_LISTEN, address) })
    }
}
