//! SSH sessions, one in the other: from a TCP connection to the first hop to a channel
//! that ends at the database.
//!
//! Invariants: every hop's host key is checked before its login; no agent, no forwarding of
//! anything else, no compression. A channel that nobody reads freezes all others of its session:
//! who shares one is decided elsewhere (`kept`).
//! A session that answers no keep-alive for half a minute is ended, and with it what it
//! carried: whoever reads or writes there sees a lost connection.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::hop::Hop;
use russh::client::{self, AuthResult, Handle, KeyboardInteractiveAuthResponse, Msg};
use russh::keys::{HashAlg, PrivateKeyWithHashAlg};
use russh::{ChannelOpenFailure, ChannelStream, MethodKind, MethodSet, Preferred, cipher, compression};
use tokio::io::{AsyncRead, AsyncWrite};

use super::credentials::HopSecret;
use super::host_key::{Gate, Seen};
use super::private_key::{self, Unusable};
use super::trail::Trail;

/// Two of these without an answer: half a minute at most.
const KEEPALIVE: Duration = Duration::from_secs(10);
const MISSED: usize = 2;
/// What is on its way unacknowledged at most: 8 MiB fill 80 MiB/s at 100 ms.
const WINDOW: u32 = 8 << 20;
/// Questions that a host may ask one after the other.
const ROUNDS: usize = 4;

/// Why a hop was not passed.
#[derive(Debug)]
pub(super) enum Stopped {
    /// The session could not be made or was lost.
    Lost(russh::Error),
    /// Nobody has confirmed this host key.
    KeyUnknown(String),
    /// The host shows another key than the confirmed one.
    KeyChanged {
        /// What it shows.
        shown: String,
        /// What was confirmed.
        pinned: String,
    },
    /// The private key cannot be used.
    Key(Unusable),
    /// The host did not let the account in; these methods it takes.
    Refused(String),
    /// The host wants a second factor as well.
    SecondFactor,
    /// The host did not open the way to the next one.
    Forward(ChannelOpenFailure),
}

impl From<russh::Error> for Stopped {
    fn from(error: russh::Error) -> Self {
        match error {
            russh::Error::ChannelOpenFailure(why) => Self::Forward(why),
            other => Self::Lost(other),
        }
    }
}

/// A session on a hop, and those that it runs in.
pub(super) struct Chain {
    last: Handle<Gate>,
    /// Dropped with the chain, and not before: the inner ones run through them.
    outer: Vec<Handle<Gate>>,
    given_up: AtomicBool,
}

impl Chain {
    /// Enters the first hop, over a stream to it.
    pub(super) async fn enter<S>(
        stream: S,
        hop: &Hop,
        secret: &HopSecret,
        trail: &mut Trail,
    ) -> Result<Self, Stopped>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        Ok(Self {
            last: session(stream, hop, secret, trail).await?,
            outer: Vec::new(),
            given_up: AtomicBool::new(false),
        })
    }

    /// Enters the next hop through the last one.
    pub(super) async fn jump(
        mut self,
        hop: &Hop,
        secret: &HopSecret,
        trail: &mut Trail,
    ) -> Result<Self, Stopped> {
        trail.begin(Stage::Tcp);
        let stream = self.stream(&hop.host, hop.port).await?;
        let next = session(stream, hop, secret, trail).await?;
        self.outer.push(std::mem::replace(&mut self.last, next));
        Ok(self)
    }

    /// Whether all its sessions go on, as far as is known, and nobody gave it up.
    pub(super) fn is_sound(&self) -> bool {
        let ended = |session: &Handle<Gate>| session.is_closed();
        !self.given_up.load(Ordering::Relaxed) && !ended(&self.last) && !self.outer.iter().any(ended)
    }

    /// It serves nobody new; what it carries goes on.
    pub(super) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    /// A stream to a host that the last hop connects to.
    pub(super) async fn stream(&self, host: &str, port: u16) -> Result<ChannelStream<Msg>, Stopped> {
        // The originator is for the host's log; what it could tell of us is nobody's business.
        let opening = self.last.channel_open_direct_tcpip(host, port.into(), "127.0.0.1", 0);
        Ok(opening.await?.into_stream())
    }
}

