//! Where connections may lead: what nobody may, and what an operator's settings say.

use std::net::IpAddr;

use super::{Ranges, canonical, forbidden};

/// What [`Rules`] say of Longshore's own services.
pub const OWN: &str = "one of Longshore's own services";

/// The rules; for the API, which judges what is spelt as an address, and for workers, which
/// judge every address at every connect.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Databases on the worker's own machine: the local stack and tests.
    pub loopback_allowed: bool,
    /// The operator's own bounds.
    pub ranges: Ranges,
    /// Hosts and ports of Longshore's own services.
    pub own: Vec<(String, u16)>,
}

impl Rules {
    /// Why nobody may connect to this address, whatever its port, in a few words.
    pub fn refuses(&self, to: IpAddr) -> Option<&'static str> {
        let own_machine = canonical(to).is_loopback() && !self.loopback_allowed;
        forbidden(to)
            .or(own_machine.then_some("the worker's own machine"))
            .or_else(|| self.ranges.refuses(to))
    }

    /// Why nobody may connect to this host, if it is an address: what a name stands for is found
    /// out at each connect, here and for Longshore's own services.
    pub fn refuses_literal(&self, host: &str, port: u16) -> Option<&'static str> {
        let to = canonical(host.parse().ok()?);
        self.refuses(to).or_else(|| self.owns(to, port).then_some(OWN))
    }

    fn owns(&self, to: IpAddr, port: u16) -> bool {
        let is_it = |host: &str| match host.parse().map(canonical) {
            Ok(own) => own == to || own.is_loopback() && to.is_loopback(),
            Err(_) => host == "localhost" && to.is_loopback(),
        };
        self.own.iter().any(|(host, own)| *own == port && is_it(host))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{Ranges, Rules};

    #[test]
    fn i02_c10_literals_are_judged_and_names_are_not() {
        let list = |text: &str| text.split_whitespace().map(|range| range.parse().unwrap()).collect();
        let rules = |loopback_allowed| Rules {
            loopback_allowed,
            ranges: Ranges { allowed: Vec::new(), denied: list("10.9.0.0/16 fd09::/16") },
            own: vec![
                ("localhost".to_owned(), 5432),
                ("10.0.0.9".to_owned(), 9000),
                ("s3.internal".to_owned(), 80),
            ],
        };
        // Host, port, whether it is refused without and with the setting for loopback.
        for (host, port, without, with) in [
            ("127.0.0.1", 3306, true, false),
            ("127.9.9.9", 3306, true, false),
            ("::1", 3306, true, false),
            ("::ffff:127.0.0.1", 3306, true, false),
            ("64:ff9b::7f00:1", 3306, true, false),
            ("169.254.169.254", 3306, true, true),
            ("10.9.1.1", 3306, true, true),
            ("2002:a09:101::1", 3306, true, true),
            ("fd09::1", 3306, true, true),
            ("10.8.1.1", 3306, false, false),
            ("8.8.8.8", 3306, false, false),
            ("127.0.0.1", 5432, true, true),
            ("127.1.1.1", 5432, true, true),
            ("::1", 5432, true, true),
            ("10.0.0.9", 9000, true, true),
            ("::ffff:10.0.0.9", 9000, true, true),
            ("10.0.0.9", 9001, false, false),
            ("localhost", 5432, false, false),
            ("s3.internal", 80, false, false),
            ("db.example.com", 3306, false, false),
        ] {
            for (allowed, refused) in [(false, without), (true, with)] {
                let found = rules(allowed).refuses_literal(host, port);
                assert_eq!(found.is_some(), refused, "{host}:{port} {allowed}: {found:?}");
            }
        }
    }
}
