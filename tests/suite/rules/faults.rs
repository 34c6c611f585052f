//! The page of faults (`tests/README.md`) does not lie: every number has a row, and every
//! test that a row names is there.

use std::collections::{BTreeMap, BTreeSet};

use longshore_tests::place;

use super::source::walk;

/// The numbers that the job engine and the sync answer for.
fn numbers() -> BTreeSet<u32> {
    (1..=37).chain(47..=51).chain([53, 55]).collect()
}

/// The names of all functions in the repository's Rust files that begin like a fault's test.
fn tests() -> BTreeSet<String> {
    let mut files = Vec::new();
    for folder in ["tests/suite", "shared/src", "api/src", "worker/src", "scheduler/src"] {
        walk(&place::repository().join(folder), &mut files);
    }
    let mut found = BTreeSet::new();
    for path in files.iter().filter(|path| path.extension().is_some_and(|e| e == "rs")) {
        let text = std::fs::read_to_string(path).unwrap();
        let names = text
            .lines()
            .filter_map(|line| line.trim_start().trim_start_matches("async ").strip_prefix("fn "));
        let ours = names.filter(|rest| !borne(rest).is_empty());
        found.extend(ours.map(|rest| rest.split('(').next().unwrap().to_owned()));
    }
    found
}

/// 14 and 30 of `f14_f30_a_session`.
fn borne(name: &str) -> Vec<u32> {
    let number = |part: &str| part.strip_prefix('f').filter(|digits| digits.len() < 3)?.parse().ok();
    name.split('_').map_while(number).collect()
}

/// The page's rows: a number and the tests that it names.
fn rows() -> BTreeMap<u32, Vec<String>> {
    let page = std::fs::read_to_string(place::repository().join("tests/README.md")).unwrap();
    let row = |line: &str| {
        let mut cells = line.strip_prefix("| F")?.split('|').map(str::trim);
        let number = cells.next()?.parse().ok()?;
        let names = cells.nth(1)?.split('`').skip(1).step_by(2).map(ToOwned::to_owned);
        Some((number, names.collect()))
    };
    page.lines().filter_map(row).collect()
}

#[test]
fn every_fault_has_a_test_and_the_page_names_it() {
    let (rows, tests) = (rows(), tests());
    let mut wrong = Vec::new();
    for fault in numbers() {
        match rows.get(&fault) {
            None => wrong.push(format!("F{fault} has no row")),
            Some(names) if names.is_empty() => {
                let own = tests.iter().filter(|name| borne(name).contains(&fault));
                wrong.push(format!("F{fault} names no test; there are {:?}", own.collect::<Vec<_>>()));
            }
            Some(_) => {}
        }
    }
    for (fault, names) in &rows {
        for name in names {
            if !tests.contains(name) {
                wrong.push(format!("F{fault} names `{name}`, which is not there"));
            } else if !borne(name).contains(fault) {
                wrong.push(format!("F{fault} names `{name}`, which bears another number"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_the_page_says_of_corruption_is_there() {
    let page = std::fs::read_to_string(place::repository().join("tests/README.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| D")).collect();
    assert!(rows.len() > 10);
    let mut files = Vec::new();
    walk(&place::repository().join("tests/suite"), &mut files);
    let code: String = files.iter().filter_map(|path| std::fs::read_to_string(path).ok()).collect();
    for row in rows {
        for name in row.split('`').skip(1).step_by(2).filter(|name| !name.contains("::")) {
            assert!(code.contains(&format!("fn {name}(")), "{row}");
        }
    }
}
