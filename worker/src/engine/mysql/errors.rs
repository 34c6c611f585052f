//! Native error codes turned into failures: one function.
//!
//! Invariants: only here a code gets its class and whether trying again may help; a
//! message never holds a cell's content or a password (`redact` cuts quoted values out
//! of the server's text, and keeps the names of keys, columns and rights).
//! Deliberately not here: what a caller makes of a failure.

mod codes;
mod contents;
mod redact;

use longshore_shared::domain::failure::{Failure, FailureClass, FailureCode};
use mysql_async::{DriverError, Error, IoError, LocalInfileError, TlsError};

use super::super::network;
use super::connect::TooLarge;

/// Bytes of a message that are kept.
const LONGEST: usize = 2_000;
const BROKEN: &str = "what the server sent breaks the protocol, or is larger than is taken of it";

/// `doing` says what was tried on what, without any value: "load table `orders`".
pub(super) fn classify(error: &Error, doing: &str) -> Failure {
    let mut failure = told(error, doing);
    // A server may say what it likes, as long as it likes.
    failure.message.truncate(failure.message.floor_char_boundary(LONGEST));
    failure
}

/// As [`classify`], of a statement that defines a table: what the server says of it is never a
/// fault of ours alone. `is_empty`: the table holds no row whose value the server could quote.
pub(super) fn of_definition(error: &Error, doing: &str, is_empty: bool) -> Failure {
    let failure = classify(error, doing);
    let Error::Server(server) = error else { return failure };
    let is_about_it = match failure.class {
        FailureClass::Internal => true,
        FailureClass::DataError => is_empty && !failure.is_transient(),
        _ => false,
    };
    if !is_about_it {
        return failure;
    }
    let words = if is_empty { server.message.clone() } else { redact::redact(&server.message) };
    let mut message = format!("{doing}: {words} (error {})", server.code);
    message.truncate(message.floor_char_boundary(LONGEST));
    Failure::permanent(FailureCode::DefinitionRefused, message)
}

fn told(error: &Error, doing: &str) -> Failure {
    match error {
        Error::Server(server) => codes::server(server, doing),
        Error::Io(IoError::Io(cause)) if breaks_protocol(cause) => network::not_this_engine(doing, BROKEN),
        Error::Io(IoError::Io(cause)) if comes_in_crumbs(cause) => Failure::transient(
            FailureCode::AnswerTooSlow,
            format!("{doing}: the answer comes in crumbs, and was not waited for"),
        ),
        Error::Io(IoError::Io(cause)) => network::of_io(cause, doing),
        Error::Io(IoError::Tls(cause)) => tls(cause, doing),
        Error::Driver(cause) => driver(cause, doing),
        Error::Other(cause) if cause.is::<TooLarge>() => Failure::permanent(
            FailureCode::AnswerTooLarge,
            format!("{doing}: {cause}, and was not read further"),
        ),
        Error::Other(_) | Error::Url(_) => {
            Failure::permanent(FailureCode::DriverError, format!("{doing}: the driver gave up"))
        }
    }
}

/// Whether the driver could not read a packet that did come. It tells so in words only, and
/// what the network or TLS did has the same kinds.
fn breaks_protocol(cause: &std::io::Error) -> bool {
    use std::io::ErrorKind::{InvalidData, InvalidInput, Other, UnexpectedEof};
    // Words of the standard library's, for a slice that is too short: a connection's end has others.
    if cause.kind() == UnexpectedEof && cause.to_string() == "failed to fill whole buffer" {
        return true;
    }
    let Some(why) = cause.get_ref().filter(|why| !why.is::<rustls::Error>()) else { return false };
    let begins = |words: &[&str]| words.iter().any(|word| why.to_string().starts_with(word));
    match cause.kind() {
        InvalidData | InvalidInput => true,
        Other => {
            begins(&["Packet is larger", "Packets out of sync", "Bad compressed", "Invalid length-encoded"])
        }
        UnexpectedEof => begins(&["can't parse", "can't read", "unexpected"]),
        _ => false,
    }
}

/// Whether the driver's own patience was at its end, and not the network's.
fn comes_in_crumbs(cause: &std::io::Error) -> bool {
    cause.kind() == std::io::ErrorKind::TimedOut
        && cause.get_ref().is_some_and(|why| why.to_string().contains("crumbs"))
}

fn tls(cause: &TlsError, doing: &str) -> Failure {
    let unusable = |what: &str, hint| {
        Failure::permanent(FailureCode::TlsFailed, format!("{doing}: {what}")).with_hint(hint)
    };
    match cause {
        TlsError::Tls(cause) => network::of_tls(cause, doing),
        TlsError::InvalidDnsName(_) => {
            unusable("the host's name cannot stand in a certificate", "use a host name or an address")
        }
        // Its words could quote what was read.
        TlsError::Pem(_) | TlsError::VerifierBuilderError(_) => unusable(
            "the connection's CA or client certificate cannot be used",
            "give certificates and the key in PEM",
        ),
    }
}

fn driver(cause: &DriverError, doing: &str) -> Failure {
    let connection = |code| Failure::permanent(code, format!("{doing}: {cause}"));
    match cause {
        DriverError::LocalInfile(LocalInfileError::NoHandler) => Failure::permanent(
            FailureCode::FileRequested,
            format!("{doing}: the server asked for a file of this worker, and got none"),
        ),
        DriverError::CleartextPluginDisabled => network::clear_password(doing),
        DriverError::ServerKeyNotTrusted => Failure::permanent(
            FailureCode::ServerKeyNotTrusted,
            format!(
                "{doing}: without TLS the password would go under a key that the server sends itself, and nothing \
                 proves whose that is; it was not sent"
            ),
        ),
        DriverError::UnknownAuthPlugin { .. }
        | DriverError::MysqlOldPasswordDisabled
        | DriverError::InvalidParsecSalt => connection(FailureCode::LoginRefused).with_hint(
            "give the account one of caching_sha2_password, mysql_native_password, ed25519 or parsec",
        ),
        DriverError::NoClientSslFlagFromServer => network::tls_not_offered(doing),
        DriverError::CantParseServerVersion { .. } => connection(FailureCode::NotThisEngine)
            .with_hint("check that host and port belong to a MySQL or MariaDB server"),
        DriverError::PacketTooLarge | DriverError::BulkExecute(_) => Failure::permanent(
            FailureCode::RowTooLarge,
            format!("{doing}: a statement is larger than the server accepts"),
        )
        .with_hint("raise max_allowed_packet on the server"),
        DriverError::PacketOutOfOrder
        | DriverError::UnexpectedPacket { .. }
        | DriverError::BadCompressedPacketHeader => network::not_this_engine(doing, BROKEN),
        DriverError::ConnectionClosed => {
            Failure::transient(FailureCode::ConnectionLost, format!("{doing}: the connection was lost"))
        }
        _ => Failure::permanent(FailureCode::DriverError, format!("{doing}: the driver gave up")),
    }
}

#[cfg(test)]
mod tests;
