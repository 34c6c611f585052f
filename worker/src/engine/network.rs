//! What went wrong below an engine's protocol: TCP and TLS, the same for every engine.
//!
//! Invariants: a certificate that cannot be trusted, whatever the reason, is permanent and has
//! a code of its own; the words are ours or rustls', never the server's.

use std::io;
use std::time::Duration;

use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::{Failure, FailureCode};
use rustls::{AlertDescription, CertificateError, Error, PeerIncompatible};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};

use super::Login;

/// An error of the network below the protocol.
pub(super) fn of_io(cause: &io::Error, doing: &str) -> Failure {
    let failed = |code, what: &str| Failure::transient(code, format!("{doing}: {what}"));
    if let Some(tls) = cause.get_ref().and_then(|inner| inner.downcast_ref::<Error>()) {
        return of_tls(tls, doing);
    }
    match cause.kind() {
        io::ErrorKind::ConnectionRefused => {
            failed(FailureCode::ConnectionRefused, "the host refuses connections on this port")
        }
        io::ErrorKind::HostUnreachable | io::ErrorKind::NetworkUnreachable => {
            failed(FailureCode::Unreachable, "there is no route to the host")
        }
        io::ErrorKind::TimedOut => failed(FailureCode::ConnectionLost, "the server no longer answers")
            .with_hint("check the network and the server's load"),
        // Below TLS nothing else calls data invalid and says why.
        io::ErrorKind::InvalidData if cause.get_ref().is_some() => {
            handshake_failed(doing, &cause.to_string())
        }
        kind => failed(FailureCode::ConnectionLost, &format!("the connection was lost ({kind})")),
    }
}

/// At which part of its time a login that nobody answers is held against a bare connection.
const KNOCK: Duration = Duration::from_secs(1);

/// Does what enters a server, within the login's time-out; else tells where it stood. Whether the
/// host takes connections at all is looked at before the time is over, and takes none of its own.
pub(super) async fn within<T>(login: &Login, entering: impl Future<Output = T>) -> Result<T, Stage> {
    let until = Instant::now() + login.timeout;
    let knocking = async {
        sleep_until(until - KNOCK.min(login.timeout / 2)).await;
        let knocked = timeout_at(until, TcpStream::connect(login.address)).await.is_ok();
        sleep_until(until).await;
        // A local end of a tunnel that took its connection takes no other: the way was open.
        if knocked { Stage::Login } else { Stage::Tcp }
    };
    tokio::select! {
        biased;
        entered = entering => Ok(entered),
        stage = knocking => Err(stage),
    }
}

/// The connection's time-out passed. How long that is, only the connection knows: what is left for
/// a login is less.
pub(super) fn timed_out(doing: &str) -> Failure {
    Failure::transient(FailureCode::ConnectTimeout, format!("{doing}: no answer in time"))
}

/// The connection asks for TLS and the server has none.
pub(super) fn tls_not_offered(doing: &str) -> Failure {
    Failure::permanent(
        FailureCode::TlsNotOffered,
        format!("{doing}: the connection asks for TLS and the server does not offer it"),
    )
}

/// The server asks for the password as it is, where others could read it.
pub(super) fn clear_password(doing: &str) -> Failure {
    Failure::permanent(
        FailureCode::ClearPasswordRefused,
        format!("{doing}: the server asks for the password in clear, and it was not sent"),
    )
}

/// What answers speaks no protocol of this engine, or breaks it.
pub(super) fn not_this_engine(doing: &str, what: &str) -> Failure {
    Failure::permanent(FailureCode::NotThisEngine, format!("{doing}: {what}"))
}

