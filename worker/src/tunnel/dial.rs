//! From a connection to a login: the address to dial, or a way through SSH to it.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use longshore_shared::domain::connection::{Connection, TlsMode};
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::Failure;
use russh::ChannelStream;
use russh::client::Msg;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::bridge::Bridge;
use super::credentials::Credentials;
use super::policy::Policy;
use super::pool::{PooledTunnel, TunnelKey, TunnelPool};
use super::refusal;
use super::resolve::Spot;
use super::ssh::{Chain, Stopped};
use super::trail::Trail;
use crate::engine::Login;

/// A way that was open before has at most so long to show that it still leads somewhere.
const PROOF: Duration = Duration::from_secs(2);

/// Who goes the same way through SSH.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sharing {
    /// Nobody else: a session that carries rows, and whoever must see the whole way.
    Own,
    /// The connection's other small sessions, whose answers are read at once.
    Shared,
}

/// Makes logins; holds the address policy, the ways through SSH that are kept open, and the
/// tunnels' tasks.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    policy: Policy,
    trust_server_keys: bool,
    kept: Arc<TunnelPool>,
    tracker: TaskTracker,
}

impl Dialler {
    /// A dialler that keeps to this policy, and keeps SSH sessions `idle` long; whether a password
    /// may go, without TLS, under a key that the server itself sends.
    pub(crate) fn new(policy: Policy, idle: Duration, trust_server_keys: bool) -> Self {
        Self { policy, trust_server_keys, kept: TunnelPool::new(idle), tracker: TaskTracker::new() }
    }

    /// Resolves the connection's host, or its first hop's, checks and pins the address, and
    /// goes through the hops. `tag` is shown to the database's administrator. SSH sessions
    /// of the login's own end with it. The stages of the way are left on `trail`.
    pub(crate) async fn login(
        &self,
        connection: &Connection,
        credentials: Credentials,
        tag: String,
        sharing: Sharing,
        trail: &mut Trail,
    ) -> Result<Login, Failure> {
        let begun = Instant::now();
        let bound = Duration::from_secs(connection.timeout_seconds.into());
        let address = match connection.hops.as_slice() {
            [] => {
                let who = named(connection);
                let spot = Spot { who: &who, host: &connection.host, port: connection.port };
                self.policy.resolve(spot, begun + bound, trail).await?
            }
            [..] => self.through(connection, &credentials, sharing, begun + bound, trail).await?,
        };
        trail.arrive();
        Ok(Login {
            seat: None,
            address,
            server_name: connection.host.clone(),
            tls: connection.tls.clone(),
            database: connection.database.clone(),
            username: connection.username.clone(),
            password: credentials.password,
            client_key: credentials.client_key,
            trust_server_key: self.trust_server_keys || ends_at_the_last_hop(connection),
            timeout: bound.saturating_sub(begun.elapsed()),
            tag,
        })
    }

