//! A host as a person spells it: a name, or an address in any of its spellings.
//!
//! What is saved is what a resolver will see: names in lower case, IPv4 in four decimal
//! numbers, so that `0x7f000001` does not pass for a name. Names are resolved and their
//! addresses checked by a worker, at every connect.

use std::net::{IpAddr, Ipv6Addr};

use longshore_shared::domain::address;
use longshore_shared::domain::problem::ProblemCode;
use url::Host;

/// Longest name of the DNS.
const LONGEST: usize = 253;

type Objection = (ProblemCode, String);

/// The host as it is saved, or a code and what is wrong.
pub(super) fn host(text: &str) -> Result<String, Objection> {
    if text.is_empty() {
        return Err((ProblemCode::Required, "a host name or address is required".to_owned()));
    }
    if text.len() > LONGEST {
        return Err((ProblemCode::TooLong, format!("at most {LONGEST} characters are taken")));
    }
    shape(text)?;
    let bare = text.strip_suffix('.').unwrap_or(text);
    if let Some(inner) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        let parsed: Result<Ipv6Addr, _> = inner.parse();
        return parsed.map_err(|_| invalid("it is not an IPv6 address")).and_then(|v6| literal(v6.into()));
    }
    if let Ok(v6) = bare.parse::<Ipv6Addr>() {
        return literal(v6.into());
    }
    if bare.contains(':') {
        return Err(invalid("leave the port out; it has a field of its own"));
    }
    match Host::parse(bare) {
        Ok(Host::Ipv4(v4)) => literal(v4.into()),
        Ok(Host::Ipv6(v6)) => literal(v6.into()),
        Ok(Host::Domain(name)) if name.split('.').all(is_label) => Ok(name),
        _ => Err(invalid("it is neither a host name nor an address")),
    }
}

/// Refuses what belongs into other fields, by the character that shows it.
fn shape(text: &str) -> Result<(), Objection> {
    if text.contains("://") {
        return Err(invalid("leave the scheme out (`mysql://`); only the host stands here"));
    }
    if text.contains('@') {
        return Err(invalid("leave the user out; it has a field of its own"));
    }
    if text.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err(invalid("a host has no spaces or control characters"));
    }
    if !text.is_ascii() {
        return Err(invalid("only ASCII is taken; write an international name in its `xn--` form"));
    }
    if text.contains(['/', '\\', '?', '#', '%']) {
        return Err(invalid("a host has no path, query or percent sign"));
    }
    Ok(())
}

fn is_label(label: &str) -> bool {
    let inner = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    (1..=63).contains(&label.len())
        && label.chars().all(inner)
        && !label.starts_with('-')
        && !label.ends_with('-')
}

fn literal(found: IpAddr) -> Result<String, Objection> {
    if let Some(what) = address::forbidden(found) {
        return Err((
            ProblemCode::AddressNotAllowed,
            format!("{found} is {what}; no database is reached there"),
        ));
    }
    // A mapped address is its IPv4 address, whoever dials it.
    Ok(found.to_canonical().to_string())
}

fn invalid(detail: &str) -> Objection {
    (ProblemCode::InvalidHost, detail.to_owned())
}

#[cfg(test)]
mod tests {
    use super::host;

    #[test]
    fn spellings() {
        let check = |text: &str, expected: Result<&str, &str>| {
            let found = host(text);
            assert_eq!(found.as_deref().map_err(|(code, _)| code.as_str()), expected, "{text:?}");
        };
        check("db.example.com", Ok("db.example.com"));
        check("DB.Example.COM", Ok("db.example.com"));
        check("db.example.com.", Ok("db.example.com"));
        check("localhost.", Ok("localhost"));
        check("my_db-1", Ok("my_db-1"));
        check("xn--lden-loa.example", Ok("xn--lden-loa.example"));
        check("10.0.0.5", Ok("10.0.0.5"));
        check("fd00::5", Ok("fd00::5"));
        check("[fd00::5]", Ok("fd00::5"));
        // numeric spellings are what they say
        check("0x7f000001", Ok("127.0.0.1"));
        check("2130706433", Ok("127.0.0.1"));
        check("127.1", Ok("127.0.0.1"));
        check("0177.0.0.1", Ok("127.0.0.1"));
        check("0xa9fea9fe", Err("address_not_allowed"));
        check("2852039166", Err("address_not_allowed"));
        check("169.254.169.254", Err("address_not_allowed"));
        check("[::ffff:127.0.0.1]", Ok("127.0.0.1"));
        check("::ffff:169.254.169.254", Err("address_not_allowed"));
        check("0.0.0.0", Err("address_not_allowed"));
        check("0", Err("address_not_allowed"));
        check("fe80::1", Err("address_not_allowed"));
        check("fd00:ec2::254", Err("address_not_allowed"));
        // neither name nor address
        check("", Err("required"));
        check(" ", Err("invalid_host"));
        check("a b", Err("invalid_host"));
        check("http://h", Err("invalid_host"));
        check("h:3306", Err("invalid_host"));
        check("user@h", Err("invalid_host"));
        check("h\0", Err("invalid_host"));
        check("h\r\nx", Err("invalid_host"));
        check(&"a".repeat(300), Err("too_long"));
        check("🐬.example", Err("invalid_host"));
        check("1.2.3.4.5", Err("invalid_host"));
        check("256.1.1.1", Err("invalid_host"));
        check("a..b", Err("invalid_host"));
        check("-a.example", Err("invalid_host"));
        check("a%2eb", Err("invalid_host"));
        check("../etc", Err("invalid_host"));
        check("[fd00::5", Err("invalid_host"));
        check("fe80::1%eth0", Err("invalid_host"));
        check(".", Err("invalid_host"));
        check("h;rm", Err("invalid_host"));
    }
}
