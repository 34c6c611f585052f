//! From a connection's host name to an address that may be dialled, and to a login.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use longshore_shared::domain::address;
use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::failure::{Failure, FailureClass};
use longshore_shared::vault::Secret;
use tokio::net::{TcpStream, lookup_host};
use tokio::time::{Instant, timeout, timeout_at};

use crate::engine::Login;

/// A login gets at least this long, however long the name took.
const LEAST: Duration = Duration::from_secs(1);

/// Makes logins; holds the address policy.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dialler {
    /// Databases on the worker's own machine: the local stack and tests.
    loopback_allowed: bool,
}

impl Dialler {
    /// `loopback_allowed`: databases on this machine may be reached.
    pub(crate) fn new(loopback_allowed: bool) -> Self {
        Self { loopback_allowed }
    }

    /// Resolves the connection's host, checks and pins the address. `tag` is shown to
    /// the server's administrator.
    pub(crate) async fn login(
        &self,
        connection: &Connection,
        password: Secret,
        tag: String,
    ) -> Result<Login, Failure> {
        let begun = Instant::now();
        let bound = Duration::from_secs(connection.timeout_seconds.into());
        let address = self.resolve(connection, begun + bound).await?;
        Ok(Login {
            seat: None,
            address,
            server_name: connection.host.clone(),
            tls: connection.tls.clone(),
            database: connection.database.clone(),
            username: connection.username.clone(),
            password,
            timeout: bound.saturating_sub(begun.elapsed()).max(LEAST),
            tag,
        })
    }

    async fn resolve(&self, connection: &Connection, until: Instant) -> Result<SocketAddr, Failure> {
        let host = connection.host.as_str();
        let found = timeout_at(until, lookup_host((host, connection.port))).await;
        let found: Vec<_> = match found {
            Err(_) => return Err(lookup_failed(connection, "no answer in time", true)),
            Ok(Err(error)) => {
                let message = error.to_string();
                return Err(lookup_failed(connection, &message, passes(&message)));
            }
            Ok(Ok(found)) => found.collect(),
        };
        let mut refused = None;
        let mut allowed: Vec<SocketAddr> = Vec::with_capacity(found.len());
        for address in found {
            let plain = address::canonical(address.ip());
            match self.refuses(plain) {
                None => allowed.push(SocketAddr::new(plain, address.port())),
                Some(why) => refused = Some((plain, why)),
            }
        }
        allowed.dedup();
        match (allowed.as_slice(), refused) {
            ([], Some((address, why))) => Err(not_allowed(connection, address, why)),
            ([], None) => Err(lookup_failed(connection, "it has no address", false)),
            ([one], _) => Ok(*one),
            (several, _) => Ok(first_that_answers(several, until).await),
        }
    }

    fn refuses(&self, address: IpAddr) -> Option<&'static str> {
        let own = address.is_loopback() && !self.loopback_allowed;
        address::forbidden(address).or(own.then_some("the worker's own machine"))
    }
}

/// The first address that takes a TCP connection, or the first at all: its refusal is
/// then the engine's to tell.
async fn first_that_answers(addresses: &[SocketAddr], until: Instant) -> SocketAddr {
    let share = until.saturating_duration_since(Instant::now()) / 2;
    let each = share / u32::try_from(addresses.len()).unwrap_or(u32::MAX);
    for address in addresses {
        if let Ok(Ok(_)) = timeout(each, TcpStream::connect(address)).await {
            return *address;
        }
    }
    addresses[0]
}

/// The resolver's code for "try again later" reaches us as its C-locale text only.
fn passes(message: &str) -> bool {
    message.contains("Temporary failure")
}

fn lookup_failed(connection: &Connection, why: &str, passes: bool) -> Failure {
    let why = why.trim_start_matches("failed to lookup address information: ");
    let message =
        format!("connection {}: the host {} was not found: {why}", connection.name, connection.host);
    let hint = "check the host's spelling, and that the worker's name server knows it";
    match passes {
        true => Failure::transient(FailureClass::ConnectionFailure, "host_lookup_failed", message, hint),
        false => Failure::permanent(FailureClass::ConnectionFailure, "host_not_found", message, hint),
    }
}

fn not_allowed(connection: &Connection, address: IpAddr, why: &str) -> Failure {
    Failure::permanent(
        FailureClass::ConnectionFailure,
        "address_not_allowed",
        format!(
            "connection {}: the host {} stands for {address}, {why}, and may not be connected to",
            connection.name, connection.host
        ),
        "use the database's own address; a worker reaches databases on its own machine only where \
         LONGSHORE_LOOPBACK_ALLOWED says so",
    )
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use longshore_shared::domain::connection::{Connection, ConnectionState, ConnectionType, Engine, Tls};
    use longshore_shared::domain::id::{ConnectionId, OrgId};
    use longshore_shared::vault::Secret;
    use uuid::Uuid;

    use super::{Dialler, passes};

    fn to(host: &str) -> Connection {
        Connection {
            org_id: OrgId(Uuid::nil()),
            id: ConnectionId(Uuid::nil()),
            name: "shop".to_owned(),
            engine: Engine::Mariadb,
            connection_type: ConnectionType::Direct,
            host: host.to_owned(),
            port: 3306,
            database: "shop".to_owned(),
            username: "reader".to_owned(),
            tls: Tls::default(),
            timeout_seconds: 5,
            max_sessions: None,
            state: ConnectionState::Untested,
            checked_at: None,
            version: 1,
            created_at: longshore_shared::clock::now(),
        }
    }

    #[tokio::test]
    async fn spellings_of_loopback() {
        for host in ["127.0.0.1", "2130706433", "0x7f000001", "127.1", "::1", "::ffff:127.0.0.1"] {
            let secret = || Secret::new("hunter2".to_owned());
            let refused = Dialler::new(false).login(&to(host), secret(), String::new()).await.err().unwrap();
            assert_eq!(refused.code, "address_not_allowed", "{host}");
            assert!(!refused.is_transient());
            let login = Dialler::new(true).login(&to(host), secret(), String::new()).await.unwrap();
            assert!(login.address.ip().is_loopback(), "{host}");
            assert_eq!(login.server_name, host);
        }
    }

    #[test]
    fn a_name_server_that_is_away_is_no_unknown_host() {
        let told = |detail: &str| format!("failed to lookup address information: {detail}");
        assert!(passes(&told("Temporary failure in name resolution")));
        assert!(!passes(&told("Name or service not known")));
    }
}
