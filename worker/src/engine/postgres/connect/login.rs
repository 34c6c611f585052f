//! TCP, TLS and authentication, each told apart.
//!
//! Invariants: the address that was checked is the one that is dialled; a mode that asks for TLS
//! never falls back to none; a password goes out in clear only to a server that proved who it is.

use std::sync::Arc;
use std::task::{Context, Poll};

use longshore_shared::domain::connection::TlsMode;
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::{Failure, FailureCode};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_postgres::config::{SslMode, SslNegotiation};
use tokio_postgres::tls::{NoTls, NoTlsStream, TlsConnect};
use tokio_postgres::{AsyncMessage, Client, Config, Connection, Error};

use super::super::super::{Halt, Login, network};
use super::super::errors;
use super::guard::{Guarded, Seen};
use super::tls;

/// "Do you speak TLS?", before anything else.
const SSL_REQUEST: [u8; 8] = [0, 0, 0, 8, 4, 210, 22, 47];

/// What carries a session; it moves nothing unless it is polled.
pub(in super::super) enum Carrier {
    Plain(Box<Connection<Guarded<TcpStream>, NoTlsStream>>),
    Encrypted(Box<Connection<tls::Bound, tls::Bound>>),
}

/// A logged-in connection.
pub(in super::super) struct Line {
    pub(in super::super) client: Client,
    pub(in super::super) carrier: Carrier,
    /// What the login said.
    pub(in super::super) seen: Arc<Seen>,
    /// Protocol and cipher.
    pub(in super::super) tls: Option<String>,
}

/// Logs in as the TLS mode says; `reads`: to read tables' rows.
pub(in super::super) async fn connect(login: &Login, reads: bool, doing: &str) -> Result<Line, Halt> {
    let at = |stage: Stage| move |failure: Failure| Halt { stage, failure };
    let stream = TcpStream::connect(login.address)
        .await
        .map_err(|error| network::of_io(&error, doing))
        .map_err(at(Stage::Tcp))?;
    // Small packets are requests that somebody waits for.
    let _ = stream.set_nodelay(true);
    let mode = login.tls.mode;
    let (stream, offered) = match mode {
        TlsMode::Disable => (stream, false),
        _ => ask(stream, doing).await.map_err(at(Stage::Tls))?,
    };
    if !offered {
        if !matches!(mode, TlsMode::Disable | TlsMode::Prefer) {
            return Err(at(Stage::Tls)(network::tls_not_offered(doing)));
        }
        return plain(login, stream, reads, doing).await.map_err(at_login);
    }
    let handshake = Box::pin(tls::handshake(stream, login, doing));
    let stream = handshake.await.map_err(at(Stage::Tls))?;
    let (_, session) = stream.get_ref();
    let protocol = session.protocol_version().and_then(|version| version.as_str().map(str::to_owned));
    let cipher = session.negotiated_cipher_suite().and_then(|suite| suite.suite().as_str());
    let told = format!("{} {}", protocol.unwrap_or_default().replace('_', "."), cipher.unwrap_or_default());
    let (guarded, seen) = Guarded::new(stream, tls::verifies(mode), reads);
    let mut config = config(login);
    // The handshake is done: the driver finds it so, and binds the password's proof to it.
    config.ssl_mode(SslMode::Require).ssl_negotiation(SslNegotiation::Direct);
    let connected = config.connect_raw(tls::Bound(guarded), Done).await;
    let (client, connection) =
        connected.map_err(|error| errors::classify(&error, doing)).map_err(at_login)?;
    Ok(Line { client, carrier: Carrier::Encrypted(Box::new(connection)), seen, tls: Some(told) })
}

async fn plain(login: &Login, stream: TcpStream, reads: bool, doing: &str) -> Result<Line, Failure> {
    let (guarded, seen) = Guarded::new(stream, false, reads);
    let mut config = config(login);
    config.ssl_mode(SslMode::Disable);
    let connected = config.connect_raw(guarded, NoTls).await;
    let (client, connection) = connected.map_err(|error| errors::classify(&error, doing))?;
    Ok(Line { client, carrier: Carrier::Plain(Box::new(connection)), seen, tls: None })
}

/// PostgreSQL looks at the database in the same step as at the password.
fn at_login(failure: Failure) -> Halt {
    let stage = match failure.code {
        FailureCode::UnknownDatabase | FailureCode::PrivilegeMissing => Stage::Database,
        code if code.is_of_tls() => Stage::Tls,
        _ => Stage::Login,
    };
    Halt { stage, failure }
}

fn config(login: &Login) -> Config {
    let mut config = Config::new();
    config
        .user(&login.username)
        .password(login.password.reveal())
        .dbname(&login.database)
        .application_name(&login.tag)
        // The handshake of TLS has its name already; the driver only wants to see one.
        .host(&login.server_name);
    config
}

/// Asks for TLS; whether the server offers it.
async fn ask(mut stream: TcpStream, doing: &str) -> Result<(TcpStream, bool), Failure> {
    let mut answer = [0];
    let asked = async {
        stream.write_all(&SSL_REQUEST).await?;
        // One byte, not more: what came with it in clear would pass for encrypted.
        stream.read_exact(&mut answer).await
    };
    asked.await.map_err(|error| network::of_io(&error, doing))?;
    match answer {
        [b'S'] => Ok((stream, true)),
        [b'N'] => Ok((stream, false)),
        _ => Err(network::not_this_engine(doing, "what answers does not speak PostgreSQL's protocol")),
    }
}

/// A handshake that is done already.
struct Done;

impl TlsConnect<tls::Bound> for Done {
    type Stream = tls::Bound;
    type Error = std::convert::Infallible;
    type Future = std::future::Ready<Result<tls::Bound, Self::Error>>;

    fn connect(self, stream: tls::Bound) -> Self::Future {
        std::future::ready(Ok(stream))
    }
}

impl Carrier {
    /// Moves the session's bytes; ready at its end.
    pub(in super::super) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<Option<Error>> {
        loop {
            let message = match self {
                Self::Plain(connection) => connection.poll_message(cx),
                Self::Encrypted(connection) => connection.poll_message(cx),
            };
            match std::task::ready!(message) {
                Some(Ok(AsyncMessage::Notice(_) | AsyncMessage::Notification(_)) | Ok(_)) => {}
                Some(Err(error)) => return Poll::Ready(Some(error)),
                None => return Poll::Ready(None),
            }
        }
    }
}