async fn session<S>(
    stream: S,
    hop: &Hop,
    secret: &HopSecret,
    trail: &mut Trail,
) -> Result<Handle<Gate>, Stopped>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    trail.begin(Stage::HostKey);
    let (gate, seen) = Gate::new(hop.host_key.clone());
    let connected = client::connect_stream(Arc::new(config()), stream, gate).await;
    trail.shown(seen.fingerprint());
    let mut session = connected.map_err(|error| judged(error, hop, &seen))?;
    trail.begin(Stage::SshLogin);
    match secret {
        HopSecret::Password(password) => by_password(&mut session, &hop.username, password.reveal()).await?,
        HopSecret::PrivateKey { key, passphrase } => {
            let key = private_key::read(key, passphrase.as_ref()).map_err(Stopped::Key)?;
            let hash = rsa_hash(&session).await?;
            let key = PrivateKeyWithHashAlg::new(Arc::new(key), hash);
            let answer = session.authenticate_publickey(&hop.username, key).await?;
            admitted(&answer)?;
        }
    }
    Ok(session)
}

fn config() -> client::Config {
    client::Config {
        window_size: WINDOW,
        keepalive_interval: Some(KEEPALIVE),
        keepalive_max: MISSED,
        nodelay: true,
        preferred: Preferred {
            // Measured: the fastest where the processor knows AES.
            cipher: Cow::Borrowed(&[
                cipher::AES_256_GCM,
                cipher::AES_128_GCM,
                cipher::CHACHA20_POLY1305,
                cipher::AES_256_CTR,
                cipher::AES_128_CTR,
            ]),
            compression: Cow::Borrowed(&[compression::NONE]),
            ..Preferred::DEFAULT
        },
        ..client::Config::default()
    }
}

fn judged(error: russh::Error, hop: &Hop, seen: &Seen) -> Stopped {
    match (error, seen.fingerprint(), hop.host_key.clone()) {
        (russh::Error::UnknownKey, Some(shown), Some(pinned)) => Stopped::KeyChanged { shown, pinned },
        (russh::Error::UnknownKey, Some(shown), None) => Stopped::KeyUnknown(shown),
        (error, ..) => error.into(),
    }
}

/// SHA-2 always: a host that takes only SHA-1 signatures is not entered by an RSA key.
async fn rsa_hash(session: &Handle<Gate>) -> Result<Option<HashAlg>, Stopped> {
    Ok(session.best_supported_rsa_hash().await?.flatten().or(Some(HashAlg::Sha512)))
}

async fn by_password(session: &mut Handle<Gate>, username: &str, password: &str) -> Result<(), Stopped> {
    let answer = session.authenticate_password(username, password).await?;
    let AuthResult::Failure { remaining_methods, partial_success: false } = &answer else {
        return admitted(&answer);
    };
    if !remaining_methods.contains(&MethodKind::KeyboardInteractive) {
        return admitted(&answer);
    }
    // PAM asks for the password as a question.
    let mut reply = session.authenticate_keyboard_interactive_start(username, None).await?;
    for _ in 0..ROUNDS {
        let prompts = match reply {
            KeyboardInteractiveAuthResponse::Success => return Ok(()),
            KeyboardInteractiveAuthResponse::Failure { remaining_methods, partial_success } => {
                return admitted(&AuthResult::Failure { remaining_methods, partial_success });
            }
            KeyboardInteractiveAuthResponse::InfoRequest { prompts, .. } => prompts,
        };
        // A question whose answer may be seen is not one for a password.
        if prompts.len() > 1 || prompts.iter().any(|prompt| prompt.echo) {
            return Err(Stopped::SecondFactor);
        }
        let answers = prompts.iter().map(|_| password.to_owned()).collect();
        reply = session.authenticate_keyboard_interactive_respond(answers).await?;
    }
    Err(Stopped::SecondFactor)
}

fn admitted(answer: &AuthResult) -> Result<(), Stopped> {
    match answer {
        AuthResult::Success => Ok(()),
        AuthResult::Failure { partial_success: true, .. } => Err(Stopped::SecondFactor),
        // No host takes nothing at all: the session was lost before it answered.
        AuthResult::Failure { remaining_methods, .. } if remaining_methods.is_empty() => {
            Err(Stopped::Lost(russh::Error::Disconnect))
        }
        AuthResult::Failure { remaining_methods, .. } => Err(Stopped::Refused(named(remaining_methods))),
    }
}

fn named(methods: &MethodSet) -> String {
    methods.iter().map(<&'static str>::from).collect::<Vec<_>>().join(", ")
}
