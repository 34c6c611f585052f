//! OpenSSH servers of a test's own: real `sshd` processes on loopback, with fresh keys.
//!
//! As root they run as `nobody`, who is then the account that logs in; otherwise as the
//! account that runs the tests. They let in by keys, or by one password. Invariant: a server dies with its
//! test, even when the test is killed; what it made is in a folder that goes with it.

use std::fs::File;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, Uid, User};
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::place;
use crate::wait::{seconds, until};

mod pam;

pub use pam::Asks;

/// Who the server runs as when the tests run as root.
const UNPRIVILEGED: &str = "nobody";

/// A server, and a key that it lets in.
pub struct Sshd {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// The account that logs in.
    pub username: String,
    folder: TempDir,
    child: Child,
}

impl Sshd {
    /// Starts a server that lets in one fresh key, and waits until it answers.
    pub async fn start() -> Self {
        let keys_only = "PasswordAuthentication no\nKbdInteractiveAuthentication no\n";
        Self::prepared(keys_only, |_, _| ()).await
    }

    /// As [`Sshd::start`], but this password is what lets in, and no key.
    pub async fn start_with_password(password: &str, asks: Asks) -> Self {
        let config = format!("PubkeyAuthentication no\n{}", asks.config());
        Self::prepared(&config, |folder, username| pam::prepare(folder, username, password)).await
    }

    async fn prepared(asks: &str, prepare: impl FnOnce(&Path, &str)) -> Self {
        let folder = TempDir::new().expect("a temporary folder");
        open_to_all(folder.path(), 0o755);
        let username = account();
        key(&folder.path().join("host_key"), "ed25519", "");
        key(&folder.path().join("client_key"), "ed25519", "");
        std::fs::copy(folder.path().join("client_key.pub"), folder.path().join("authorized_keys"))
            .expect("a key can be copied");
        let port = place::free_port();
        std::fs::write(folder.path().join("config"), config(folder.path(), port) + asks)
            .expect("a config is written");
        prepare(folder.path(), &username);
        let child = launch(folder.path());
        let this = Self { port, username, folder, child };
        this.answers().await;
        this
    }

    /// Where its keys and its log lie.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// The fingerprint of its host key, as `ssh-keygen -l` prints it.
    pub fn fingerprint(&self) -> String {
        let key = self.folder.path().join("host_key.pub");
        let told = keygen(&["-l", "-f", &key.display().to_string()]);
        told.split(' ').nth(1).expect("ssh-keygen prints the fingerprint second").to_owned()
    }

    /// The private key that is let in, as a person would paste it.
    pub fn client_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("client_key")).expect("the key is there")
    }

    /// The same key, encrypted with a passphrase.
    pub fn client_key_encrypted(&self, passphrase: &str) -> String {
        let copy = self.folder.path().join(place::fresh_name());
        std::fs::write(&copy, self.client_key()).expect("a key is written");
        open_to_all(&copy, 0o600);
        keygen(&["-p", "-q", "-P", "", "-N", passphrase, "-f", &copy.display().to_string()]);
        std::fs::read_to_string(copy).expect("the key is there")
    }

    /// A key of this sort that the server does not let in.
    pub fn other_key(&self, sort: &str) -> String {
        let path = self.folder.path().join(place::fresh_name());
        key(&path, sort, "");
        std::fs::read_to_string(path).expect("the key is there")
    }

    /// As [`Sshd::other_key`], written in another form: `PEM` or `PKCS8`.
    pub fn other_key_as(&self, sort: &str, form: &str) -> String {
        let path = self.folder.path().join(place::fresh_name());
        key(&path, sort, "");
        let path = path.display().to_string();
        keygen(&["-p", "-q", "-P", "", "-N", "", "-m", form, "-f", &path]);
        std::fs::read_to_string(path).expect("the key is there")
    }

    /// The client's public key.
    pub fn public_key(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("client_key.pub")).expect("the key is there")
    }

    /// The hop that leads through this server, with its host key pinned; `host` as seen from
    /// where it is dialled.
    pub fn hop(&self) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "username": self.username,
            "private_key": self.client_key(), "host_key": self.fingerprint(),
        })
    }

    /// The hop that leads through this server by a password.
    pub fn hop_by_password(&self, password: &str) -> Value {
        json!({
            "host": "127.0.0.1", "port": self.port, "username": self.username,
            "password": password, "host_key": self.fingerprint(),
        })
    }

    /// Ends the server and every session that it serves, at once.
    pub fn kill(&mut self) {
        for pid in self.session_pids().into_iter().chain([self.child.id()]) {
            let pid = Pid::from_raw(i32::try_from(pid).expect("a process id"));
            let _ = kill(pid, Signal::SIGKILL);
        }
        self.child.wait().expect("a child can be awaited");
    }

    /// Starts it again with the same keys.
    pub async fn start_again(&mut self) {
        self.child = launch(self.folder.path());
        self.answers().await;
    }

    /// Gives it another host key; for after a [`Sshd::kill`].
    pub fn change_host_key(&self) {
        for name in ["host_key", "host_key.pub"] {
            std::fs::remove_file(self.folder.path().join(name)).expect("the key was there");
        }
        key(&self.folder.path().join("host_key"), "ed25519", "");
    }

    /// Sessions that it serves now.
    pub fn sessions(&self) -> usize {
        self.session_pids().len()
    }

    /// Logins that it let in since it was made, whatever became of them.
    pub fn logins(&self) -> usize {
        self.log().lines().filter(|line| line.starts_with("Accepted ") && line.contains(" for ")).count()
    }

    /// What it has said.
    pub fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).expect("a log is there")
    }

    /// Freezes the sessions that it serves now: their clients hear nothing any more. New ones
    /// are served.
    pub fn freeze_sessions(&self) {
        for pid in self.session_pids() {
            let _ = kill(Pid::from_raw(i32::try_from(pid).expect("a process id")), Signal::SIGSTOP);
        }
    }

    /// Each session is a child process.
    fn session_pids(&self) -> Vec<u32> {
        let mut found = Vec::new();
        let mut parents = vec![self.child.id()];
        while let Some(parent) = parents.pop() {
            let list = format!("/proc/{parent}/task/{parent}/children");
            let children = std::fs::read_to_string(list).unwrap_or_default();
            let children: Vec<u32> = children.split_whitespace().filter_map(|pid| pid.parse().ok()).collect();
            found.extend(&children);
            parents.extend(children);
        }
        found
    }

    async fn answers(&self) {
        until("sshd answers", seconds(20), async || {
            tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.ok()
        })
        .await;
    }
}

