//! Every secret that a connection takes, planted as a canary and looked for wherever it must
//! not be: T7, T9, T10, T40.

use std::path::Path;
use std::process::Command;

use longshore_tests::authority::Authority;
use longshore_tests::broker::{BULK, DEAD, FIRST, INTERACTIVE};
use longshore_tests::client::connection_body;
use longshore_tests::place;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::{Value, json};

use super::register;

const PASSWORD: &str = "canary-password-41d8cd98";
const EDITED: &str = "canary-edited-password-9b1c";
const HOP_PASSWORD: &str = "canary-hop-password-f00b204e";
const PASSPHRASE: &str = "canary-passphrase-9800998e";
const RUBBISH: &str = "canary-that-is-no-key-cf8427e0";

/// What was found where, to be searched.
struct Places(Vec<(String, Vec<u8>)>);

impl Places {
    fn add(&mut self, place: impl Into<String>, content: impl Into<Vec<u8>>) {
        self.0.push((place.into(), content.into()));
    }

    /// Asks, and keeps the answer to be searched, whatever it is; answers its body.
    async fn ask(&mut self, stack: &Stack, path: &str, body: Option<&Value>) -> Value {
        let answer = match body {
            None => stack.client.get(path).await,
            Some(body) => stack.client.post(path, body).await,
        };
        self.add(&answer.asked, answer.text.clone());
        answer.body
    }

    fn hold_none_of(&self, canaries: &[&str]) {
        for canary in canaries {
            for (place, content) in &self.0 {
                let found = content.windows(canary.len()).any(|window| window == canary.as_bytes());
                assert!(!found, "{} stands in: {place}", &canary[..canary.len().min(20)]);
            }
        }
    }
}

/// A key's line that nobody could take for another one's.
fn line(key: &str) -> &str {
    key.lines().nth(2).expect("a key has several lines")
}

/// Files below a folder that somebody could read later.
fn files(folder: &Path, places: &mut Places) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => files(&path, places),
            false => places.add(path.display().to_string(), std::fs::read(&path).unwrap_or_default()),
        }
    }
}

