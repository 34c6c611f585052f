//! What the server is: flavour, version, TLS, latency, clock, and what a person ought to know.

use std::collections::HashMap;
use std::time::Instant;

use longshore_shared::clock;
use longshore_shared::domain::connection::Engine;
use longshore_shared::domain::examination::ServerFacts;

use super::super::super::Result;
use super::super::connect::{Session, number_at, optional_at, text_at};

/// Round trips of which the least counts.
const TRIES: usize = 5;

/// What several questions need.
pub(super) struct Known {
    /// Variables by name; one that the server does not have is missing.
    variables: HashMap<String, String>,
    /// Something between us and the server speaks its protocol.
    pub(super) proxied: bool,
}

const VARIABLES: &str = "SHOW SESSION VARIABLES WHERE Variable_name IN \
    ('version_comment', 'log_bin', 'local_infile', 'partial_revokes', 'read_only', 'super_read_only')";

impl Known {
    pub(super) fn is_on(&self, name: &str) -> bool {
        self.variables.get(name).is_some_and(|value| !matches!(value.as_str(), "" | "0" | "OFF"))
    }
}

/// `handshake` is the session's number as whoever answered the login gave it.
pub(super) async fn known(s: &mut Session, handshake: u64, doing: &str) -> Result<Known> {
    let rows = s.rows(VARIABLES, doing).await?;
    let variables: HashMap<_, _> =
        rows.iter().map(|row| (text_at(row, 0).to_ascii_lowercase(), text_at(row, 1))).collect();
    let comment = variables.get("version_comment").map(|text| text.to_ascii_lowercase()).unwrap_or_default();
    let version = s.info.server.version.to_ascii_lowercase();
    let named =
        ["proxysql", "maxscale"].iter().any(|proxy| comment.contains(proxy) || version.contains(proxy));
    // A server numbers its sessions by itself, the same in the handshake and afterwards; the
    // handshake has 32 bits for it.
    let proxied = named || s.id & u64::from(u32::MAX) != handshake;
    Ok(Known { variables, proxied })
}

pub(super) async fn server(
    s: &mut Session,
    engine: Engine,
    known: &Known,
    doing: &str,
) -> Result<ServerFacts> {
    let tls = tls(s, doing).await?;
    let (latency_milliseconds, clock_skew_seconds) = clocks(s, doing).await?;
    let flavour = if s.is_mariadb() { "MariaDB" } else { "MySQL" };
    let version = s.info.server.version.clone();
    let mut warnings = Vec::new();
    let registered = if engine == Engine::Mariadb { "MariaDB" } else { "MySQL" };
    if registered != flavour {
        warnings.push(format!(
            "the connection says {registered}, and the server is {flavour}: change its engine"
        ));
    }
    if let Some(oldest) = too_old(s.is_mariadb(), &version) {
        warnings.push(format!("{flavour} {version} is older than {oldest}, the oldest that is supported"));
    }
    if s.info.server.read_only {
        warnings.push(
            "the server, or the database, is read only for this account: it can be a source and no target"
                .to_owned(),
        );
    }
    if known.proxied {
        warnings.push(
            "a proxy (such as ProxySQL or MaxScale) stands before the server: sessions may reach different servers, \
             and one snapshot over several sessions is not possible through it"
                .to_owned(),
        );
    }
    Ok(ServerFacts {
        flavour: flavour.to_owned(),
        version,
        tls,
        latency_milliseconds,
        clock_skew_seconds,
        warnings,
    })
}

async fn tls(s: &mut Session, doing: &str) -> Result<Option<String>> {
    let rows =
        s.rows("SHOW SESSION STATUS WHERE Variable_name IN ('Ssl_version', 'Ssl_cipher')", doing).await?;
    let value = |name: &str| {
        let row = rows.iter().find(|row| text_at(row, 0).eq_ignore_ascii_case(name))?;
        optional_at(row, 1).filter(|value| !value.is_empty())
    };
    Ok(value("Ssl_version").map(|protocol| format!("{protocol} {}", value("Ssl_cipher").unwrap_or_default())))
}

/// The least round trip, in milliseconds, and the server's clock minus ours in that very one.
async fn clocks(s: &mut Session, doing: &str) -> Result<(f64, f64)> {
    let mut best = (f64::INFINITY, 0.0);
    for _ in 0..TRIES {
        let (begun, ours) = (Instant::now(), clock::now());
        let rows = s.rows("SELECT CAST(UNIX_TIMESTAMP(NOW(6)) * 1000000 AS SIGNED)", doing).await?;
        let trip = begun.elapsed().as_secs_f64();
        let theirs = rows.first().map_or(0, |row| number_at(row, 0));
        if trip < best.0 {
            let skew = i128::from(theirs) - i128::from(ours.timestamp_micros());
            best = (trip, seconds(skew) - trip / 2.0);
        }
    }
    Ok((best.0 * 1_000.0, best.1))
}

fn seconds(microseconds: i128) -> f64 {
    let whole = i32::try_from(microseconds / 1_000_000).unwrap_or(i32::MAX);
    f64::from(whole) + f64::from(i32::try_from(microseconds % 1_000_000).unwrap_or(0)) / 1e6
}

/// The oldest release that is supported, if this one is older.
fn too_old(is_mariadb: bool, version: &str) -> Option<&'static str> {
    // Before MariaDB 11 a replication prefix stands before the release.
    let version = version.strip_prefix("5.5.5-").filter(|_| is_mariadb).unwrap_or(version);
    let mut parts = version.split(|c: char| !c.is_ascii_digit()).map(|part| part.parse::<u32>().ok());
    let release = (parts.next()??, parts.next()??);
    let (oldest, name) = if is_mariadb { ((10, 3), "10.3") } else { ((5, 7), "5.7") };
    (release < oldest).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::{seconds, too_old};

    #[test]
    fn old_releases() {
        for (is_mariadb, version, expected) in [
            (false, "5.6.51-log", Some("5.7")),
            (false, "5.7.29", None),
            (false, "9.7.4", None),
            (true, "10.2.44-MariaDB", Some("10.3")),
            (true, "5.5.5-10.2.44-MariaDB", Some("10.3")),
            (true, "5.5.5-10.11.2-MariaDB", None),
            (true, "11.8.1-MariaDB-log", None),
            (true, "odd", None),
        ] {
            assert_eq!(too_old(is_mariadb, version), expected, "{version}");
        }
    }

    #[test]
    fn skews() {
        for (microseconds, expected) in [(1_500_000, 1.5), (-250_000, -0.25), (-3_600_000_000, -3_600.0)] {
            assert!((seconds(microseconds) - expected).abs() < 1e-9);
        }
    }
}
