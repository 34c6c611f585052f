//! RabbitMQ.

use super::variables::AMQP_URL;
use super::{Environment, Problems, SecretUrl, gather};

/// Where the broker is.
#[derive(Clone, Debug)]
pub struct Broker {
    /// Host, user, password and virtual host.
    pub url: SecretUrl,
}

impl Broker {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self { url: from.read_one(&AMQP_URL, |text| SecretUrl::parse(text, &["amqp", "amqps"])) })
    }

    /// Host and port.
    pub fn endpoint(&self) -> (String, u16) {
        self.url.endpoint(5672)
    }
}