#[tokio::test]
async fn t9_t10_no_secret_of_a_connection_stands_anywhere() {
    let sshd = Sshd::start().await;
    let stack = Stack::running_with(&[("LOG", "trace")]).await;
    longshore_tests::seeds::shop(&stack.source, 20).await;
    let mut places = Places(Vec::new());
    let named = |body: &Value| {
        let mut body = body.clone();
        body["name"] = json!(place::fresh_name());
        body
    };

    // Every field that takes a secret, in connections that work and in others.
    let key = sshd.client_key_encrypted(PASSPHRASE);
    let (certificate, client_key) = Authority::new().client("somebody");
    let mut good = connection_body(&stack.source);
    good["connection_type"] = json!("ssh");
    good["hops"] = json!([sshd.hop()]);
    (good["hops"][0]["private_key"], good["hops"][0]["passphrase"]) = (json!(key), json!(PASSPHRASE));
    let good = named(&good);
    let mut refused = named(&good);
    refused["password"] = json!(PASSWORD);
    let mut by_password = refused.clone();
    let hop = by_password["hops"][0].as_object_mut().unwrap();
    hop.remove("private_key");
    hop.remove("passphrase");
    hop.insert("password".to_owned(), json!(HOP_PASSWORD));
    let by_password = named(&by_password);
    let mut certified = named(&connection_body(&stack.source));
    certified["tls"] = json!({
        "mode": "verify-full", "ca": certificate, "client_certificate": certificate, "client_key": client_key,
    });

    // Refused with the secret in the body; and read, sealed, opened, used.
    let mut rubbish = named(&good);
    (rubbish["hops"][0]["private_key"], rubbish["port"]) = (json!(RUBBISH), json!(PASSWORD));
    places.ask(&stack, "/v1/connections", Some(&rubbish)).await;
    places.ask(&stack, "/v1/connections/test", Some(&rubbish)).await;
    let mut jobs = Vec::new();
    for body in [&good, &refused, &by_password, &certified] {
        let made = places.ask(&stack, "/v1/connections", Some(body)).await;
        let id = made["id"].as_str().unwrap_or_else(|| panic!("{made}")).to_owned();
        let test = places.ask(&stack, &format!("/v1/connections/{id}/test"), Some(&json!({}))).await;
        let draft = places.ask(&stack, "/v1/connections/test", Some(&named(body))).await;
        jobs.extend([test, draft].iter().map(|job| job["id"].as_str().unwrap().to_owned()));
    }
    let source = places.ask(&stack, "/v1/connections", None).await;
    let source = source["items"].as_array().unwrap().iter().find(|c| c["name"] == good["name"]).unwrap();
    let source = source["id"].as_str().unwrap().to_owned();
    let target = register(&stack, &named(&connection_body(&stack.target))).await;
    let task = stack.client.task(&source, &target, &json!({})).await;
    jobs.push(stack.run_completed(&task).await.id);

    // Edited: refused, and taken.
    let path = format!("/v1/connections/{target}");
    for (change, status) in [
        (json!({"host": "db.example.com"}), 422),
        (json!({"password": EDITED, "port": "no number"}), 422),
        (json!({"password": EDITED}), 200),
    ] {
        let seen = stack.client.get(&path).await.expect(200).body["version"].to_string();
        let answer = stack.client.patch(&path, &change, Some(&format!("\"{seen}\""))).await;
        assert_eq!(answer.status, status, "{}", answer.text);
        places.add(&answer.asked, answer.text);
    }
    jobs.push(stack.run(&task).await.id);

    for job in &jobs {
        stack.client.ended(job, seconds(60)).await;
        for part in ["", "/log", "/examination"] {
            places.ask(&stack, &format!("/v1/jobs/{job}{part}"), None).await;
        }
    }
    for path in ["/v1/connections", &path, "/v1/sync-tasks", "/v1/jobs", "/openapi.json"] {
        places.ask(&stack, path, None).await;
    }
    places.add("logs", stack.logs());
    for process in stack.apis.iter().chain(&stack.workers).chain(&stack.schedulers) {
        places.add(format!("{}'s metrics", process.name), process.metrics().await);
        for file in ["cmdline", "environ"] {
            let read = std::fs::read(format!("/proc/{}/{file}", process.pid())).unwrap();
            places.add(format!("{}'s {file}", process.name), read);
        }
    }
    let dump = Command::new("pg_dump").env("PGOPTIONS", "").arg(&stack.control.admin_url).output().unwrap();
    assert!(dump.status.success() && dump.stdout.len() > 10_000);
    places.add("pg_dump", dump.stdout);
    for queue in [INTERACTIVE, FIRST, BULK, DEAD] {
        for message in stack.broker.peek(queue).await {
            places.add(format!("a message in {queue}"), message.whole().to_string());
        }
    }
    let bodies: Vec<String> = stack.control.column("SELECT body::text FROM outbox").await;
    assert!(!bodies.is_empty());
    places.add("messages", bodies.concat());
    files(stack.folder.path(), &mut places);

    let passwords = [PASSWORD, EDITED, HOP_PASSWORD, PASSPHRASE, RUBBISH];
    let own = [stack.source.password.as_str(), &stack.target.password];
    places.hold_none_of(&passwords);
    places.hold_none_of(&own);
    places.hold_none_of(&[line(&key), line(&sshd.client_key()), line(&client_key)]);
    // The search can find: what is no secret stands where it should.
    let found =
        |words: &str| places.0.iter().filter(|(_, c)| String::from_utf8_lossy(c).contains(words)).count();
    assert!(found(&sshd.fingerprint()) > 2 && found(good["name"].as_str().unwrap()) > 2);
}
