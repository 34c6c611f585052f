//! Each engine's folder has the same file names, so that who knows one finds everything in the other.

use std::collections::BTreeSet;

use longshore_tests::place;

/// What an engine has, a file each; what only one of them has lies in a folder below one of these.
const NAMES: [&str; 14] = [
    "connect",
    "inspect",
    "structure",
    "compare",
    "snapshot",
    "split",
    "read",
    "digest",
    "write",
    "load",
    "lock",
    "examine",
    "errors",
    "quote",
];

fn names(engine: &str) -> BTreeSet<String> {
    let folder = place::repository().join("worker/src/engine").join(engine);
    let entries = std::fs::read_dir(&folder).unwrap();
    let name = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().path().file_stem().unwrap().to_string_lossy().into_owned()
    };
    entries.map(name).filter(|name| name != "mod").collect()
}

#[test]
fn engines_have_the_same_file_names() {
    let all: BTreeSet<String> = NAMES.map(str::to_owned).into();
    assert_eq!(names("mysql"), all, "the engine that moves everything has each of them");
    let postgres = names("postgres");
    assert!(postgres.is_subset(&all), "{:?}", postgres.difference(&all));
}
