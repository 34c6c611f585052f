//! Bodies and what is said about them.

#![expect(clippy::unwrap_used, reason = "a test")]

use longshore_shared::domain::connection::TlsMode;
use longshore_shared::domain::id::{ConnectionId, OrgId};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Connection, NewConnection, Secret, SecretName};
use crate::error::ApiError;

const AUTHORITY: &str = include_str!("authority.pem");

fn read(body: &Value) -> Result<(Connection, Vec<(SecretName, Secret)>), ApiError> {
    let body: NewConnection = serde_json::from_str(&body.to_string()).unwrap();
    let now = chrono::DateTime::UNIX_EPOCH;
    body.check(OrgId(Uuid::nil()), ConnectionId(Uuid::nil()), now)
}

fn good() -> Value {
    json!({"name": "shop", "engine": "mariadb", "host": "db.example", "database": "shop",
           "username": "sync", "password": "hunter2"})
}

/// The good body with some fields replaced (`null` removes one), and the findings as
/// `field code`.
fn check(changes: &Value, expected: &[&str]) {
    let mut body = good();
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    let found: Vec<String> = match read(&body) {
        Ok(_) => Vec::new(),
        Err(ApiError::Invalid(errors)) => {
            let told = format!("{errors:?}");
            assert!(!told.contains("hunter2") && !told.contains("31337"), "{told}");
            errors.iter().map(|error| format!("{} {}", error.field, error.code)).collect()
        }
        Err(other) => panic!("{other:?}"),
    };
    assert_eq!(found, expected, "{changes}");
}

#[test]
fn what_is_left_out_takes_its_default() {
    let (connection, secrets) = read(&good()).unwrap();
    assert_eq!(connection.port, 3306);
    assert_eq!(connection.timeout_seconds, 10);
    assert_eq!(connection.tls.mode, TlsMode::Disable);
    assert_eq!((secrets[0].0, secrets[0].1.reveal()), (SecretName::Password, "hunter2"));
    let mut body = good();
    body["engine"] = json!("postgresql");
    assert_eq!(read(&body).unwrap().0.port, 5432);
}

#[test]
fn all_wrong_fields_are_told_at_once() {
    let nothing = serde_json::from_str::<NewConnection>("{}").unwrap();
    let Err(ApiError::Invalid(errors)) =
        nothing.check(OrgId(Uuid::nil()), ConnectionId(Uuid::nil()), chrono::DateTime::UNIX_EPOCH)
    else {
        panic!("an empty body was taken")
    };
    let fields: Vec<_> = errors.iter().map(|error| error.field.as_str()).collect();
    assert_eq!(fields, ["name", "engine", "host", "database", "username", "password"]);
    assert!(errors.iter().all(|error| error.code.as_str() == "required"));
}

