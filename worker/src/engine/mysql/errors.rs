//! Native error codes turned into failures: one function.
//!
//! Invariants: only here a code gets its class and whether trying again may help; a
//! message never holds a cell's content or a password (`redact` cuts quoted values out
//! of the server's text, and keeps the names of keys, columns and rights).
//! Deliberately not here: what a caller makes of a failure.

mod codes;
mod contents;
mod redact;

use std::io;

use longshore_shared::domain::failure::{Failure, FailureClass};
use mysql_async::{DriverError, Error, IoError};

const LOST_HINT: &str = "check the network and the server's log; it is tried again by itself";

/// `doing` says what was tried on what, without any value: "load table `orders`".
pub(super) fn classify(error: &Error, doing: &str) -> Failure {
    match error {
        Error::Server(server) => codes::server(server, doing),
        Error::Io(IoError::Io(cause)) => classify_io(cause, doing),
        Error::Io(IoError::Tls(cause)) => tls_failed(doing, &cause.to_string()),
        Error::Driver(cause) => driver(cause, doing),
        Error::Other(_) | Error::Url(_) => Failure::permanent(
            FailureClass::Internal,
            "driver_error",
            format!("{doing}: the driver gave up"),
            "report this as a fault of Longshore",
        ),
    }
}

/// An error of the network below the protocol.
pub(super) fn classify_io(cause: &io::Error, doing: &str) -> Failure {
    let failed = |code, what: &str, hint| {
        Failure::transient(FailureClass::ConnectionFailure, code, format!("{doing}: {what}"), hint)
    };
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => failed(
            "connection_refused",
            "the host refuses connections on this port",
            "check host and port, that the server runs, and that it listens on this address",
        ),
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => failed(
            "unreachable",
            "there is no route to the host",
            "check the host, firewalls and security groups",
        ),
        io::ErrorKind::TimedOut => failed(
            "connection_lost",
            "the server no longer answers",
            "check the network and the server's load",
        ),
        // rustls reports a refused certificate as invalid data.
        io::ErrorKind::InvalidData if cause.get_ref().is_some() => tls_failed(doing, &cause.to_string()),
        kind => failed("connection_lost", &format!("the connection was lost ({kind})"), LOST_HINT),
    }
}

/// The login took longer than the connection's time-out.
pub(super) fn timed_out(doing: &str, seconds: u64) -> Failure {
    Failure::transient(
        FailureClass::ConnectionFailure,
        "connect_timeout",
        format!("{doing}: no login within {seconds} seconds"),
        "check host, port and firewalls, or allow the connection a longer time-out",
    )
}

fn tls_failed(doing: &str, cause: &str) -> Failure {
    let hint = if cause.contains("not valid for any names") {
        "the server's certificate bears no name (subjectAltName): give the server one that does, or use require"
    } else {
        "check the connection's TLS mode, its CA certificate and the name in the server's certificate"
    };
    let message = format!("{doing}: the TLS handshake failed: {cause}");
    Failure::permanent(FailureClass::ConnectionFailure, "tls_failed", message, hint)
}

fn driver(cause: &DriverError, doing: &str) -> Failure {
    let connection = |code, hint| {
        let message = format!("{doing}: {cause}");
        Failure::permanent(FailureClass::ConnectionFailure, code, message, hint)
    };
    match cause {
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::MysqlOldPasswordDisabled
        | DriverError::CleartextPluginDisabled
        | DriverError::InvalidParsecSalt => connection(
            "login_refused",
            "give the account one of caching_sha2_password, mysql_native_password, ed25519 or parsec",
        ),
        DriverError::NoClientSslFlagFromServer => {
            connection("tls_not_offered", "switch TLS on at the server or ask the connection for less")
        }
        DriverError::CantParseServerVersion { .. } => {
            connection("not_this_engine", "check that host and port belong to a MySQL or MariaDB server")
        }
        DriverError::PacketTooLarge | DriverError::BulkExecute(_) => Failure::permanent(
            FailureClass::DataError,
            "row_too_large",
            format!("{doing}: a statement is larger than the server accepts"),
            "raise max_allowed_packet on the server",
        ),
        DriverError::ConnectionClosed
        | DriverError::PacketOutOfOrder
        | DriverError::UnexpectedPacket { .. }
        | DriverError::BadCompressedPacketHeader => Failure::transient(
            FailureClass::ConnectionFailure,
            "connection_lost",
            format!("{doing}: the connection was lost"),
            LOST_HINT,
        ),
        _ => Failure::permanent(
            FailureClass::Internal,
            "driver_error",
            format!("{doing}: the driver gave up"),
            "report this as a fault of Longshore",
        ),
    }
}

#[cfg(test)]
mod tests;
