//! Which servers a stack's processes reach by way of a proxy.

use url::Url;

use super::Stack;

/// A server that Longshore talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Upstream {
    /// Its own PostgreSQL.
    Postgres,
    /// RabbitMQ.
    Broker,
    /// The source's MariaDB.
    Source,
    /// The target's MariaDB.
    Target,
}

/// Ports that stand for servers' own.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Routes {
    postgres: Option<u16>,
    broker: Option<u16>,
}

impl Routes {
    pub(super) fn database(&self, url: &str) -> String {
        by_way_of(url, self.postgres)
    }

    pub(super) fn broker(&self, url: &str) -> String {
        by_way_of(url, self.broker)
    }
}

impl Stack {
    /// Sends processes that are started, and connections that are registered, from now on to
    /// this port instead of the server's own; `None`: straight to the server.
    pub fn route(&mut self, upstream: Upstream, port: Option<u16>) {
        match upstream {
            Upstream::Postgres => self.routes.postgres = port,
            Upstream::Broker => self.routes.broker = port,
            Upstream::Source => self.source.behind = port,
            Upstream::Target => self.target.behind = port,
        }
    }

    /// The server's own port.
    pub fn port_of(&self, upstream: Upstream) -> u16 {
        let of =
            |url: &str, usual| Url::parse(url).expect("the launcher's URL parses").port().unwrap_or(usual);
        match upstream {
            Upstream::Postgres => of(&self.control.system_url, 5432),
            Upstream::Broker => of(&self.broker.amqp_url, 5672),
            Upstream::Source => self.source.server.port,
            Upstream::Target => self.target.server.port,
        }
    }
}

fn by_way_of(url: &str, port: Option<u16>) -> String {
    let Some(port) = port else { return url.to_owned() };
    let mut url = Url::parse(url).expect("the launcher's URL parses");
    url.set_port(Some(port)).expect("a server's URL has a port");
    url.into()
}
