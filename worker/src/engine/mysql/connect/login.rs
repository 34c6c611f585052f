//! TCP, TLS and authentication.
//!
//! Invariants: the address that was checked is the one that is dialled, never a socket
//! path that the server names; a mode that asks for TLS never falls back to none; only a session
//! that writes tells the server that it has files; a server that leads the driver astray ends
//! the login and no more.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use longshore_shared::domain::connection::TlsMode;
use mysql_async::prelude::GlobalHandler;
use mysql_async::{
    ClientIdentity, Conn, DriverError, Error, InfileData, IoError, LocalInfileError, Opts, OptsBuilder,
    SslOpts,
};

use super::super::super::{Login, Result, network};
use super::super::errors;
use super::Role;
use super::line::Line;

/// What we accept from a server in one packet, and would send to one that takes it: a row.
const PACKET_BYTES: usize = 1 << 30;
/// As much as that where no row of a table is read: no definition is nearly as long.
const STRUCTURE_BYTES: usize = 32 << 20;
const KEEPALIVE: std::time::Duration = std::time::Duration::from_secs(20);

/// Logs in as the TLS mode says.
pub(super) async fn connect(login: &Login, role: Role, database: Option<&str>, doing: &str) -> Result<Line> {
    // The driver panics over some malformed packets; it holds nothing that outlives the attempt.
    let attempt = AssertUnwindSafe(dial(login, role, database)).catch_unwind().await;
    let Ok(answer) = attempt else {
        return Err(network::not_this_engine(doing, "the server's part of the login makes no sense"));
    };
    let conn = answer.map_err(|error| errors::classify(&error, doing))?;
    Ok(Line::new(conn, login.seat.clone()))
}

async fn dial(login: &Login, role: Role, database: Option<&str>) -> mysql_async::Result<Conn> {
    let mode = login.tls.mode;
    let options = |tls| options(login, role, database, tls);
    let first = Conn::new(options(tls_options(login, None))).await;
    match first {
        // Unverified TLS protects from no one who can break the handshake: no loss.
        Err(error) if mode == TlsMode::Prefer && is_about_tls(&error) => Conn::new(options(None)).await,
        Err(error) if mode == TlsMode::VerifyCa => match certified_name(&error.to_string()) {
            Some(name) => Conn::new(options(tls_options(login, Some(name)))).await,
            None => Err(error),
        },
        other => other,
    }
}

fn options(login: &Login, role: Role, database: Option<&str>, tls: Option<SslOpts>) -> Opts {
    let packet = if role == Role::Look { STRUCTURE_BYTES } else { PACKET_BYTES };
    OptsBuilder::default()
        .ip_or_hostname(login.server_name.clone())
        .tcp_port(login.address.port())
        .resolved_ips(Some(vec![login.address.ip()]))
        .user(Some(login.username.clone()))
        .pass(Some(login.password.reveal().to_owned()))
        .db_name(database)
        .prefer_socket(false)
        .tcp_nodelay(true)
        .tcp_keepalive(Some(KEEPALIVE))
        .stmt_cache_size(0)
        // Rows that an update found count, not only those that it changed.
        .client_found_rows(role == Role::Write)
        .trust_server_key(login.trust_server_key)
        .max_allowed_packet(Some(packet))
        .wait_timeout(Some(28_800))
        .connect_attribute("program_name", login.tag.clone())
        .local_infile_handler((role == Role::Write).then_some(Nothing))
        .ssl_opts(tls)
        .into()
}

/// What a session that may load tells of files: that it serves some, and none but what a load
/// opens for one statement. Any other session does not even say so.
struct Nothing;

impl GlobalHandler for Nothing {
    fn handle(&self, _: &[u8]) -> BoxFuture<'static, std::result::Result<InfileData, LocalInfileError>> {
        Box::pin(std::future::ready(Err(LocalInfileError::NoHandler)))
    }
}

fn tls_options(login: &Login, name: Option<String>) -> Option<SslOpts> {
    let mode = login.tls.mode;
    if mode == TlsMode::Disable {
        return None;
    }
    let verified = matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull);
    let own_authority = login.tls.ca.as_ref().filter(|_| verified);
    let shown = login.tls.client_certificate.as_ref().zip(login.client_key.as_ref());
    let identity = shown.map(|(certificate, key)| {
        let bytes = |text: &str| text.as_bytes().to_vec().into();
        ClientIdentity::new(bytes(certificate), bytes(key.reveal()))
    });
    Some(
        SslOpts::default()
            .with_root_certs(own_authority.iter().map(|pem| pem.as_bytes().to_vec().into()).collect())
            .with_disable_built_in_roots(own_authority.is_some())
            .with_client_identity(identity)
            .with_danger_accept_invalid_certs(!verified)
            .with_danger_tls_hostname_override(name.or_else(|| Some(login.server_name.clone()))),
    )
}

fn is_about_tls(error: &Error) -> bool {
    match error {
        Error::Driver(DriverError::NoClientSslFlagFromServer) | Error::Io(IoError::Tls(_)) => true,
        Error::Io(IoError::Io(cause)) => {
            matches!(cause.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::UnexpectedEof)
        }
        _ => false,
    }
}

/// A name out of the message that a trusted certificate is not for the host.
///
/// `verify-ca` asks only who signed. The driver's own switch for that does not work with
/// this release of rustls, so the certificate is checked once more against a name that
/// it bears: chain, dates and use are verified as ever.
fn certified_name(message: &str) -> Option<String> {
    let (_, names) = message.split_once("certificate is only valid for ")?;
    ["DnsName(\"", "IpAddress(\"", "IpAddress("].iter().find_map(|kind| {
        let (_, rest) = names.split_once(kind)?;
        let name = rest.split(['"', ')']).next()?;
        Some(name.replace('*', "longshore"))
    })
}

#[cfg(test)]
mod tests {
    use super::certified_name;

    #[test]
    fn names_of_certificates() {
        let said = "invalid peer certificate: certificate not valid for name \"127.0.0.1\"; certificate is ";
        for (tail, expected) in [
            ("only valid for DnsName(\"db.example.com\")", Some("db.example.com")),
            ("only valid for DnsName(\"*.example.com\") or DnsName(\"b\")", Some("longshore.example.com")),
            ("only valid for IpAddress(10.0.0.1)", Some("10.0.0.1")),
            ("not valid for any names (according to its subjectAltName extension)", None),
        ] {
            assert_eq!(certified_name(&format!("{said}{tail}")).as_deref(), expected);
        }
    }
}
