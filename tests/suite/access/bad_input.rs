//! What a connection is refused for when it is saved, row by row of the list of bad inputs
//! (I1 to I9), over the API of a running Longshore: the status, the code, the field, and that
//! nothing of a secret comes back.

use longshore_tests::client::connection_body;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use serde_json::{Value, json};

/// Stands in every secret that is sent.
const CANARY: &str = "Kanarienvogel";

async fn serving() -> Stack {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    stack
}

/// A good body with some fields replaced.
fn with(stack: &Stack, changes: &Value) -> Value {
    let mut body = connection_body(&stack.source);
    body["name"] = json!(longshore_tests::place::fresh_name());
    body["password"] = json!(CANARY);
    for (field, value) in changes.as_object().unwrap() {
        body[field] = value.clone();
    }
    body
}

/// The body is refused for this field alone.
async fn refused(stack: &Stack, changes: &Value, field: &str, code: &str) {
    let answer = stack.client.post("/v1/connections", &with(stack, changes)).await;
    let answer = answer.expect_problem(422, code);
    assert_eq!(answer.body["field"], field, "{changes}: {}", answer.text);
    assert!(!answer.text.contains(CANARY), "{}", answer.text);
}

/// The body is taken; answers the connection's view.
async fn taken(stack: &Stack, changes: &Value) -> Value {
    let answer = stack.client.post("/v1/connections", &with(stack, changes)).await.expect(201);
    assert!(!answer.text.contains(CANARY), "{}", answer.text);
    answer.body
}

/// Nothing that was sent stands in a log or in the store.
async fn nothing_is_told(stack: &Stack) {
    assert!(!stack.logs().contains(CANARY));
    let sql = format!("SELECT count(*) FROM secrets WHERE position('{CANARY}'::bytea IN sealed) > 0");
    assert_eq!(stack.control.value::<i64>(&sql).await, 0);
    let sql = format!("SELECT count(*) FROM connections c WHERE c::text LIKE '%{CANARY}%'");
    assert_eq!(stack.control.value::<i64>(&sql).await, 0);
}

#[tokio::test]
async fn i01_i02_hosts_in_every_spelling() {
    let stack = serving().await;
    let long = "h".repeat(300);
    for (host, code) in [
        ("", "required"),
        (" ", "invalid_host"),
        ("a b", "invalid_host"),
        ("http://h", "invalid_host"),
        ("h:3306", "invalid_host"),
        ("user@h", "invalid_host"),
        ("h\0", "invalid_value"),
        ("h\r\nx", "invalid_host"),
        ("🐬.example", "invalid_host"),
        ("h/../x", "invalid_host"),
        ("fe80::1%eth0", "invalid_host"),
        ("256.1.1.1", "invalid_host"),
        (long.as_str(), "too_long"),
        // never, whatever a setting says, and however it is written
        ("169.254.169.254", "address_not_allowed"),
        ("2852039166", "address_not_allowed"),
        ("0xa9fea9fe", "address_not_allowed"),
        ("0251.0376.0251.0376", "address_not_allowed"),
        ("169.254.43518", "address_not_allowed"),
        ("[::ffff:169.254.169.254]", "address_not_allowed"),
        ("::ffff:a9fe:a9fe", "address_not_allowed"),
        ("64:ff9b::a9fe:a9fe", "address_not_allowed"),
        ("fe80::1", "address_not_allowed"),
        ("[fd00:ec2::254]", "address_not_allowed"),
        ("168.63.129.16", "address_not_allowed"),
        ("100.100.100.200", "address_not_allowed"),
        ("0.0.0.0", "address_not_allowed"),
        ("0", "address_not_allowed"),
        ("::", "address_not_allowed"),
        ("224.0.0.1", "address_not_allowed"),
        ("255.255.255.255", "address_not_allowed"),
    ] {
        refused(&stack, &json!({"host": host}), "host", code).await;
        let hop = json!({"host": host, "username": "x", "password": CANARY});
        let ssh = json!({"connection_type": "ssh", "hops": [hop]});
        refused(&stack, &ssh, "hops.0.host", code).await;
    }
    // A number is the address that it says; the worker's policy decides about it.
    for (host, saved) in [
        ("0x7f000001", "127.0.0.1"),
        ("2130706433", "127.0.0.1"),
        ("127.1", "127.0.0.1"),
        ("0177.0.0.1", "127.0.0.1"),
        ("[::ffff:127.0.0.1]", "127.0.0.1"),
        ("localhost.", "localhost"),
        ("DB.Example.COM.", "db.example.com"),
        ("[fd00::5]", "fd00::5"),
        ("10.1.2.3", "10.1.2.3"),
    ] {
        assert_eq!(taken(&stack, &json!({"host": host})).await["host"], saved, "{host}");
    }
    nothing_is_told(&stack).await;
}

