//! SQLSTATEs and driver errors turned into failures: one function.
//!
//! Invariants: only here a code gets its class and whether trying again may help; a login's
//! refusal names accounts and databases only, everything else of the server's words stays out.

use std::error::Error as _;
use std::io;

use longshore_shared::domain::failure::{Failure, FailureClass};
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use super::super::network::{self, LOST_HINT};
use super::connect::Refused;

const CLASS: FailureClass = FailureClass::ConnectionFailure;
/// Bytes of the server's words that are kept.
const LONGEST: usize = 300;

/// `doing` says what was tried on what: "log in to 10.0.0.5:5432".
pub(super) fn classify(error: &Error, doing: &str) -> Failure {
    if let Some(server) = error.as_db_error() {
        return of_server(server, doing);
    }
    match error.source().and_then(|cause| cause.downcast_ref::<io::Error>()) {
        Some(cause) => of_io(cause, doing),
        None if error.is_closed() => lost(doing),
        None => network::not_this_engine(doing, &format!("the login was not understood ({error})")),
    }
}

/// An error of the stream, or of the guard on it.
pub(super) fn of_io(cause: &io::Error, doing: &str) -> Failure {
    let Some(refused) = cause.get_ref().and_then(|inner| inner.downcast_ref::<Refused>()) else {
        return match cause.kind() {
            // A message that is too short; a connection that ends is told otherwise, but for TLS.
            io::ErrorKind::UnexpectedEof if !cause.to_string().contains("close_notify") => {
                network::not_this_engine(doing, &Refused::Malformed.to_string())
            }
            // The driver's own reading of messages.
            io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData
                if cause.get_ref().is_none_or(|inner| !inner.is::<rustls::Error>()) =>
            {
                network::not_this_engine(doing, &Refused::Malformed.to_string())
            }
            _ => network::of_io(cause, doing),
        };
    };
    match refused {
        Refused::Clear => network::clear_password(doing),
        Refused::Method => Failure::permanent(
            CLASS,
            "login_refused",
            format!("{doing}: {refused}"),
            "let the account log in by scram-sha-256 or md5 (pg_hba.conf)",
        ),
        Refused::Flood | Refused::Malformed => network::not_this_engine(doing, &refused.to_string()),
    }
}

fn lost(doing: &str) -> Failure {
    Failure::transient(CLASS, "connection_lost", format!("{doing}: the connection was lost"), LOST_HINT)
}

fn of_server(error: &DbError, doing: &str) -> Failure {
    let state = error.code().code();
    let words = error.message();
    let words = &words[..words.floor_char_boundary(LONGEST)];
    let named = format!("{doing}: {words} (SQLSTATE {state})");
    let never = |class, code, message: String, hint| Failure::permanent(class, code, message, hint);
    let again = |code, hint| Failure::transient(CLASS, code, named.clone(), hint);
    match state {
        "28000" if words.contains("no encryption") || words.contains("SSL off") => never(
            CLASS,
            "tls_required",
            named,
            "the server wants TLS: set the connection's TLS mode to require or stricter",
        ),
        "28000" if words.contains("client certificate") => never(
            CLASS,
            "tls_client_certificate_refused",
            named,
            "give the connection a client certificate and its key that the server's authority signed",
        ),
        "28P01" | "28000" => never(
            CLASS,
            "login_refused",
            named,
            "check user name and password, and that pg_hba.conf lets the account in from this worker's address",
        ),
        "3D000" => never(
            CLASS,
            "unknown_database",
            named,
            "check the connection's database name, or create the database",
        ),
        "42501" => never(
            FailureClass::PermissionError,
            "privilege_missing",
            named,
            "grant the account the right that the message names",
        ),
        "53300" => again(
            "too_many_connections",
            "raise max_connections or the account's limit, or run fewer workers against this server",
        ),
        "57P03" => again("server_starting", "the server starts or ends; it is tried again by itself"),
        "57P01" | "57P02" => again("connection_lost", LOST_HINT),
        _ if state.starts_with("08") => again("connection_lost", LOST_HINT),
        _ => never(
            FailureClass::Internal,
            "server_error",
            format!("{doing}: refused by the server (SQLSTATE {state})"),
            "look the SQLSTATE up in PostgreSQL's manual",
        ),
    }
}
