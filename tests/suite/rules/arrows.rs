//! Which room may know which. The table is the map of rooms of `docs/architecture.md` in another form.

use super::source::{CRATES, Source, sources};
use longshore_tests::place;

/// Rooms that know nothing of ours (`telemetry` but the words of `domain`) and that everybody but `domain` and `row` may know.
const LEAVES: &[&str] = &["clock", "config", "failpoint", "telemetry"];

/// A room: its crate, its name, what it may know of its own crate, and of `shared`.
type Room = (&'static str, &'static str, &'static [&'static str], &'static [&'static str]);

const ROOMS: &[Room] = &[
    ("shared", "domain", &[], &[]),
    ("shared", "clock", &[], &[]),
    ("shared", "config", &[], &[]),
    ("shared", "failpoint", &[], &[]),
    // The values of labels are words of the domain.
    ("shared", "telemetry", &["domain"], &[]),
    ("shared", "objects", &[], &[]),
    // Keys of packages lie in files like those of credentials.
    ("shared", "package", &["domain", "objects", "vault"], &[]),
    ("shared", "vault", &["domain"], &[]),
    // A sealed secret is a row of `secrets`; the store neither seals nor opens.
    ("shared", "store", &["domain", "vault"], &[]),
    ("shared", "bus", &["domain"], &[]),
    ("shared", "workflow", &["domain", "store", "bus"], &[]),
    ("shared", "process", &["domain", "store", "bus", "objects"], &[]),
    ("worker", "row", &[], &[]),
    ("worker", "engine", &["row"], &["domain", "vault"]),
    ("worker", "transfer", &["row", "engine"], &["domain"]),
    // It makes the `Login` that an engine dials; the engine knows nothing of it.
    ("worker", "tunnel", &["engine"], &["domain", "vault"]),
    (
        "worker",
        "steps",
        &["row", "engine", "transfer", "tunnel"],
        &["domain", "store", "vault", "objects", "package"],
    ),
    ("worker", "keys", &[], &["domain", "store", "vault"]),
    ("worker", "webhooks", &["tunnel"], &["domain", "store", "vault"]),
    (
        "worker",
        "runtime",
        &["steps", "transfer"],
        &["domain", "store", "bus", "workflow", "vault", "objects", "package"],
    ),
    ("api", "view", &[], &["domain", "store", "workflow"]),
    ("api", "error", &[], &["domain", "store", "bus", "workflow", "vault"]),
    ("api", "extract", &["error"], &["domain", "store", "vault"]),
    ("api", "access", &["error", "state"], &["domain", "store"]),
    ("api", "once", &["error", "state", "access", "extract"], &["domain", "store"]),
    ("api", "body", &["error", "extract"], &["domain", "store", "vault"]),
    ("api", "live", &["error", "state", "view"], &["domain", "store", "bus"]),
    (
        "api",
        "records",
        &["error", "state", "view", "extract", "once", "body", "live"],
        &["domain", "store", "workflow", "vault"],
    ),
    (
        "api",
        "routes",
        &["error", "state", "view", "access", "extract", "once", "body", "records", "live"],
        &["domain", "store", "bus", "workflow", "vault"],
    ),
];

/// Crates with one owner: what may name them.
const FENCED: &[(&str, &[&str])] = &[
    ("lapin", &["shared/src/bus/"]),
    ("sqlx", &["shared/src/store/"]),
    ("mysql_async", &["worker/src/engine/mysql/"]),
    ("tokio_postgres", &["worker/src/engine/postgres/"]),
    ("hpke", &["shared/src/vault/"]),
    ("axum", &["api/src/", "shared/src/telemetry/"]),
    ("reqwest", &["shared/src/telemetry/"]),
    ("hyper", &["worker/src/webhooks/"]),
    ("opentelemetry", &["shared/src/telemetry/"]),
];