#[tokio::test]
async fn i03_i06_ports_names_accounts_and_options() {
    let stack = serving().await;
    for port in
        [json!(0), json!(-1), json!(65_536), json!("3306abc"), json!("3306"), json!(3306.5), json!(1e300)]
    {
        refused(&stack, &json!({"port": port}), "port", "invalid_value").await;
    }
    for (database, code) in [
        ("", "required"),
        ("a\0b", "invalid_value"),
        ("a\nb", "invalid_value"),
        ("d".repeat(65).as_str(), "too_long"),
    ] {
        refused(&stack, &json!({"database": database}), "database", code).await;
    }
    for database in ["a=b", "a'b\"c`d", "../../etc", "x;DROP TABLE y", "information schema"] {
        assert_eq!(taken(&stack, &json!({"database": database})).await["database"], database);
    }
    refused(&stack, &json!({"username": ""}), "username", "required").await;
    refused(&stack, &json!({"username": "u\0"}), "username", "invalid_value").await;
    refused(&stack, &json!({"username": "u".repeat(256)}), "username", "too_long").await;
    let long = CANARY.repeat(1_000);
    refused(&stack, &json!({"password": long}), "password", "too_long").await;
    refused(&stack, &json!({"password": format!("{CANARY}\0")}), "password", "invalid_value").await;
    refused(&stack, &json!({"password": {"of": CANARY}}), "password", "invalid_value").await;
    refused(&stack, &json!({"password": null}), "password", "required").await;
    for option in
        ["local_infile", "init_command", "sslmode", "service", "passfile", "options", "socket", "dsn"]
    {
        refused(&stack, &json!({option: CANARY}), option, "unknown_field").await;
        let tls = json!({"tls": {"mode": "require", option: CANARY}});
        refused(&stack, &tls, &format!("tls.{option}"), "unknown_field").await;
    }
    // Nothing is written into what belongs to the server itself.
    let source = stack.client.connection(&stack.source).await;
    for database in ["mysql", "SYS", "information_schema", "performance_schema"] {
        let target = taken(&stack, &json!({"database": database, "host": "db.example"})).await;
        let body = json!({"name": database, "source_id": source, "target_id": target["id"], "mode": "full",
                          "policy": "source_first"});
        stack.client.post("/v1/sync-tasks", &body).await.expect_problem(422, "system_database");
    }
    nothing_is_told(&stack).await;
}

