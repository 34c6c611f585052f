//! From a connection to a login: the address to dial, or a way through SSH to it.

use std::net::SocketAddr;
use std::time::Duration;

use longshore_shared::domain::connection::{Connection, TlsMode};
use longshore_shared::domain::examination::Stage;
use longshore_shared::domain::failure::Failure;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_util::task::TaskTracker;

use super::bridge::Bridge;
use super::credentials::Credentials;
use super::policy::Policy;
use super::refusal;
use super::resolve::Spot;
use super::ssh::{Chain, Stopped};
use super::trail::Trail;
use crate::engine::Login;

/// A login gets at least this long, however long the way to it took.
const LEAST: Duration = Duration::from_secs(1);

/// Makes logins; holds the address policy, and the tunnels' tasks.
#[derive(Clone, Debug)]
pub(crate) struct Dialler {
    policy: Policy,
    tracker: TaskTracker,
}

impl Dialler {
    /// A dialler that keeps to this policy.
    pub(crate) fn new(policy: Policy) -> Self {
        Self { policy, tracker: TaskTracker::new() }
    }

    /// Resolves the connection's host, or its first hop's, checks and pins the address, and
    /// goes through the hops. `tag` is shown to the database's administrator. Each login
    /// behind SSH has SSH sessions of its own, which end with it. The stages of the way are left
    /// on `trail`.
    pub(crate) async fn login(
        &self,
        connection: &Connection,
        credentials: Credentials,
        tag: String,
        trail: &mut Trail,
    ) -> Result<Login, Failure> {
        let begun = Instant::now();
        let bound = Duration::from_secs(connection.timeout_seconds.into());
        let address = match connection.hops.as_slice() {
            [] => {
                let who = format!("connection {}", connection.name);
                let spot = Spot { who: &who, host: &connection.host, port: connection.port };
                self.policy.resolve(spot, begun + bound, trail).await?
            }
            [..] => self.through(connection, &credentials, begun + bound, trail).await?,
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
            timeout: bound.saturating_sub(begun.elapsed()).max(LEAST),
            tag,
        })
    }

    /// Goes through the hops; answers a local address that leads to the database.
    async fn through(
        &self,
        connection: &Connection,
        credentials: &Credentials,
        until: Instant,
        trail: &mut Trail,
    ) -> Result<SocketAddr, Failure> {
        let mut way: Option<Chain> = None;
        for (number, (hop, secret)) in (1u8..).zip(connection.hops.iter().zip(&credentials.hops)) {
            let who = format!("connection {}: hop {number} ({}:{})", connection.name, hop.host, hop.port);
            trail.turn_to(Some(number));
            let entered = match way.take() {
                Some(chain) => timeout_at(until, chain.jump(hop, secret, trail)).await,
                None => {
                    let spot = Spot { who: &who, host: &hop.host, port: hop.port };
                    let stream = self.dial(spot, until, trail).await?;
                    timeout_at(until, Chain::enter(stream, hop, secret, trail)).await
                }
            };
            let entered = entered.map_err(|_| refusal::too_slow(&who, connection.timeout_seconds))?;
            way = Some(entered.map_err(|stopped| refusal::of_hop(&who, &stopped))?);
        }
        let who = format!("connection {}", connection.name);
        let Some(chain) = way else { return Err(refusal::secrets_missing(&who)) };
        trail.turn_to(None);
        trail.begin(Stage::Tcp);
        let opening = timeout_at(until, chain.stream(&connection.host, connection.port)).await;
        let first = match opening {
            Err(_) => return Err(refusal::too_slow(&who, connection.timeout_seconds)),
            Ok(Err(Stopped::Forward(why))) => return Err(refusal::of_forward(&who, connection, &why)),
            Ok(opened) => opened.map_err(|stopped| refusal::of_hop(&who, &stopped))?,
        };
        let (host, port) = (connection.host.clone(), connection.port);
        let bridge = Bridge { chain, host, port, first, logins: logins(connection.tls.mode) };
        // The engine's login has at least a second, and closes what it does not need.
        let patience = until.max(Instant::now() + LEAST);
        bridge.listen(patience, &self.tracker).await.map_err(|error| refusal::no_local_end(&who, &error))
    }

    async fn dial(&self, spot: Spot<'_>, until: Instant, trail: &mut Trail) -> Result<TcpStream, Failure> {
        let address = self.policy.resolve(spot, until, trail).await?;
        trail.begin(Stage::Tcp);
        match timeout_at(until, TcpStream::connect(address)).await {
            Err(_) => Err(refusal::no_answer(spot.who)),
            Ok(Err(error)) => Err(refusal::not_connected(spot.who, &error)),
            Ok(Ok(stream)) => {
                // Small packets are requests that somebody waits for.
                let _ = stream.set_nodelay(true);
                Ok(stream)
            }
        }
    }
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
    use longshore_shared::domain::id::{ConnectionId, OrgId};
    use longshore_shared::vault::Secret;
    use uuid::Uuid;

    use super::{Credentials, Dialler, Policy, Trail};

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
        Dialler::new(Policy::new(Rules { loopback_allowed, ..Rules::default() }))
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
            let refused = dialler(false).login(&to(host), secret(), String::new(), &mut trail).await;
            let refused = refused.err().unwrap();
            assert_eq!(refused.code, "address_not_allowed", "{host}");
            assert!(!refused.is_transient());
            let stopped = trail.end().1.map(|walked| walked.stage);
            assert_eq!(stopped, Some(Stage::AddressPolicy), "{host}");
            let mut trail = Trail::default();
            let login = dialler(true).login(&to(host), secret(), String::new(), &mut trail).await;
            let login = login.unwrap();
            assert!(login.address.ip().is_loopback(), "{host}");
            assert_eq!(login.server_name, host);
        }
    }
}