#[test]
fn fields() {
    check(&json!({}), &[]);
    check(&json!({"password": null}), &["password required"]);
    check(&json!({"password": null, "ask_password": false}), &["password required"]);
    check(&json!({"password": null, "ask_password": true, "protected": true}), &[]);
    check(
        &json!({"ask_password": "yes", "protected": 1}),
        &["ask_password invalid_value", "protected invalid_value"],
    );
    check(&json!({"name": " "}), &["name required"]);
    check(&json!({"engine": "oracle"}), &["engine invalid_value"]);
    check(&json!({"engine": "MySQL"}), &["engine invalid_value"]);
    check(&json!({"host": "http://h"}), &["host invalid_host"]);
    check(&json!({"host": "169.254.169.254"}), &["host address_not_allowed"]);
    check(&json!({"host": 2_130_706_433}), &["host invalid_value"]);
    check(&json!({"port": 1}), &[]);
    check(&json!({"port": 65535}), &[]);
    for port in
        [json!(0), json!(-1), json!(65536), json!("3306"), json!("3306abc"), json!(3306.5), json!(1e300)]
    {
        check(&json!({"port": port}), &["port invalid_value"]);
    }
    check(&json!({"database": "a=b;`'\"../"}), &[]);
    check(&json!({"database": ""}), &["database required"]);
    check(&json!({"database": "d".repeat(64)}), &[]);
    check(&json!({"database": "d".repeat(65)}), &["database too_long"]);
    check(&json!({"database": "a\0b"}), &["database invalid_value"]);
    check(&json!({"username": ""}), &["username required"]);
    check(&json!({"username": "a@:/%#?'\\"}), &[]);
    check(&json!({"password": ""}), &[]);
    check(&json!({"password": "@:/%#?'\\ ".repeat(100)}), &[]);
    check(&json!({"password": null}), &["password required"]);
    check(&json!({"password": 31337}), &["password invalid_value"]);
    check(&json!({"password": "p".repeat(4097)}), &["password too_long"]);
    check(&json!({"password": "a\0b"}), &["password invalid_value"]);
    check(&json!({"connection_type": "direct"}), &[]);
    check(&json!({"connection_type": "telnet"}), &["connection_type invalid_value"]);
    check(&json!({"timeout_seconds": 300}), &[]);
    check(&json!({"max_sessions": 1}), &[]);
    check(&json!({"max_sessions": 1000}), &[]);
    for sessions in [json!(0), json!(1001), json!(-1), json!(1.5), json!("2"), json!(70_000)] {
        check(&json!({"max_sessions": sessions}), &["max_sessions invalid_value"]);
    }
    check(&json!({"timeout_seconds": 0}), &["timeout_seconds invalid_value"]);
    check(&json!({"timeout_seconds": 301}), &["timeout_seconds invalid_value"]);
    check(
        &json!({"name": 5, "port": 0, "host": "a b"}),
        &["name invalid_value", "host invalid_host", "port invalid_value"],
    );
}

#[test]
fn tls() {
    check(&json!({"tls": {"mode": "verify-full", "ca": AUTHORITY}}), &[]);
    check(&json!({"tls": {"mode": "verify-ca", "ca": format!("{AUTHORITY}\n{AUTHORITY}")}}), &[]);
    check(&json!({"tls": {"mode": "require"}}), &[]);
    check(&json!({"tls": {"mode": "require", "ca": AUTHORITY}}), &["tls.ca invalid_value"]);
    check(&json!({"tls": {}}), &["tls.mode required"]);
    check(&json!({"tls": {"mode": "on"}}), &["tls.mode invalid_value"]);
    check(&json!({"tls": ["require"]}), &["tls invalid_value"]);
    check(&json!({"tls": true}), &["tls invalid_value"]);
    check(&json!({"tls": {"mode": "require", "sslmode": "disable"}}), &["tls.sslmode unknown_field"]);
    check(&json!({"tls": {"mode": "verify-ca", "ca": "hello"}}), &["tls.ca invalid_certificate"]);
    check(&json!({"tls": {"mode": "verify-ca", "ca": ""}}), &["tls.ca invalid_certificate"]);
    let cut = AUTHORITY.replace("MII", "AAA");
    check(&json!({"tls": {"mode": "verify-ca", "ca": cut}}), &["tls.ca invalid_certificate"]);
    let key = AUTHORITY.replace("CERTIFICATE", "PRIVATE KEY");
    check(&json!({"tls": {"mode": "verify-ca", "ca": key}}), &["tls.ca invalid_certificate"]);
}

#[test]
fn a_client_certificate_comes_with_its_key() {
    // Its form is a key's: SEC1, made for this test and used nowhere.
    let key = AUTHORITY.replace("CERTIFICATE", "EC PRIVATE KEY");
    let tls = |mode: &str, certificate: Value, key: Value| json!({"tls": {"mode": mode, "client_certificate": certificate, "client_key": key}});
    check(&tls("require", json!(AUTHORITY), json!(key)), &[]);
    check(&tls("require", json!(AUTHORITY), Value::Null), &["tls.client_key required"]);
    check(&tls("require", Value::Null, json!(key)), &["tls.client_certificate required"]);
    check(&tls("disable", json!(AUTHORITY), json!(key)), &["tls.client_certificate invalid_value"]);
    check(&tls("require", json!(key), json!(key)), &["tls.client_certificate invalid_certificate"]);
    check(&tls("require", json!(AUTHORITY), json!("31337")), &["tls.client_key invalid_private_key"]);
    let locked = key.replace("EC PRIVATE", "ENCRYPTED PRIVATE");
    check(&tls("require", json!(AUTHORITY), json!(locked)), &["tls.client_key invalid_private_key"]);
}

