//! How files look: length, first words, names.

use std::path::PathBuf;

use longshore_tests::place;

use super::source::{CRATES, sources, walk};

const LONGEST: usize = 400;
const LONGEST_TEST: usize = 500;
/// Names that say nothing.
const EMPTY_NAMES: &[&str] = &["util", "utils", "common", "helper", "helpers", "types", "manager", "service"];

#[test]
fn files_are_short() {
    let mut long = Vec::new();
    for source in sources(CRATES) {
        let bound = if source.is_test() { LONGEST_TEST } else { LONGEST };
        let lines = source.text.lines().count();
        if lines > bound {
            long.push(format!("{}: {lines} lines", source.path));
        }
    }
    for path in below(&["tests/src", "tests/suite"]) {
        let lines = std::fs::read_to_string(&path).unwrap().lines().count();
        if lines > LONGEST_TEST {
            long.push(format!("{}: {lines} lines", path.display()));
        }
    }
    assert!(long.is_empty(), "{long:#?}");
}

#[test]
fn every_module_says_first_what_it_is_for() {
    let silent: Vec<_> = sources(CRATES)
        .into_iter()
        .filter(|source| !source.is_test() && !source.text.starts_with("//! "))
        .map(|source| source.path)
        .collect();
    assert!(silent.is_empty(), "{silent:#?}");
}

#[test]
fn a_lint_is_never_switched_off_for_good() {
    let mark = ["#[", "allow("].concat();
    let inner = ["#![", "allow("].concat();
    for path in below(&["shared/src", "api/src", "worker/src", "scheduler/src", "tests/src", "tests/suite"]) {
        let text = std::fs::read_to_string(&path).unwrap();
        let found = text.contains(&mark) || text.contains(&inner);
        assert!(!found, "{}: `#[expect(…, reason)]` says when it is no longer needed", path.display());
    }
}

#[test]
fn names_say_something() {
    for path in below(&["shared", "api", "worker", "scheduler", "tests", "deploy"]) {
        let empty = path.iter().find(|part| {
            let stem = part.to_string_lossy();
            EMPTY_NAMES.contains(&stem.split('.').next().unwrap())
        });
        assert!(empty.is_none(), "{}", path.display());
    }
}

#[test]
fn migrations_are_numbered_verb_and_noun() {
    let mut names: Vec<_> = below(&["shared/migrations"])
        .iter()
        .map(|path| path.file_name().unwrap().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert!(!names.is_empty());
    for (index, name) in names.iter().enumerate() {
        let (number, rest) = name.split_at(4);
        assert_eq!(number, format!("{:04}", index + 1), "{name}: numbers have no gap");
        let words = rest.strip_prefix('_').and_then(|rest| rest.strip_suffix(".sql")).unwrap_or_default();
        let fits = words.contains('_') && words.chars().all(|c| c.is_ascii_lowercase() || c == '_');
        assert!(fits, "{name} is not NNNN_verb_noun.sql");
    }
}

fn below(folders: &[&str]) -> Vec<PathBuf> {
    let root = place::repository();
    let mut found = Vec::new();
    for folder in folders {
        walk(&root.join(folder), &mut found);
    }
    found
        .into_iter()
        .filter(|path| !path.iter().any(|part| part == "__pycache__" || part == ".sqlx"))
        .collect()
}
