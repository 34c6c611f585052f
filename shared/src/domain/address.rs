//! Which network addresses a customer's server may never have.
//!
//! Metadata services hand out credentials to whoever asks from the right machine;
//! link-local, multicast and reserved addresses are nobody's database. The API refuses
//! such a literal when a connection is saved; a worker asks again for every address that a
//! name resolves to, at every connect. Loopback is another question: a setting allows it or
//! not ([`Rules`]). Private ranges are where customers live.

mod ranges;
mod rules;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

pub use ranges::Ranges;
pub use rules::{OWN, Rules};

/// Addresses of clouds' metadata services that no reserved range holds.
const METADATA: [IpAddr; 4] = [
    // Alibaba Cloud; Oracle Cloud; Azure's wire server; AWS over IPv6
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
];

/// The address that a packet really goes to: IPv4 behind its mapped and translated forms.
pub fn canonical(address: IpAddr) -> IpAddr {
    let IpAddr::V6(v6) = address else { return address };
    if let Some(v4) = v6.to_ipv4_mapped() {
        return v4.into();
    }
    match v6.segments() {
        // NAT64's well-known prefix, and 6to4, both carry an IPv4 address
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] | [0x2002, high, low, ..] => {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Ipv4Addr::new(a, b, c, d).into()
        }
        _ => address,
    }
}

/// Why nobody may connect to this address, in a few words; `None` when the rule is silent.
pub fn forbidden(address: IpAddr) -> Option<&'static str> {
    let address = canonical(address);
    if METADATA.contains(&address) {
        return Some("a cloud's metadata service");
    }
    match address {
        IpAddr::V4(v4) => forbidden_v4(v4),
        IpAddr::V6(v6) => forbidden_v6(v6),
    }
}

/// Why an address is inside somebody's own network and not the internet's, in a few words;
/// `None` for an address that everybody may reach. [`forbidden`] is another question.
pub fn inside(address: IpAddr) -> Option<&'static str> {
    match canonical(address) {
        IpAddr::V4(v4) => match v4.octets() {
            [127, ..] => Some("this machine's own address"),
            [10, ..] | [172, 16..=31, ..] | [192, 168, ..] => Some("a private address"),
            [100, 64..=127, ..] => Some("a carrier's private address"),
            [192, 0, 0, _] | [198, 18..=19, ..] => Some("an address for special use"),
            [192, 0, 2, _] | [198, 51, 100, _] | [203, 0, 113, _] => Some("an address for documents"),
            _ => None,
        },
        IpAddr::V6(v6) if v6.is_loopback() => Some("this machine's own address"),
        IpAddr::V6(v6) => match v6.segments() {
            [0xfc00..=0xfdff, ..] => Some("a private address"),
            [0xfec0..=0xfeff, ..] => Some("an outdated private address"),
            // A translator of one's own network: what is behind it cannot be told.
            [0x64, 0xff9b, 1, ..] => Some("a private translator's address"),
            // Teredo carries an IPv4 address, discard-only goes nowhere.
            [0x2001, 0, ..] | [0x100, 0, 0, 0, ..] => Some("an address for special use"),
            [0x2001, 0xdb8, ..] => Some("an address for documents"),
            _ => None,
        },
    }
}

fn forbidden_v4(address: Ipv4Addr) -> Option<&'static str> {
    match address.octets() {
        [169, 254, ..] => Some("a link-local address, where metadata services live"),
        [0, ..] => Some("an unspecified address"),
        [224..=239, ..] => Some("a multicast address"),
        [240..=255, ..] => Some("a reserved address"),
        _ => None,
    }
}

fn forbidden_v6(address: Ipv6Addr) -> Option<&'static str> {
    if address.is_unspecified() {
        Some("an unspecified address")
    } else if address.is_unicast_link_local() {
        Some("a link-local address")
    } else if address.is_multicast() {
        Some("a multicast address")
    } else if address.segments()[..6] == [0; 6] && !address.is_loopback() {
        Some("an outdated spelling of an IPv4 address")
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::{canonical, forbidden, inside};

    #[test]
    fn what_is_never_a_database_is_refused() {
        let check = |address: &str, refused: bool| {
            assert_eq!(forbidden(address.parse().unwrap()).is_some(), refused, "{address}");
        };
        check("169.254.169.254", true);
        check("169.254.0.1", true);
        check("168.63.129.16", true);
        check("100.100.100.200", true);
        check("0.0.0.0", true);
        check("0.1.2.3", true);
        check("224.0.0.1", true);
        check("255.255.255.255", true);
        check("::", true);
        check("fe80::1", true);
        check("ff02::1", true);
        check("fd00:ec2::254", true);
        check("::ffff:169.254.169.254", true);
        check("64:ff9b::a9fe:a9fe", true);
        check("2002:a9fe:a9fe::1", true);
        check("::169.254.169.254", true);
        check("10.0.0.1", false);
        check("192.168.1.1", false);
        check("100.64.0.1", false);
        check("127.0.0.1", false);
        check("::1", false);
        check("fd00::1", false);
        check("2001:db8::1", false);
        check("8.8.8.8", false);
    }

    #[test]
    fn what_is_inside_a_network() {
        let check = |address: &str, found: bool| {
            assert_eq!(inside(address.parse().unwrap()).is_some(), found, "{address}");
        };
        for address in ["127.0.0.1", "127.8.9.1", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1"] {
            check(address, true);
        }
        for address in ["100.64.0.1", "198.18.0.1", "192.0.2.1", "203.0.113.9", "192.0.0.8"] {
            check(address, true);
        }
        for address in ["::1", "fc00::1", "fd12::1", "fec0::1", "::ffff:10.0.0.1", "64:ff9b::a00:1"] {
            check(address, true);
        }
        for address in ["2002:a00:1::", "64:ff9b:1::1", "2001:db8::1", "2001:0:1::", "100::1"] {
            check(address, true);
        }
        for address in ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "64:ff9b::808:808"] {
            check(address, false);
        }
    }

    #[test]
    fn hidden_spellings_are_seen_through() {
        let check = |address: &str, expected: &str| {
            assert_eq!(canonical(address.parse().unwrap()).to_string(), expected);
        };
        check("::ffff:127.0.0.1", "127.0.0.1");
        check("64:ff9b::7f00:1", "127.0.0.1");
        check("2002:7f00:1::", "127.0.0.1");
        check("2001:db8::1", "2001:db8::1");
    }
}