    /// Goes through the hops; answers a local address that leads to the database.
    async fn through(
        &self,
        connection: &Connection,
        credentials: &Credentials,
        sharing: Sharing,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<SocketAddr, Failure> {
        let (chain, first) = match sharing {
            Sharing::Own => {
                let chain = self.hops(connection, credentials, until, trail).await?;
                let first = open(&chain, connection, until, trail).await?;
                (Arc::new(chain), first)
            }
            Sharing::Shared => self.shared(connection, credentials, until, trail).await?,
        };
        let (host, port) = (connection.host.clone(), connection.port);
        let bridge = Bridge { chain, host, port, first, logins: logins(connection.tls.mode) };
        let listening = bridge.listen(until, &self.tracker).await;
        listening.map_err(|error| refusal::no_local_end(&named(connection), &error))
    }

    /// The way that is kept open for the connection, or one that is kept from now on.
    async fn shared(
        &self,
        connection: &Connection,
        credentials: &Credentials,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<(Arc<Chain>, ChannelStream<Msg>), Failure> {
        let PooledTunnel { chain, used } = self.lent(connection, credentials, until, trail).await?;
        if !used {
            let first = open(&chain, connection, until, trail).await?;
            return Ok((chain, first));
        }
        // A session may be dead for half a minute before it is known to be.
        let now = Instant::now();
        let soon = now + PROOF.min(until.saturating_duration_since(now) / 2);
        match timeout_at(soon, chain.stream(&connection.host, connection.port)).await {
            Ok(Ok(first)) => return Ok((chain, first)),
            Ok(Err(Stopped::Forward(why))) => {
                return Err(refusal::of_forward(&named(connection), connection, &why));
            }
            Ok(Err(_)) | Err(_) => chain.give_up(),
        }
        let PooledTunnel { chain, .. } = self.lent(connection, credentials, until, trail).await?;
        let first = open(&chain, connection, until, trail).await?;
        Ok((chain, first))
    }

    async fn lent(
        &self,
        connection: &Connection,
        credentials: &Credentials,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<PooledTunnel, Failure> {
        let way = self.hops(connection, credentials, until, trail);
        let lent = self.kept.lend(TunnelKey::of(connection), way, &self.tracker);
        let lent = timeout_at(until, Box::pin(lent)).await;
        lent.map_err(|_| refusal::too_slow(&named(connection), connection.timeout_seconds))?
    }

    /// Enters one hop after the other.
    async fn hops(
        &self,
        connection: &Connection,
        credentials: &Credentials,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<Chain, Failure> {
        let mut way: Option<Chain> = None;
        for (number, (hop, secret)) in (1u8..).zip(connection.hops.iter().zip(&credentials.hops)) {
            let who = format!("{}: hop {number} ({}:{})", named(connection), hop.host, hop.port);
            trail.turn_to(Some(number));
            let entered = match way.take() {
                Some(chain) => timeout_at(until, chain.jump(hop, secret, trail)).await,
                None => {
                    let spot = Spot { who: &who, host: &hop.host, port: hop.port };
                    let stream = self.dial(spot, connection.timeout_seconds, until, trail).await?;
                    timeout_at(until, Chain::enter(stream, hop, secret, trail)).await
                }
            };
            let entered = entered.map_err(|_| refusal::too_slow(&who, connection.timeout_seconds))?;
            way = Some(entered.map_err(|stopped| refusal::of_hop(&who, &stopped))?);
        }
        way.ok_or_else(|| refusal::secrets_missing(&named(connection)))
    }

    async fn dial(
        &self,
        spot: Spot<'_>,
        seconds: u32,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<TcpStream, Failure> {
        let address = self.policy.resolve(spot, until, trail).await?;
        trail.begin(Stage::Tcp);
        match timeout_at(until, TcpStream::connect(address)).await {
            Err(_) => Err(refusal::too_slow(spot.who, seconds)),
            Ok(Err(error)) => Err(refusal::not_connected(spot.who, &error)),
            Ok(Ok(stream)) => {
                // Small packets are requests that somebody waits for.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
        }
    }
}

/// A stream from the last hop to the database.
async fn open(
    chain: &Chain,
    connection: &Connection,
    until: Instant,
    trail: &mut Trail,
) -> Result<ChannelStream<Msg>, Failure> {
    trail.turn_to(None);
    trail.begin(Stage::Tcp);
    let who = named(connection);
    match timeout_at(until, chain.stream(&connection.host, connection.port)).await {
        Err(_) => Err(refusal::too_slow(&who, connection.timeout_seconds)),
        Ok(Err(Stopped::Forward(why))) => Err(refusal::of_forward(&who, connection, &why)),
        Ok(opened) => opened.map_err(|stopped| refusal::of_hop(&who, &stopped)),
    }
}

fn named(connection: &Connection) -> String {
    format!("connection {}", connection.name)
}

/// Whether the database is on its last SSH host, whose key was confirmed: nobody is in between.
fn ends_at_the_last_hop(connection: &Connection) -> bool {
    let is_loopback = |host: &str| host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    !connection.hops.is_empty() && (connection.host == "localhost" || is_loopback(&connection.host))
}

/// Connections that one login may take: some modes try twice.
const fn logins(mode: TlsMode) -> usize {
    match mode {
        TlsMode::Prefer | TlsMode::VerifyCa => 2,
        TlsMode::Disable | TlsMode::Require | TlsMode::VerifyFull => 1,
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use longshore_shared::domain::address::Rules;
    use longshore_shared::domain::connection::{Connection, ConnectionState, ConnectionType, Engine, Tls};
    use longshore_shared::domain::examination::Stage;
    use longshore_shared::domain::hop::{Hop, HopLogin};
    use longshore_shared::domain::id::{ConnectionId, OrgId};
    use longshore_shared::vault::Secret;
    use uuid::Uuid;

    use super::super::credentials::HopSecret;
    use super::{Credentials, Dialler, Duration, Instant, Policy, Sharing, Trail};

    fn to(host: &str) -> Connection {
        Connection {
            org_id: OrgId(Uuid::nil()),
            id: ConnectionId(Uuid::nil()),
            name: "shop".to_owned(),
            engine: Engine::Mariadb,
            connection_type: ConnectionType::Direct,
            hops: Vec::new(),
            host: host.to_owned(),
            port: 3306,
            database: "shop".to_owned(),
            username: "reader".to_owned(),
            tls: Tls::default(),
            timeout_seconds: 5,
            max_sessions: None,
            ask_password: false,
            protected: false,
            state: ConnectionState::Untested,
            checked_at: None,
            version: 1,
            reach: 1,
            created_at: longshore_shared::clock::now(),
        }
    }

    fn dialler(loopback_allowed: bool) -> Dialler {
        Dialler::new(
            Policy::new(Rules { loopback_allowed, ..Rules::default() }),
            Duration::from_secs(60),
            false,
        )
    }

    #[tokio::test]
    async fn n21_a_silent_hop_takes_the_time_that_was_given() {
        let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let hop = Hop {
            host: "127.0.0.1".to_owned(),
            port: silent.local_addr().unwrap().port(),
            username: "u".to_owned(),
            login: HopLogin::Password,
            host_key: None,
        };
        let connection = Connection { hops: vec![hop], timeout_seconds: 1, ..to("localhost") };
        for sharing in [Sharing::Own, Sharing::Shared] {
            let secret = || Secret::new("hunter2".to_owned());
            let credentials = Credentials {
                password: secret(),
                client_key: None,
                hops: vec![HopSecret::Password(secret())],
            };
            let (mut trail, begun) = (Trail::default(), Instant::now());
            let refused =
                dialler(true).login(&connection, credentials, String::new(), sharing, &mut trail).await;
            let refused = refused.err().unwrap();
            assert!(begun.elapsed() < Duration::from_millis(1_500), "{:?}", begun.elapsed());
            assert_eq!(refused.code.as_str(), "connect_timeout");
            assert!(refused.message.contains("the connection's 1 seconds"), "{}", refused.message);
        }
    }

    #[tokio::test]
    async fn spellings_of_loopback() {
        for host in ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "::1", "::ffff:127.0.0.1"] {
            let secret = || Credentials {
                password: Secret::new("hunter2".to_owned()),
                client_key: None,
                hops: Vec::new(),
            };
            let mut trail = Trail::default();
            let refused =
                dialler(false).login(&to(host), secret(), String::new(), Sharing::Own, &mut trail).await;
            let refused = refused.err().unwrap();
            assert_eq!(refused.code.as_str(), "address_not_allowed", "{host}");
            assert!(!refused.is_transient());
            let stopped = trail.end().1.map(|walked| walked.stage);
            assert_eq!(stopped, Some(Stage::AddressPolicy), "{host}");
            let mut trail = Trail::default();
            let login =
                dialler(true).login(&to(host), secret(), String::new(), Sharing::Own, &mut trail).await;
            let login = login.unwrap();
            assert!(login.address.ip().is_loopback(), "{host}");
            assert_eq!(login.server_name, host);
        }
    }
}
