//! What a worker that was killed leaves on the disk (T40): nothing of what it had opened.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use longshore_tests::authority::Authority;
use longshore_tests::place;
use longshore_tests::proxy::Flow;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::connection_tests::body;

const PASSPHRASE: &str = "canary-passphrase-5d41402a";
const PASSWORD: &str = "canary-password-bc4b2a76";
/// Larger files are databases of other tests.
const LARGEST: u64 = 4 << 20;

/// Files below the folder that were written since then, without those in `apart`.
fn written(folder: &Path, since: SystemTime, apart: &[PathBuf], found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let (path, Ok(about)) = (entry.path(), entry.metadata()) else { continue };
        if apart.contains(&path) {
            continue;
        }
        if about.is_dir() {
            written(&path, since, apart, found);
        } else if about.is_file() && about.size() <= LARGEST && about.modified().is_ok_and(|at| at >= since) {
            found.push(path);
        }
    }
}

#[tokio::test]
async fn t40_a_worker_killed_with_every_secret_in_hand_leaves_none_on_the_disk() {
    let since = SystemTime::from(longshore_shared::clock::now());
    let sshd = Sshd::start().await;
    let (certificate, client_key) = Authority::new().client("somebody");
    let key = sshd.client_key_encrypted(PASSPHRASE);
    let mut stack = Stack::prepared().await;
    let silent = stack.proxy(Upstream::Source);
    silent.set(Flow::Swallow);
    stack.start_all().await;
    let mut hop = sshd.hop();
    (hop["private_key"], hop["passphrase"]) = (json!(key), json!(PASSPHRASE));
    let mut body = body(&stack.source, &[hop]);
    (body["port"], body["password"], body["timeout_seconds"]) =
        (json!(silent.port), json!(PASSWORD), json!(120));
    body["tls"] = json!({"mode": "require", "client_certificate": certificate, "client_key": client_key});
    let job = stack.client.post("/v1/connections/test", &body).await.expect(202).id();
    until("a worker has come as far as the database", seconds(30), async || {
        (silent.counts().connections > 0).then_some(())
    })
    .await;
    assert_eq!(stack.client.job(&job).await.state, "running");
    for worker in &mut stack.workers {
        worker.kill();
    }

    let mut files = Vec::new();
    // Where the keys were made they lie.
    let apart = [sshd.folder().to_owned(), place::repository()];
    for folder in [stack.folder.path(), Path::new("/tmp"), Path::new("/var/tmp"), Path::new("/dev/shm")] {
        written(folder, since, &apart, &mut files);
    }
    let line = |key: &str| key.lines().nth(2).expect("a key has several lines").to_owned();
    let secrets =
        [PASSPHRASE.to_owned(), PASSWORD.to_owned(), line(&key), line(&sshd.client_key()), line(&client_key)];
    for file in &files {
        // Another test's may be gone by now.
        let Ok(content) = std::fs::read(file) else { continue };
        for secret in &secrets {
            let found = content.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "a secret that begins with {} stands in {}", &secret[..10], file.display());
        }
    }
    assert!(files.iter().any(|file| file.starts_with(stack.folder.path())), "nothing was searched");
}
