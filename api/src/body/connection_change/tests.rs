#![expect(clippy::unwrap_used, reason = "a test")]

use longshore_shared::domain::connection::{Connection, ConnectionState};
use longshore_shared::domain::id::{ConnectionId, OrgId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Changed, ConnectionChange};
use crate::body::NewConnection;
use crate::error::ApiError;

/// Behind one hop with a password and one with a key and its passphrase.
fn before() -> Connection {
    let key = "-----BEGIN OPENSSH PRIVATE KEY-----\nx\n-----END OPENSSH PRIVATE KEY-----\n";
    let body = json!({"name": "shop", "engine": "mariadb", "host": "db.example", "database": "shop",
        "username": "sync", "password": "hunter2", "connection_type": "ssh+jump", "hops": [
            {"host": "one.example", "username": "jump", "password": "hunter3"},
            {"host": "two.example", "username": "jump", "private_key": key, "passphrase": "hunter4"}]});
    let body: NewConnection = serde_json::from_str(&body.to_string()).unwrap();
    let made = body.check(OrgId(Uuid::nil()), ConnectionId(Uuid::nil()), chrono::DateTime::UNIX_EPOCH);
    Connection { state: ConnectionState::Verified, ..made.unwrap().0 }
}

fn apply(change: &Value) -> Result<Changed, ApiError> {
    serde_json::from_str::<ConnectionChange>(&change.to_string()).unwrap().apply(&before())
}

fn refused(change: &Value, expected: &[&str]) {
    let Err(ApiError::Invalid(errors)) = apply(change) else { panic!("{change} is taken") };
    let found: Vec<_> = errors.iter().map(|error| format!("{} {}", error.field, error.code)).collect();
    assert_eq!(found, expected, "{change}");
}

fn names(changed: &Changed) -> (Vec<String>, Vec<String>) {
    let given = changed.given.iter().map(|(name, _)| name.to_string()).collect();
    (given, changed.kept.iter().map(ToString::to_string).collect())
}

#[test]
fn t11_a_changed_way_asks_for_each_secret_that_goes_along_it() {
    refused(&json!({"host": "evil.example"}), &["password secret_needed"]);
    refused(&json!({"port": 3307}), &["password secret_needed"]);
    refused(&json!({"username": "root"}), &["password secret_needed"]);
    refused(&json!({"tls": {"mode": "require"}}), &["password secret_needed"]);
    refused(&json!({"connection_type": "direct"}), &["password secret_needed"]);
    let hops = |first: &str, second: &str| json!({"hops": [{"host": first, "username": "jump"}, {"host": second, "username": "jump"}]});
    let all = ["hops.0.password secret_needed", "hops.1.private_key secret_needed", "password secret_needed"];
    refused(&hops("evil.example", "two.example"), &all);
    refused(&hops("one.example", "evil.example"), &all[1..]);
    // A wrong field is told first.
    refused(&json!({"host": "a b"}), &["host invalid_host"]);
    refused(&json!({"connection_type": "ssh"}), &["hops required"]);
    refused(&json!({"host": "one.example", "port": 22, "password": "x"}), &["hops.0.host loop"]);
}

#[test]
fn what_leads_to_the_same_place_keeps_its_secrets() {
    let all = ["hop1.password", "hop2.private_key", "password", "hop2.passphrase"];
    for change in [
        json!({}),
        json!({"name": "other", "timeout_seconds": 5, "max_sessions": 2}),
        json!({"host": "DB.example."}),
        json!({"hops": [{"host": "one.example", "username": "jump"}, {"host": "two.example", "username": "jump"}]}),
    ] {
        let changed = apply(&change).unwrap();
        assert_eq!(names(&changed), (Vec::new(), all.iter().map(ToString::to_string).collect()), "{change}");
        let after = &changed.connection;
        assert_eq!((after.version, after.reach, after.state), (2, 1, ConnectionState::Verified), "{change}");
    }
    let limit = apply(&json!({"max_sessions": null})).unwrap();
    assert_eq!(limit.connection.max_sessions, None);
}

#[test]
fn what_is_given_anew_takes_the_place_of_what_was_stored() {
    let check = |change: &Value, given: &[&str], kept: &[&str], reach: i32| {
        let changed = apply(change).unwrap();
        let (found_given, found_kept) = names(&changed);
        assert_eq!(
            (found_given.as_slice(), found_kept.as_slice()),
            (own(given).as_slice(), own(kept).as_slice()),
            "{change}"
        );
        assert_eq!(
            (changed.connection.reach, changed.connection.state),
            (reach, ConnectionState::Untested),
            "{change}"
        );
    };
    let hop_secrets = ["hop1.password", "hop2.private_key", "hop2.passphrase"];
    check(&json!({"password": "new"}), &["password"], &hop_secrets, 1);
    check(&json!({"host": "new.example", "password": "new"}), &["password"], &hop_secrets, 2);
    check(&json!({"connection_type": "direct", "password": "new"}), &["password"], &[], 2);
    // Another database of the same server: its password goes nowhere else.
    check(
        &json!({"database": "other"}),
        &[],
        &["hop1.password", "hop2.private_key", "password", "hop2.passphrase"],
        2,
    );
    let one = json!({"host": "one.example", "username": "jump"});
    let mut two = json!({"host": "two.example", "username": "jump", "passphrase": "new"});
    let kept = ["hop1.password", "hop2.private_key", "password"];
    check(&json!({"hops": [one, two]}), &["hop2.passphrase"], &kept, 1);
    // The old passphrase is not the new key's.
    two["passphrase"] = Value::Null;
    two["private_key"] = json!("-----BEGIN PRIVATE KEY-----\nx\n-----END PRIVATE KEY-----\n");
    check(&json!({"hops": [one, two]}), &["hop2.private_key"], &["hop1.password", "password"], 1);
    two["private_key"] = Value::Null;
    two["password"] = json!("new");
    check(&json!({"hops": [one, two]}), &["hop2.password"], &["hop1.password", "password"], 1);
}

fn own(names: &[&str]) -> Vec<String> {
    names.iter().map(ToString::to_string).collect()
}