impl Drop for Sshd {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            eprintln!("--- sshd's log\n{}", self.log());
        }
    }
}

fn account() -> String {
    let name = if Uid::effective().is_root() { Some(UNPRIVILEGED.to_owned()) } else { None };
    name.unwrap_or_else(|| {
        let user = User::from_uid(Uid::effective()).expect("the system knows its users");
        user.expect("the tests' account has a name").name
    })
}

fn config(folder: &Path, port: u16) -> String {
    let at = |name: &str| folder.join(name).display().to_string();
    format!(
        "Port {port}\nListenAddress 127.0.0.1\nHostKey {}\nAuthorizedKeysFile {}\nPidFile none\nUsePAM yes\n\
         StrictModes no\nMaxStartups 100\nMaxSessions 100\n\
         LogLevel VERBOSE\n",
        at("host_key"),
        at("authorized_keys"),
    )
}

fn launch(folder: &Path) -> Child {
    let program =
        ["/usr/sbin/sshd", "/usr/local/sbin/sshd"].into_iter().find(|path| Path::new(path).exists());
    let log =
        File::options().create(true).append(true).open(folder.join("log")).expect("a log can be opened");
    let mut command = Command::new("setpriv");
    command.args(["--pdeathsig", "KILL"]);
    if Uid::effective().is_root() {
        give_to_unprivileged(folder);
        command.args(["--reuid", UNPRIVILEGED, "--regid", "nogroup", "--clear-groups"]);
    }
    pam::surround(&mut command, folder);
    command
        .arg("--")
        .arg(program.expect("sshd is installed (Debian: openssh-server)"))
        .args(["-D", "-e", "-f"])
        .arg(folder.join("config"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("setpriv (util-linux) runs")
}

fn give_to_unprivileged(folder: &Path) {
    let done = Command::new("chown").args(["-R", UNPRIVILEGED]).arg(folder).status().expect("chown runs");
    assert!(done.success(), "chown: {done}");
}

fn key(path: &Path, sort: &str, passphrase: &str) {
    let (sort, bits) = sort.split_once('-').unwrap_or((sort, ""));
    let path: PathBuf = path.to_owned();
    let path = path.display().to_string();
    let mut arguments = vec!["-q", "-t", sort, "-N", passphrase, "-C", "test", "-f", &path];
    if !bits.is_empty() {
        arguments.extend(["-b", bits]);
    }
    keygen(&arguments);
}

fn keygen(arguments: &[&str]) -> String {
    let done = Command::new("ssh-keygen").args(arguments).output().expect("ssh-keygen (openssh-client) runs");
    assert!(done.status.success(), "ssh-keygen: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).expect("ssh-keygen prints text")
}

fn open_to_all(path: &Path, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("a mode can be set");
}
