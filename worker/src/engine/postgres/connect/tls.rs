//! TLS on our own stream, as the connection's mode says, and its binding to the password's proof.
//!
//! Invariants: nothing is sent before the handshake is done; `require` and `prefer` look at no
//! certificate (a person chose that), the verifying modes trust only what they are given, or
//! else the system's authorities.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use longshore_shared::domain::connection::{Tls, TlsMode};
use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::vault::Secret;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme};
use sha2::{Digest as _, Sha256, Sha384, Sha512};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio_postgres::tls::{ChannelBinding, TlsStream};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream as Encrypted;

use super::super::super::{Login, network};
use super::guard::Guarded;

/// Whether the mode proves who the server is.
pub(in super::super) fn verifies(mode: TlsMode) -> bool {
    matches!(mode, TlsMode::VerifyCa | TlsMode::VerifyFull)
}

/// Does the handshake.
pub(in super::super) async fn handshake(
    stream: TcpStream,
    login: &Login,
    doing: &str,
) -> Result<Encrypted<TcpStream>, Failure> {
    let unusable = |what: &str| {
        let message = format!("{doing}: {what}");
        let hint = "look at the connection's host name and TLS settings";
        Failure::permanent(FailureCode::TlsFailed, message).with_hint(hint)
    };
    let name = ServerName::try_from(login.server_name.clone())
        .map_err(|_| unusable("the host's name cannot stand in a certificate"))?;
    let config = config(&login.tls, login.client_key.as_ref())
        .map_err(|error| unusable(&format!("its TLS settings cannot be used ({error})")))?;
    let connector = TlsConnector::from(Arc::new(config));
    connector.connect(name, stream).await.map_err(|error| match error.kind() {
        // A server that knows no version of ours may just close.
        io::ErrorKind::UnexpectedEof => unusable("the server ended the TLS handshake"),
        _ => network::of_io(&error, doing),
    })
}

fn config(tls: &Tls, key: Option<&Secret>) -> Result<ClientConfig, Error> {
    let provider = Arc::new(aws_lc_rs::default_provider());
    let inner: Option<Arc<dyn ServerCertVerifier>> = match (&tls.ca, verifies(tls.mode)) {
        (_, false) => None,
        (None, true) => Some(Arc::new(rustls_platform_verifier::Verifier::new(Arc::clone(&provider))?)),
        (Some(pem), true) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let wrong = |_| Error::General("its CA is not valid PEM".to_owned());
                roots.add(certificate.map_err(wrong)?)?;
            }
            let built =
                WebPkiServerVerifier::builder_with_provider(roots.into(), Arc::clone(&provider)).build();
            Some(built.map_err(|error| Error::General(error.to_string()))?)
        }
    };
    let verifier =
        Verifier { inner, names: tls.mode == TlsMode::VerifyFull, provider: Arc::clone(&provider) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let Some((certificate, key)) = tls.client_certificate.as_ref().zip(key) else {
        return Ok(config.with_no_client_auth());
    };
    // The words of what cannot be read could quote it.
    let wrong = |_| Error::General("its client certificate or key is not valid PEM".to_owned());
    let chain = CertificateDer::pem_slice_iter(certificate.as_bytes()).collect::<Result<Vec<_>, _>>();
    let key = PrivateKeyDer::from_pem_slice(key.reveal().as_bytes()).map_err(wrong)?;
    config.with_client_auth_cert(chain.map_err(wrong)?, key)
}

/// Looks at a certificate as far as the mode says.
#[derive(Debug)]
struct Verifier {
    /// None: at nothing.
    inner: Option<Arc<dyn ServerCertVerifier>>,
    /// Whether the host's name counts. The chain is looked at before the name.
    names: bool,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(inner) = &self.inner else { return Ok(ServerCertVerified::assertion()) };
        match inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now) {
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if !self.names => Ok(ServerCertVerified::assertion()),
            answer => answer,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls12_signature(message, certificate, signed, known)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        let known = &self.provider.signature_verification_algorithms;
        rustls::crypto::verify_tls13_signature(message, certificate, signed, known)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// An encrypted, guarded stream as the driver wants it.
pub(in super::super) struct Bound(pub(in super::super) Guarded<Encrypted<TcpStream>>);

impl TlsStream for Bound {
    fn channel_binding(&self) -> ChannelBinding {
        let (_, session) = self.0.inner().get_ref();
        let certificate = session.peer_certificates().and_then(<[_]>::first);
        match certificate.and_then(|certificate| end_point(certificate)) {
            Some(hash) => ChannelBinding::tls_server_end_point(hash),
            None => ChannelBinding::none(),
        }
    }
}

impl AsyncRead for Bound {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Bound {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}

/// `tls-server-end-point` (RFC 5929): the certificate by the hash of its own signature.
fn end_point(certificate: &[u8]) -> Option<Vec<u8>> {
    // Certificate ::= SEQUENCE { tbsCertificate, signatureAlgorithm SEQUENCE { OID … }, … }
    let (_, whole, _) = element(certificate)?;
    let (_, _, after) = element(whole)?;
    let (_, algorithm, _) = element(after)?;
    let (_, oid, _) = element(algorithm)?;
    match oid {
        // sha1WithRSA, ecdsaWithSHA1 (weak ones count as SHA-256), sha256WithRSA, ecdsaWithSHA256.
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 5 | 11]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 1]
        | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 2] => Some(Sha256::digest(certificate).to_vec()),
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 12] | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 3] => {
            Some(Sha384::digest(certificate).to_vec())
        }
        [0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 1, 1, 13] | [0x2A, 0x86, 0x48, 0xCE, 0x3D, 4, 3, 4] => {
            Some(Sha512::digest(certificate).to_vec())
        }
        _ => None,
    }
}

/// A DER element: its tag, its content, and what follows it.
fn element(der: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let [tag, length, rest @ ..] = der else { return None };
    let (length, rest) = if *length < 0x80 {
        (usize::from(*length), rest)
    } else {
        let (digits, rest) = rest.split_at_checked(usize::from(length & 0x7F))?;
        let known = (1..=4).contains(&digits.len());
        (known.then(|| digits.iter().fold(0, |sum, &digit| sum << 8 | usize::from(digit)))?, rest)
    };
    let (content, after) = rest.split_at_checked(length)?;
    Some((*tag, content, after))
}

#[cfg(test)]
mod tests;