#[tokio::test]
async fn i07_private_keys_in_every_form() {
    let (stack, sshd) = (serving().await, Sshd::start().await);
    let good = sshd.client_key();
    let locked = sshd.client_key_encrypted(CANARY);
    let pem = |kind: &str, head: &str| {
        format!("-----BEGIN {kind}PRIVATE KEY-----\n{head}{CANARY}\n-----END {kind}PRIVATE KEY-----\n")
    };
    let hop = |key: &str| json!({"host": "bastion.example", "username": "x", "private_key": key});
    let ssh = |hop: Value| json!({"connection_type": "ssh", "hops": [hop]});
    let (key, phrase) = ("hops.0.private_key", "hops.0.passphrase");
    let cases = [
        (locked.clone(), phrase, "passphrase_required"),
        (pem("ENCRYPTED ", ""), phrase, "passphrase_required"),
        (pem("RSA ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"), phrase, "passphrase_required"),
        (
            format!("PuTTY-User-Key-File-3: ssh-ed25519\nEncryption: aes256-cbc\n{CANARY}\n"),
            phrase,
            "passphrase_required",
        ),
        (pem("RSA ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\n"), key, "invalid_private_key"),
        (pem("EC ", "Proc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00\n\n"), key, "invalid_private_key"),
        (sshd.public_key(), key, "invalid_private_key"),
        ("-----BEGIN PUBLIC KEY-----\nx\n-----END PUBLIC KEY-----\n".to_owned(), key, "invalid_private_key"),
        (format!("{good}{good}"), key, "invalid_private_key"),
        (CANARY.to_owned(), key, "invalid_private_key"),
        (String::new(), key, "invalid_private_key"),
        (CANARY.repeat(60_000), key, "too_long"),
        (sshd.other_key("rsa-1024"), key, "key_too_weak"),
        (sshd.other_key_as("rsa-1024", "PEM"), key, "key_too_weak"),
        (sshd.other_key_as("rsa-1024", "PKCS8"), key, "key_too_weak"),
    ];
    for (pasted, field, code) in cases {
        refused(&stack, &ssh(hop(&pasted)), field, code).await;
    }
    let old = ssh(hop(&pem("RSA ", "DEK-Info: AES-256-CBC,00\n\n")));
    let told = stack.client.post("/v1/connections", &with(&stack, &old)).await.expect(422);
    assert!(told.text.contains("ssh-keygen -p -f"), "the command that converts it: {}", told.text);
    for pasted in [
        good.clone(),
        good.replace('\n', "\r\n"),
        sshd.other_key("rsa-2048"),
        sshd.other_key_as("rsa-2048", "PEM"),
        sshd.other_key_as("rsa-2048", "PKCS8"),
        sshd.other_key_as("ecdsa-256", "PEM"),
    ] {
        taken(&stack, &ssh(hop(&pasted))).await;
    }
    let mut opened = hop(&locked);
    opened["passphrase"] = json!(CANARY);
    taken(&stack, &ssh(opened)).await;
    nothing_is_told(&stack).await;
}

#[tokio::test]
async fn i08_i09_host_keys_and_loops() {
    let stack = serving().await;
    let hop = |host: &str| json!({"host": host, "username": "x", "password": CANARY});
    let ssh = |hops: &[Value]| json!({"connection_type": if hops.len() == 1 { "ssh" } else { "ssh+jump" }, "hops": hops});
    for key in ["", "MD5:aa:bb", "SHA256:short", "ssh-ed25519 AAAA"] {
        let mut pinned = hop("a");
        pinned["host_key"] = json!(key);
        refused(&stack, &ssh(&[pinned]), "hops.0.host_key", "invalid_value").await;
    }
    let many: Vec<_> = (0..10).map(|number| hop(&format!("h{number}"))).collect();
    refused(&stack, &ssh(&many), "hops", "invalid_value").await;
    refused(&stack, &ssh(&[hop("a"), hop("b"), hop("A.")]), "hops.2.host", "loop").await;
    refused(&stack, &ssh(&[hop("a"), hop("0x7f000001"), hop("127.1")]), "hops.2.host", "loop").await;
    let mut itself = ssh(&[hop("db.example")]);
    (itself["host"], itself["port"]) = (json!("DB.example"), json!(22));
    refused(&stack, &itself, "hops.0.host", "loop").await;
    refused(&stack, &json!({"connection_type": "ssh"}), "hops", "required").await;
    refused(&stack, &json!({"connection_type": "direct", "hops": [hop("a")]}), "hops", "invalid_value").await;
    taken(&stack, &ssh(&many[..5])).await;
    nothing_is_told(&stack).await;
}