/// A TLS handshake that failed.
pub(super) fn of_tls(cause: &Error, doing: &str) -> Failure {
    use AlertDescription as Alert;
    let failed = |code, what: &str| Failure::permanent(code, format!("{doing}: {what}"));
    match cause {
        Error::InvalidCertificate(why) => of_certificate(why, doing),
        Error::PeerIncompatible(
            PeerIncompatible::ServerDoesNotSupportTls12Or13
            | PeerIncompatible::ServerTlsVersionIsDisabledByOurConfig,
        )
        | Error::AlertReceived(
            Alert::ProtocolVersion | Alert::HandshakeFailure | Alert::InsufficientSecurity,
        ) => failed(FailureCode::TlsTooOld, &format!("the server speaks no TLS that is still held safe ({cause})")),
        Error::AlertReceived(
            Alert::CertificateRequired
            | Alert::BadCertificate
            | Alert::UnknownCA
            | Alert::CertificateUnknown
            | Alert::CertificateExpired
            | Alert::CertificateRevoked
            | Alert::UnsupportedCertificate
            // An authority of the same name has signed it.
            | Alert::DecryptError
            | Alert::AccessDenied,
        ) => failed(FailureCode::TlsClientCertificateRefused, &format!("the server does not take this client's certificate, or wants one ({cause})")),
        _ => handshake_failed(doing, &cause.to_string()),
    }
}

fn of_certificate(why: &CertificateError, doing: &str) -> Failure {
    use CertificateError as Wrong;
    let failed = |code, what: &str| Failure::permanent(code, format!("{doing}: {what}"));
    match why {
        Wrong::NotValidForName | Wrong::NotValidForNameContext { .. } => failed(
            FailureCode::TlsWrongName,
            &format!("the server's certificate is for another host ({why})"),
        ),
        Wrong::Expired
        | Wrong::ExpiredContext { .. }
        | Wrong::NotValidYet
        | Wrong::NotValidYetContext { .. } => failed(
            FailureCode::TlsExpired,
            &format!("the server's certificate is not valid at this time ({why})"),
        ),
        Wrong::UnknownIssuer
        | Wrong::BadSignature
        | Wrong::Revoked
        | Wrong::UnknownRevocationStatus
        | Wrong::InvalidPurpose
        | Wrong::InvalidPurposeContext { .. }
        | Wrong::BadEncoding
        | Wrong::Other(_) => failed(
            FailureCode::TlsUntrusted,
            &format!("no authority that the connection trusts has signed the server's certificate ({why})"),
        ),
        _ => handshake_failed(doing, &why.to_string()),
    }
}

fn handshake_failed(doing: &str, cause: &str) -> Failure {
    Failure::permanent(FailureCode::TlsFailed, format!("{doing}: the TLS handshake failed: {cause}"))
}

#[cfg(test)]
mod tests {
    use std::io;

    use rustls::{AlertDescription, CertificateError, Error, OtherError, PeerIncompatible};

    use super::of_io;

    #[test]
    fn i10_each_sort_of_bad_tls_has_its_own_code() {
        let certificate = Error::InvalidCertificate;
        for (error, code) in [
            (certificate(CertificateError::NotValidForName), "tls_wrong_name"),
            (certificate(CertificateError::Expired), "tls_expired"),
            (certificate(CertificateError::NotValidYet), "tls_expired"),
            (certificate(CertificateError::UnknownIssuer), "tls_untrusted"),
            (certificate(CertificateError::BadSignature), "tls_untrusted"),
            (
                certificate(CertificateError::Other(OtherError(std::sync::Arc::new(io::Error::other("x"))))),
                "tls_untrusted",
            ),
            (Error::AlertReceived(AlertDescription::ProtocolVersion), "tls_too_old"),
            (Error::AlertReceived(AlertDescription::HandshakeFailure), "tls_too_old"),
            (PeerIncompatible::ServerDoesNotSupportTls12Or13.into(), "tls_too_old"),
            (Error::AlertReceived(AlertDescription::CertificateRequired), "tls_client_certificate_refused"),
            (Error::AlertReceived(AlertDescription::UnknownCA), "tls_client_certificate_refused"),
            (Error::AlertReceived(AlertDescription::DecryptError), "tls_client_certificate_refused"),
            (Error::AlertReceived(AlertDescription::InternalError), "tls_failed"),
            (Error::DecryptError, "tls_failed"),
        ] {
            let failure = of_io(&io::Error::new(io::ErrorKind::InvalidData, error), "log in");
            assert_eq!((failure.code.as_str(), failure.is_transient()), (code, false));
            assert!(!failure.hint.is_empty());
        }
    }
}
