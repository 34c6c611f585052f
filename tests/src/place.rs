//! Where things are: the repository, the programs under test, free ports, fresh names.

use std::net::TcpListener;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixListener};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use longshore_shared::clock;

/// The variable that names the JSON file about the run's servers.
pub const SERVERS: &str = "LONGSHORE_TEST_SERVERS";
/// The variable that names the folder of the programs under test, if it is not cargo's.
pub const PROGRAMS: &str = "LONGSHORE_TEST_PROGRAMS";

/// The variable that names kinds of servers to do without, as somebody chose to.
pub const WITHOUT: &str = "LONGSHORE_TEST_WITHOUT";

/// The repository's root.
pub fn repository() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().expect("the crate lies in the repository").to_owned()
}

/// A program under test. It has to be built before: cargo builds no other package's
/// programs for a test.
pub fn program(name: &str) -> PathBuf {
    let folder = variable(PROGRAMS).map_or_else(cargos_folder, PathBuf::from);
    let path = folder.join(name);
    assert!(path.exists(), "{} is not there; run `cargo build --workspace` first", path.display());
    path
}

/// The library that shifts a process's clock.
pub fn faketime() -> PathBuf {
    library("faketime/libfaketimeMT.so.1", "faketime")
}

/// A library of a Debian package.
pub fn library(name: &str, package: &str) -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").expect("/usr/lib is there").filter_map(Result::ok);
    let mut libraries = found.map(|folder| folder.path().join(name)).filter(|path| path.exists());
    libraries.next().unwrap_or_else(|| {
        panic!("{name} of the Debian package {package} is not there: deploy/local/stack install --tests")
    })
}

/// `target/debug` of `target/debug/deps/suite-…`.
fn cargos_folder() -> PathBuf {
    let me = std::env::current_exe().expect("the system knows this program");
    me.parent().and_then(Path::parent).expect("a test lies in a folder `deps`").to_owned()
}

/// A setting of the harness; empty counts as not set.
#[expect(
    clippy::disallowed_methods,
    reason = "the harness's own settings, which no process of Longshore knows"
)]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A port on 127.0.0.1 that is free now and below the ephemeral range, so that no outgoing
/// connection takes it before a process listens there. Nobody else gets it as long as this
/// process lives: it is claimed by an abstract socket, as `deploy/local/ports.py` does.
pub fn free_port() -> u16 {
    let (low, span) = (18_000, 14_000);
    (0..2_000)
        .map(|_| low + u16::try_from(random() % span).expect("a span of ports"))
        .find(|port| is_claimed(*port) && TcpListener::bind(("127.0.0.1", *port)).is_ok())
        .expect("some port is free")
}

/// Whether the port is this process' from now on.
fn is_claimed(port: u16) -> bool {
    static CLAIMS: Mutex<Vec<UnixListener>> = Mutex::new(Vec::new());
    let name = SocketAddr::from_abstract_name(format!("longshore-port-{port}")).expect("a short name");
    UnixListener::bind_addr(&name)
        .map(|claim| CLAIMS.lock().unwrap_or_else(PoisonError::into_inner).push(claim))
        .is_ok()
}

/// A short name that no other test has.
pub fn fresh_name() -> String {
    format!("{:010x}", random() & 0xff_ffff_ffff)
}

/// The random half of a fresh identifier.
fn random() -> u64 {
    clock::fresh_id().as_u64_pair().1 & 0x3fff_ffff_ffff_ffff
}
