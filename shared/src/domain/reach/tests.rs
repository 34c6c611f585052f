use uuid::Uuid;

use super::{exposed, is_same, needed};
use crate::domain::connection::{Connection, ConnectionState, ConnectionType, Engine, Tls, TlsMode};
use crate::domain::hop::{Hop, HopLogin};
use crate::domain::id::{ConnectionId, OrgId};

fn hop(host: &str, login: HopLogin) -> Hop {
    Hop { host: host.to_owned(), port: 22, username: "jump".to_owned(), login, host_key: None }
}

/// Behind a hop with a password and one with a key.
fn connection() -> Connection {
    Connection {
        org_id: OrgId(Uuid::nil()),
        id: ConnectionId(Uuid::nil()),
        name: "shop".to_owned(),
        engine: Engine::Mariadb,
        connection_type: ConnectionType::SshJump,
        hops: vec![hop("one", HopLogin::Password), hop("two", HopLogin::Key)],
        host: "db".to_owned(),
        port: 3306,
        database: "shop".to_owned(),
        username: "reader".to_owned(),
        tls: Tls::default(),
        timeout_seconds: 10,
        max_sessions: None,
        ask_password: false,
        protected: false,
        state: ConnectionState::Verified,
        checked_at: None,
        version: 1,
        reach: 1,
        created_at: chrono::DateTime::UNIX_EPOCH,
    }
}

#[test]
fn t11_every_secret_that_would_go_elsewhere_is_asked_for_again() {
    let check = |change: &dyn Fn(&mut Connection), expected: &[&str]| {
        let (before, mut after) = (connection(), connection());
        change(&mut after);
        let found: Vec<String> = exposed(&before, &after).iter().map(ToString::to_string).collect();
        assert_eq!(found, expected, "{after:?}");
        // Where the account's password has to be given again, another place is reached.
        assert_eq!(is_same(&before, &after), expected.is_empty(), "{after:?}");
    };
    check(&|_| {}, &[]);
    check(&|c| c.name = "other".to_owned(), &[]);
    check(&|c| c.timeout_seconds = 20, &[]);
    check(&|c| c.max_sessions = Some(3), &[]);
    check(&|c| c.host = "evil".to_owned(), &["password"]);
    check(&|c| c.port = 3307, &["password"]);
    check(&|c| c.username = "root".to_owned(), &["password"]);
    check(&|c| c.engine = Engine::Postgresql, &["password"]);
    check(&|c| c.tls = Tls { mode: TlsMode::Prefer, ..Tls::default() }, &["password"]);
    // A hop sees what goes through it, and what comes behind it.
    let (one, two) = ("hop1.password", "hop2.private_key");
    check(&|c| c.hops[0].host = "evil".to_owned(), &[one, two, "password"]);
    check(&|c| c.hops[0].port = 2222, &[one, two, "password"]);
    check(&|c| c.hops[1].username = "root".to_owned(), &[two, "password"]);
    check(&|c| c.hops.swap(0, 1), &["hop1.private_key", "hop2.password", "password"]);
    check(&|c| c.hops.truncate(1), &["password"]);
    check(
        &|c| c.hops.insert(0, hop("evil", HopLogin::Password)),
        &[one, "hop2.password", "hop3.private_key", "password"],
    );
    check(
        &|c| {
            c.hops.clear();
            c.connection_type = ConnectionType::Direct;
        },
        &["password"],
    );
}

#[test]
fn t11_a_confirmed_host_key_is_not_exchanged_without_the_secrets() {
    let check = |keys: [Option<&str>; 2], expected: usize| {
        let [before, after] = keys.map(|key| {
            let mut connection = connection();
            connection.hops[1].host_key = key.map(ToOwned::to_owned);
            connection
        });
        assert_eq!(exposed(&before, &after).len(), expected, "{keys:?}");
    };
    check([None, Some("a")], 0);
    check([Some("a"), Some("a")], 0);
    check([Some("a"), Some("b")], 2);
    // Or in two steps.
    check([Some("a"), None], 2);
}

#[test]
fn another_way_of_logging_in_needs_its_own_secret() {
    let (before, mut after) = (connection(), connection());
    after.hops[0].login = HopLogin::Key;
    assert_eq!(exposed(&before, &after), [needed(&after)[0]]);
    assert!(is_same(&before, &after));
}
