//! One try: a connection of its own, one request, the head of the answer, and no more.
//!
//! Invariants: bounded in time whatever the receiver does, and in memory (the answer's body
//! is not read); a redirect is an answer like any other; certificates are verified; nothing
//! of the URL, the secret or the answer is logged.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::Request;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use longshore_shared::config;
use longshore_shared::domain::webhook::DeliveryError;
use longshore_shared::store::webhook_deliveries::Tried;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use rustls_platform_verifier::BuilderVerifierExt as _;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use url::{Host, Position, Url};

use crate::tunnel::{Outbound, OutboundError, SystemResolver};

/// Name, TCP and TLS together.
const CONNECT: Duration = Duration::from_secs(5);
/// From the first to the last moment of a try.
const TOTAL: Duration = Duration::from_secs(10);
/// Bytes of an answer's head; whoever sends more is no receiver.
const HEAD: usize = 16 * 1024;

/// What a try sends.
pub(super) struct WebhookRequest<'a> {
    pub(super) url: &'a str,
    pub(super) id: String,
    pub(super) timestamp: i64,
    pub(super) signature: String,
    pub(super) body: String,
}

/// Sends parcels.
pub(super) struct Sender {
    outbound: Outbound,
    http_allowed: bool,
    /// `None`: this machine has no certificates to trust.
    tls: Option<Arc<ClientConfig>>,
}

impl Sender {
    /// With the certificates that this machine trusts.
    pub(super) fn new(settings: config::Webhooks) -> Self {
        let outbound = Outbound::new(settings.private_allowed, Arc::new(SystemResolver));
        let tls = trusting();
        if tls.is_none() {
            tracing::warn!("this machine has no trusted certificates: no webhook is delivered over https");
        }
        Self { outbound, http_allowed: settings.http_allowed, tls }
    }

    /// Sends it; whatever happens, it is over within [`TOTAL`].
    pub(super) async fn send(&self, request: &WebhookRequest<'_>) -> Tried {
        let begun = Instant::now();
        match timeout_at(begun + TOTAL, self.answer(request, begun)).await {
            Ok(Ok(status)) => Tried { status: Some(status), error: judge(status) },
            Ok(Err(error)) => Tried { status: None, error: Some(error) },
            Err(_) => Tried { status: None, error: Some(DeliveryError::Timeout) },
        }
    }

    async fn answer(&self, request: &WebhookRequest<'_>, begun: Instant) -> Result<u16, DeliveryError> {
        // What is stored was checked; the settings may have changed since.
        let url = Url::parse(request.url).map_err(|_| DeliveryError::Protocol)?;
        let secure = url.scheme() == "https";
        if !secure && !self.http_allowed {
            return Err(DeliveryError::HttpNotAllowed);
        }
        let (Some(host), Some(port)) = (url.host(), url.port_or_known_default()) else {
            return Err(DeliveryError::Protocol);
        };
        let until = begun + CONNECT;
        let stream = self.outbound.connect(&host, port, until).await.map_err(why)?;
        let request = built(&url, request).map_err(|_| DeliveryError::Protocol)?;
        match secure {
            true => exchange(self.wrapped(stream, &host, until).await?, request).await,
            false => exchange(stream, request).await,
        }
    }

    async fn wrapped(
        &self,
        stream: TcpStream,
        host: &Host<&str>,
        until: Instant,
    ) -> Result<TlsStream<TcpStream>, DeliveryError> {
        let config = self.tls.clone().ok_or(DeliveryError::Tls)?;
        let name = match host {
            Host::Domain(name) => ServerName::try_from((*name).to_owned()).map_err(|_| DeliveryError::Tls)?,
            Host::Ipv4(v4) => ServerName::from(std::net::IpAddr::V4(*v4)),
            Host::Ipv6(v6) => ServerName::from(std::net::IpAddr::V6(*v6)),
        };
        let wrapped = timeout_at(until, TlsConnector::from(config).connect(name, stream)).await;
        wrapped.map_err(|_| DeliveryError::Timeout)?.map_err(|_| DeliveryError::Tls)
    }
}

/// The machine's trusted certificates.
fn trusting() -> Option<Arc<ClientConfig>> {
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
    let config = builder.with_platform_verifier().ok()?.with_no_client_auth();
    Some(Arc::new(config))
}

fn why(error: OutboundError) -> DeliveryError {
    match error {
        OutboundError::Lookup => DeliveryError::Lookup,
        OutboundError::NotAllowed => DeliveryError::AddressNotAllowed,
        OutboundError::Connect => DeliveryError::Connect,
        OutboundError::Timeout => DeliveryError::Timeout,
    }
}

fn judge(status: u16) -> Option<DeliveryError> {
    match status {
        200..=299 => None,
        300..=399 => Some(DeliveryError::Redirect),
        _ => Some(DeliveryError::Status),
    }
}

fn built(url: &Url, request: &WebhookRequest<'_>) -> Result<Request<Full<Bytes>>, hyper::http::Error> {
    Request::post(&url[Position::BeforePath..Position::AfterQuery])
        .header("host", &url[Position::BeforeHost..Position::AfterPort])
        .header("content-type", "application/json")
        .header("user-agent", concat!("Longshore/", env!("CARGO_PKG_VERSION")))
        .header("webhook-id", &request.id)
        .header("webhook-timestamp", request.timestamp)
        .header("webhook-signature", &request.signature)
        .header("connection", "close")
        .body(Full::from(request.body.clone()))
}

async fn exchange<S>(stream: S, request: Request<Full<Bytes>>) -> Result<u16, DeliveryError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let protocol = |_| DeliveryError::Protocol;
    let handshake = http1::Builder::new().max_buf_size(HEAD).handshake(TokioIo::new(stream));
    let (mut sender, connection) = handshake.await.map_err(protocol)?;
    let answer = sender.send_request(request);
    tokio::pin!(answer, connection);
    let answer = tokio::select! {
        answer = &mut answer => answer,
        // The connection is over; what came of the request is known now.
        _ = &mut connection => answer.await,
    };
    Ok(answer.map_err(protocol)?.status().as_u16())
}

#[cfg(test)]
mod tests;
