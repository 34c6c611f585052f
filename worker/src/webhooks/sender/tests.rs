//! Tries against receivers of this test's own: what they answer, and whom we trust.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::net::SocketAddr;
use std::sync::Arc;

use async_trait::async_trait;
use longshore_shared::domain::webhook::DeliveryError;
use longshore_shared::store::webhook_deliveries::Tried;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::{Sender, WebhookRequest};
use crate::tunnel::{Outbound, Resolver};

/// Every name is this machine.
struct Here;

#[async_trait]
impl Resolver for Here {
    async fn resolve(&self, _: &str, port: u16) -> std::io::Result<Vec<SocketAddr>> {
        Ok(vec![SocketAddr::from(([127, 0, 0, 1], port))])
    }
}

fn sender(http_allowed: bool, tls: Option<ClientConfig>) -> Sender {
    Sender { outbound: Outbound::new(true, Arc::new(Here)), http_allowed, tls: tls.map(Arc::new) }
}

async fn send(sender: &Sender, url: &str) -> Tried {
    let (id, signature, body) = ("1".to_owned(), "v1,x".to_owned(), "{}".to_owned());
    sender.send(&WebhookRequest { url, id, timestamp: 1, signature, body }).await
}

/// Answers every request with these bytes.
async fn answering(bytes: Vec<u8>) -> (u16, JoinSet<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(&bytes).await;
        }
    });
    (port, tasks)
}

#[tokio::test]
async fn f50_only_2xx_is_taken_and_no_redirect_is_followed() {
    let plain = sender(true, None);
    let (elsewhere, mut visits) = answering(b"HTTP/1.1 200 OK\r\n\r\n".to_vec()).await;
    visits.abort_all();
    drop(visits);
    let check = async |answer: &str, status: Option<u16>, error: Option<DeliveryError>| {
        let (port, _tasks) = answering(answer.as_bytes().to_vec()).await;
        let tried = send(&plain, &format!("http://receiver.test:{port}/hook?x=1")).await;
        assert_eq!((tried.status, tried.error), (status, error), "{answer:.40}");
    };
    check("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Some(200), None).await;
    check("HTTP/1.1 204 No Content\r\n\r\n", Some(204), None).await;
    // An answer without an end: its head is enough.
    check("HTTP/1.1 202 Accepted\r\ntransfer-encoding: chunked\r\n\r\n", Some(202), None).await;
    let redirect = format!("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1:{elsewhere}/\r\n\r\n");
    check(&redirect, Some(302), Some(DeliveryError::Redirect)).await;
    check("HTTP/1.1 404 Not Found\r\n\r\n", Some(404), Some(DeliveryError::Status)).await;
    check("HTTP/1.1 410 Gone\r\n\r\n", Some(410), Some(DeliveryError::Status)).await;
    check("HTTP/1.1 500 Oh\r\n\r\n", Some(500), Some(DeliveryError::Status)).await;
    check("SSH-2.0-OpenSSH_9.2\r\n", None, Some(DeliveryError::Protocol)).await;
    let endless = format!("HTTP/1.1 200 OK\r\nx: {}\r\n\r\n", "y".repeat(200_000));
    check(&endless, None, Some(DeliveryError::Protocol)).await;
    let closed = send(&plain, &format!("http://receiver.test:{elsewhere}/")).await;
    assert_eq!(closed.error, Some(DeliveryError::Connect));
    let refused = send(&sender(false, None), &format!("http://receiver.test:{elsewhere}/")).await;
    assert_eq!(refused.error, Some(DeliveryError::HttpNotAllowed));
}

/// An authority, and a certificate of it for this name with its key.
fn certificate(name: &str) -> (CertificateDer<'static>, CertificateDer<'static>, PrivateKeyDer<'static>) {
    let authority_key = rcgen::KeyPair::generate().unwrap();
    let mut parameters = rcgen::CertificateParams::new(Vec::new()).unwrap();
    parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
    let authority = parameters.self_signed(&authority_key).unwrap();
    let issuer = rcgen::Issuer::new(parameters, authority_key);
    let key = rcgen::KeyPair::generate().unwrap();
    let own = rcgen::CertificateParams::new(vec![name.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    (authority.der().clone(), own.der().clone(), key)
}

async fn secure(own: CertificateDer<'static>, key: PrivateKeyDer<'static>) -> (u16, JoinSet<()>) {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    let config = config.with_no_client_auth().with_single_cert(vec![own], key).unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let mut tasks = JoinSet::new();
    tasks.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut head = [0; 4096];
            let _ = stream.read(&mut head).await;
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            let _ = stream.shutdown().await;
        }
    });
    (port, tasks)
}

fn trusting(authority: CertificateDer<'static>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(authority).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
    builder.with_root_certificates(roots).with_no_client_auth()
}

#[tokio::test]
async fn certificates_are_verified() {
    let (authority, own, key) = certificate("receiver.test");
    let (port, _tasks) = secure(own, key).await;
    let (stranger, ..) = certificate("receiver.test");
    let check = async |sender: Sender, host: &str, expected: Option<DeliveryError>| {
        let tried = send(&sender, &format!("https://{host}:{port}/")).await;
        assert_eq!(tried.error, expected, "{host}");
    };
    check(sender(false, Some(trusting(authority.clone()))), "receiver.test", None).await;
    check(sender(false, Some(trusting(authority))), "other.test", Some(DeliveryError::Tls)).await;
    check(sender(false, Some(trusting(stranger))), "receiver.test", Some(DeliveryError::Tls)).await;
    check(sender(false, None), "receiver.test", Some(DeliveryError::Tls)).await;
}