fn rooms_of(krate: &str) -> Vec<&'static str> {
    ROOMS.iter().filter(|(k, ..)| *k == krate).map(|(_, room, ..)| *room).collect()
}

fn check(source: &Source, (_, room, own, shared): &Room) -> Vec<String> {
    let mut wrong = Vec::new();
    let leaf = |name: &str| LEAVES.contains(&name) && *room != "domain" && *room != "row";
    for name in source.own_rooms() {
        let is_room = rooms_of(&source.krate).contains(&name.as_str());
        if is_room
            && name != *room
            && !own.contains(&name.as_str())
            && !(source.krate == "shared" && leaf(&name))
        {
            wrong.push(format!("{}: {room} must not know {name}", source.path));
        }
    }
    for name in source.shared_rooms() {
        if !shared.contains(&name.as_str()) && !leaf(&name) {
            wrong.push(format!("{}: {room} must not know shared::{name}", source.path));
        }
    }
    wrong
}

#[test]
fn no_arrow_points_back() {
    let mut wrong = Vec::new();
    for source in sources(CRATES) {
        let room = ROOMS.iter().find(|(krate, room, ..)| *krate == source.krate && *room == source.room);
        wrong.extend(room.iter().flat_map(|room| check(&source, room)));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_rooms_of_the_table_are_there() {
    let found = sources(CRATES);
    let gone: Vec<_> = ROOMS
        .iter()
        .filter(|(krate, room, ..)| !found.iter().any(|s| s.krate == *krate && s.room == *room))
        .map(|(krate, room, ..)| format!("{krate}/src/{room}"))
        .collect();
    assert!(gone.is_empty(), "rooms of the table that are not there: {gone:?}");
}

#[test]
fn domain_does_nothing_that_waits() {
    for source in sources(&["shared"]).iter().filter(|source| source.room == "domain") {
        let code = source.code();
        for word in ["async ", ".await", "tokio", "sqlx", "lapin", "futures", "std::net::Tcp", "std::fs"] {
            assert!(!code.contains(word), "{}: {word}", source.path);
        }
    }
}

#[test]
fn fenced_crates_stay_in_their_rooms() {
    let mut wrong = Vec::new();
    for source in sources(CRATES).iter().filter(|source| !source.is_test()) {
        let code = source.code();
        for (name, owners) in FENCED {
            let used = code.contains(&format!("{name}::")) || code.contains(&format!("use {name};"));
            if used && !owners.iter().any(|owner| source.path.starts_with(owner)) {
                wrong.push(format!("{}: {name}", source.path));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn only_a_worker_opens_secrets() {
    for source in sources(&["api", "scheduler"]) {
        // A field may hold a key that is to be sealed, and a code says that it cannot.
        let code = source.code().replace("ProblemCode::InvalidPrivateKey", "");
        for word in ["Opener", "vault::open", "PrivateKey", "private_keys"] {
            assert!(!code.contains(word), "{}: {word}", source.path);
        }
    }
}

#[test]
fn binaries_do_not_depend_on_each_other() {
    let binaries = ["longshore-api", "longshore-worker", "longshore-scheduler"];
    for krate in CRATES {
        let path = place::repository().join(krate).join("Cargo.toml");
        let manifest = std::fs::read_to_string(&path).unwrap();
        for other in binaries.iter().filter(|other| !manifest.contains(&format!("name = \"{other}\""))) {
            assert!(!manifest.contains(other), "{krate} depends on {other}");
        }
        let forbidden: &[&str] = match *krate {
            "shared" => &["mysql_async", "axum"],
            "api" | "scheduler" => &["mysql_async", "lapin", "sqlx", "hpke"],
            _ => &["lapin", "sqlx", "hpke"],
        };
        for name in forbidden.iter().filter(|name| **name != "axum" || *krate != "shared") {
            assert!(!manifest.lines().any(|line| line.starts_with(name)), "{krate} depends on {name}");
        }
    }
}
