//! Reading the repository's Rust files, as far as the rules need it: no parser, only
//! comments taken off and paths picked out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use longshore_tests::place;

/// The crates whose rooms are held.
pub(super) const CRATES: &[&str] = &["shared", "api", "worker", "scheduler"];

/// A file of the repository.
pub(super) struct Source {
    /// Its path from the root.
    pub(super) path: String,
    /// The crate's folder.
    pub(super) krate: String,
    /// The room: the first folder or file below `src`.
    pub(super) room: String,
    /// How many modules deep it lies: `src/room/mod.rs` 1, `src/room/part.rs` 2.
    depth: usize,
    /// What stands in it.
    pub(super) text: String,
}

/// Every `.rs` file of these crates' `src` folders.
pub(super) fn sources(crates: &[&str]) -> Vec<Source> {
    let found: Vec<_> = crates.iter().flat_map(|krate| files(krate)).collect();
    assert!(found.len() > 3, "the repository's sources are where this test looks");
    found
}

fn files(krate: &str) -> Vec<Source> {
    let root = place::repository();
    let src = root.join(krate).join("src");
    let mut paths = Vec::new();
    walk(&src, &mut paths);
    paths
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .map(|p| of(krate, &root, &src, &p))
        .collect()
}

fn of(krate: &str, root: &Path, src: &Path, path: &Path) -> Source {
    let inside = path.strip_prefix(src).unwrap().with_extension("");
    let mut modules: Vec<_> = inside.iter().map(|part| part.to_string_lossy().into_owned()).collect();
    modules.retain(|part| part != "mod");
    Source {
        path: path.strip_prefix(root).unwrap().display().to_string(),
        krate: krate.to_owned(),
        room: modules[0].clone(),
        depth: modules.len(),
        text: std::fs::read_to_string(path).unwrap(),
    }
}

/// All files below a folder.
pub(super) fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = std::fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() { walk(&path, found) } else { found.push(path) }
    }
}

impl Source {
    /// Whether it only holds tests.
    pub(super) fn is_test(&self) -> bool {
        self.path.ends_with("/tests.rs") || self.path.contains("/tests/")
    }

    /// The code without comments and without the tests at its end.
    pub(super) fn code(&self) -> String {
        let lines = self.text.lines().take_while(|line| line.trim() != "#[cfg(test)]" || self.is_test());
        let bare = lines.map(|line| line.split_once("//").map_or(line, |(code, _)| code));
        bare.collect::<Vec<_>>().join("\n")
    }

    /// The rooms of its own crate that it names: by `crate::`, or by `super::` from its top.
    pub(super) fn own_rooms(&self) -> BTreeSet<String> {
        let code = self.code();
        let mut rooms = heads(&code, "crate::");
        let upward = "super::".repeat(self.depth);
        rooms.extend(heads(&code, &upward));
        rooms
    }

    /// The rooms of `shared` that it names.
    pub(super) fn shared_rooms(&self) -> BTreeSet<String> {
        heads(&self.code(), "longshore_shared::")
    }
}

/// The first names after each occurrence of `prefix`: one, or those of a group in braces.
fn heads(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, _) in code.match_indices(prefix) {
        // `super::` of a longer chain, `mycrate::`: another path.
        if code[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_' || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        match rest.strip_prefix('{') {
            Some(group) => found.extend(group_heads(group)),
            None => found.extend(word(rest)),
        }
    }
    found
}

fn group_heads(group: &str) -> Vec<String> {
    let mut heads = Vec::new();
    let (mut depth, mut start) = (0_i32, 0);
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => {
                heads.extend(word(group[start..at].trim_start()));
                break;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                heads.extend(word(group[start..at].trim_start()));
                start = at + 1;
            }
            _ => {}
        }
    }
    heads
}

fn word(text: &str) -> Option<String> {
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    (end > 0).then(|| text[..end].to_owned())
}

#[test]
fn paths_are_picked_out() {
    let check = |code: &str, prefix: &str, expected: &[&str]| {
        let found: Vec<_> = heads(code, prefix).into_iter().collect();
        assert_eq!(found, expected, "{code}");
    };
    check("use crate::store::jobs;", "crate::", &["store"]);
    check("use crate::{bus, store::{a, b}, domain::x as y};", "crate::", &["bus", "domain", "store"]);
    check("let x = crate::clock::now();", "crate::", &["clock"]);
    check("use super::super::store::a;", "super::super::", &["store"]);
    check("use super::super::super::a;", "super::super::", &["super"]);
    check("use super::a;", "super::super::", &[]);
    check("subcrate::a", "crate::", &[]);
}
