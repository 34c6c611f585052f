//! Which part of the network an operator leaves to connections.

use std::net::IpAddr;

use ipnet::IpNet;

use super::canonical;

/// An operator's own bounds; [`super::forbidden`] holds whatever they say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ranges {
    /// Where connections may lead; empty: everywhere.
    pub allowed: Vec<IpNet>,
    /// Where they may not lead, though it is allowed.
    pub denied: Vec<IpNet>,
}

impl Ranges {
    /// Why the address is out of bounds, in a few words; `None` when it is not.
    pub fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let address = canonical(address);
        let is_in = |ranges: &[IpNet]| ranges.iter().any(|range| range.contains(&address));
        if is_in(&self.denied) {
            return Some("in a range that is denied here");
        }
        (!self.allowed.is_empty() && !is_in(&self.allowed)).then_some("in no range that is allowed here")
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::Ranges;

    #[test]
    fn c10_t12_an_operators_bounds_hold_for_every_spelling() {
        let list = |text: &str| text.split_whitespace().map(|range| range.parse().unwrap()).collect();
        let check = |allowed: &str, denied: &str, address: &str, refused: bool| {
            let ranges = Ranges { allowed: list(allowed), denied: list(denied) };
            let found = ranges.refuses(address.parse().unwrap());
            assert_eq!(found.is_some(), refused, "{allowed} / {denied}: {address}: {found:?}");
        };
        for address in ["10.0.0.1", "192.168.1.1", "8.8.8.8", "fd00::1", "127.0.0.1", "2001:db8::1"] {
            check("", "", address, false);
        }
        check("10.0.0.0/8", "", "10.255.255.255", false);
        check("10.0.0.0/8", "", "11.0.0.0", true);
        check("10.0.0.0/8", "", "::ffff:10.1.2.3", false);
        check("10.0.0.0/8", "", "64:ff9b::a01:203", false);
        check("10.0.0.0/8", "", "fd00::1", true);
        check("10.0.0.0/8 fd00::/8", "", "fd12::1", false);
        check("10.1.2.3/32", "", "10.1.2.3", false);
        check("10.1.2.3/32", "", "10.1.2.4", true);
        check("", "10.0.0.0/8", "10.1.2.3", true);
        check("", "10.0.0.0/8", "::ffff:a01:203", true);
        check("", "10.0.0.0/8", "2002:a01:203::1", true);
        check("", "10.0.0.0/8", "8.8.8.8", false);
        // What is denied is denied, though it is allowed.
        check("10.0.0.0/8", "10.9.0.0/16", "10.9.0.1", true);
        check("10.0.0.0/8", "10.9.0.0/16", "10.8.0.1", false);
        check("0.0.0.0/0", "", "::1", true);
    }
}