#[test]
fn an_option_that_a_driver_knows_is_not_taken() {
    for field in ["local_infile", "init_command", "sslmode", "service", "passfile", "options"] {
        let mut body = good();
        body[field] = json!("x");
        let error = serde_json::from_str::<NewConnection>(&body.to_string()).err().unwrap();
        assert!(error.to_string().starts_with(&format!("unknown field `{field}`")), "{error}");
    }
}

#[test]
fn hops() {
    let hop = |host: &str| json!({"host": host, "username": "tunnel", "password": "31337"});
    let with = |kind: &str, hops: &[Value], expected: &[&str]| {
        check(&json!({"connection_type": kind, "hops": hops}), expected);
    };
    let changed = |field: &str, value: Value| {
        let mut hop = hop("bastion");
        hop[field] = value;
        hop
    };
    with("ssh", &[hop("bastion")], &[]);
    with("ssh+jump", &[hop("bastion"), hop("10.0.0.7")], &[]);
    with("ssh", &[], &["hops required"]);
    with("direct", &[hop("bastion")], &["hops invalid_value"]);
    with("ssh", &[hop("a"), hop("b")], &["hops invalid_value"]);
    let ten: Vec<_> = (0..10).map(|n| hop(&format!("h{n}"))).collect();
    with("ssh+jump", &ten, &["hops invalid_value"]);
    with("ssh+jump", &[hop("a"), hop("b"), hop("a")], &["hops.2.host loop"]);
    with("ssh", &[changed("host", json!("169.254.169.254"))], &["hops.0.host address_not_allowed"]);
    with("ssh", &[changed("port", json!(0))], &["hops.0.port invalid_value"]);
    with("ssh", &[changed("host_key", json!("MD5:aa"))], &["hops.0.host_key invalid_value"]);
    with("ssh", &[changed("agent", json!(true))], &["hops.agent unknown_field"]);
    let both =
        changed("private_key", json!("-----BEGIN PRIVATE KEY-----\n31337\n-----END PRIVATE KEY-----\n"));
    with("ssh", &[both], &["hops.0.password invalid_value"]);
    with("ssh", &[changed("password", Value::Null)], &["hops.0.password required"]);
}

#[test]
fn keys_are_told_by_their_form() {
    let check = |key: &str, expected: &[&str]| {
        let hop = json!({"host": "bastion", "username": "tunnel", "private_key": key});
        check(&json!({"connection_type": "ssh", "hops": [hop]}), expected);
    };
    let pem = |kind: &str, head: &str| {
        format!("-----BEGIN {kind}PRIVATE KEY-----\n{head}MTMzNw==\n-----END {kind}PRIVATE KEY-----\n")
    };
    let wrong = ["hops.0.private_key invalid_private_key"];
    let locked = ["hops.0.passphrase passphrase_required"];
    check(&pem("ENCRYPTED ", ""), &locked);
    for kind in ["", "OPENSSH ", "RSA ", "EC "] {
        check(&pem(kind, ""), &[]);
        check(&pem(kind, "").replace('\n', "\r\n"), &[]);
    }
    check("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: none\n", &[]);
    check("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n", &locked);
    check(&pem("RSA ", "DEK-Info: AES-128-CBC,00\n\n"), &locked);
    check(&pem("RSA ", "DEK-Info: AES-256-CBC,00\n\n"), &wrong);
    check(&pem("EC ", "DEK-Info: AES-128-CBC,00\n\n"), &wrong);
    check("ssh-ed25519 AAAAC3Nza31337 me", &wrong);
    check("-----BEGIN PUBLIC KEY-----\n31337\n-----END PUBLIC KEY-----\n", &wrong);
    check("31337", &wrong);
    check("", &wrong);
    check(&format!("{}{}", pem("", ""), pem("RSA ", "")), &wrong);
    check(&"x".repeat(1 << 20), &["hops.0.private_key too_long"]);
}
