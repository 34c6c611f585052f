//! Where webhooks may go.

use super::variables::{WEBHOOK_HTTP_ALLOWED, WEBHOOK_PRIVATE_ALLOWED, flag};
use super::{Environment, Problems, gather};

/// Where webhooks may go.
#[derive(Clone, Copy, Debug)]
pub struct Webhooks {
    /// Whether to private addresses and to this machine's own.
    pub private_allowed: bool,
    /// Whether over http, without TLS.
    pub http_allowed: bool,
}

impl Webhooks {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            private_allowed: from.read_one(&WEBHOOK_PRIVATE_ALLOWED, flag),
            http_allowed: from.read_one(&WEBHOOK_HTTP_ALLOWED, flag),
        })
    }
}
