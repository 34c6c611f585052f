//! SQLSTATEs and driver errors turned into failures: one function.
//!
//! Invariants: only here a code gets its class and whether trying again may help; a login's
//! refusal names accounts and databases only, everything else of the server's words stays out.

use std::error::Error as _;
use std::io;

use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio_postgres::Error;
use tokio_postgres::error::DbError;

use super::super::network;
use super::connect::Refused;

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
        Refused::Method => Failure::permanent(FailureCode::LoginRefused, format!("{doing}: {refused}"))
            .with_hint("let the account log in by scram-sha-256 or md5 (pg_hba.conf)"),
        Refused::Flood | Refused::Malformed => network::not_this_engine(doing, &refused.to_string()),
    }
}

fn lost(doing: &str) -> Failure {
    Failure::transient(FailureCode::ConnectionLost, format!("{doing}: the connection was lost"))
}

fn of_server(error: &DbError, doing: &str) -> Failure {
    let state = error.code().code();
    let words = error.message();
    let words = &words[..words.floor_char_boundary(LONGEST)];
    let named = format!("{doing}: {words} (SQLSTATE {state})");
    let never = |code| Failure::permanent(code, named.clone());
    let again = |code| Failure::transient(code, named.clone());
    match state {
        "28000" if words.contains("no encryption") || words.contains("SSL off") => never(FailureCode::TlsRequired),
        "28000" if words.contains("client certificate") => never(FailureCode::TlsClientCertificateRefused),
        "28P01" | "28000" => never(FailureCode::LoginRefused).with_hint("check user name and password, and that pg_hba.conf lets the account in from this worker's address"),
        "3D000" => never(FailureCode::UnknownDatabase),
        "42501" => never(FailureCode::PrivilegeMissing),
        "53300" => again(FailureCode::TooManyConnections),
        "57P03" => again(FailureCode::ServerStarting),
        "57P01" | "57P02" => again(FailureCode::ConnectionLost),
        _ if state.starts_with("08") => again(FailureCode::ConnectionLost),
        _ => Failure::permanent(
            FailureCode::ServerError,
            format!("{doing}: refused by the server (SQLSTATE {state})"),
        )
        .with_hint("look the SQLSTATE up in PostgreSQL's manual"),
    }
}
