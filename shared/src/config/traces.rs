//! Where spans go.

use super::variables::{OTLP_ENDPOINT, collector};
use super::{Environment, Problems, gather};

/// Where spans go.
#[derive(Clone, Debug)]
pub struct Traces {
    /// The collector's base URL; `None`: nowhere.
    pub endpoint: Option<String>,
}

impl Traces {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { endpoint: from.read_one(&OTLP_ENDPOINT, collector) })
    }
}
