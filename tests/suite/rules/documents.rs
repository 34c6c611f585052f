//! The documents: the README is short, each page says first whom it serves, the generated tables are
//! what the code says, and every link, anchor and command of `make` is there.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use longshore_shared::config::variables;
use longshore_shared::telemetry::render_metrics_table;
use longshore_tests::place;

use super::source::walk;

const LONGEST_README: usize = 120;

#[test]
fn the_readme_is_short() {
    let lines = read(&place::repository().join("README.md")).lines().count();
    assert!(lines <= LONGEST_README, "README.md: {lines} lines; what is more belongs into docs/");
}

#[test]
fn each_page_says_first_whom_it_serves() {
    for path in pages() {
        let text = read(&path);
        let opening = text.lines().skip(1).find(|line| !line.is_empty()).unwrap_or_default();
        assert!(opening.starts_with("For "), "{}: {opening}", path.display());
    }
}

#[test]
fn the_settings_of_the_documents_are_those_of_the_code() {
    let page = read(&place::repository().join("docs/operations.md"));
    holds(&page, &variables::render_table());
}

#[test]
fn the_metrics_of_the_documents_are_those_of_the_code() {
    holds(&read(&place::repository().join("docs/operations.md")), &render_metrics_table());
}

fn holds(page: &str, table: &str) {
    let missing: Vec<_> = table.lines().filter(|line| !page.contains(line)).collect();
    assert!(missing.is_empty(), "docs/operations.md lacks these lines of the table:\n{}", missing.join("\n"));
    assert!(
        page.contains(table),
        "docs/operations.md has the table's lines in another order; it is:\n{table}"
    );
}

#[test]
fn every_link_leads_somewhere() {
    let mut lost = Vec::new();
    for path in documents() {
        let text = read(&path);
        let targets = parted(&text).0.into_iter().flat_map(targets);
        lost.extend(targets.filter_map(|target| why_lost(&path, &target)));
    }
    assert!(lost.is_empty(), "{lost:#?}");
}

#[test]
fn every_command_of_make_is_there() {
    let makefile = read(&place::repository().join("Makefile"));
    let known = makefile.lines().find_map(|line| line.strip_prefix(".PHONY:")).unwrap_or_default();
    let known: BTreeSet<&str> = known.split_whitespace().collect();
    for path in documents() {
        let text = read(&path);
        let (prose, blocks) = parted(&text);
        let within = prose.into_iter().flat_map(|line| line.split('`').skip(1).step_by(2));
        for code in blocks.into_iter().chain(within).filter_map(|code| code.strip_prefix("make ")) {
            let command =
                code.split(|c: char| !c.is_ascii_lowercase() && c != '-').next().unwrap_or_default();
            assert!(known.contains(command), "{}: make {command}", path.display());
        }
    }
}

/// Pages that serve somebody each.
fn pages() -> Vec<PathBuf> {
    let root = place::repository();
    let names = ["CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let mut found: Vec<PathBuf> = names.iter().map(|name| root.join(name)).collect();
    walk(&root.join("docs"), &mut found);
    found.retain(|path| path.extension().is_some_and(|extension| extension == "md"));
    assert!(found.len() > names.len(), "docs/ holds pages");
    found
}

/// All of them, and those that lead into them.
fn documents() -> Vec<PathBuf> {
    let root = place::repository();
    let names = ["README.md", "tests/README.md", "tests/bench/README.md"];
    names.iter().map(|name| root.join(name)).chain(pages()).collect()
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The lines outside of blocks of code, and those within.
fn parted(text: &str) -> (Vec<&str>, Vec<&str>) {
    let (mut prose, mut blocks, mut is_code) = (Vec::new(), Vec::new(), false);
    for line in text.lines() {
        if line.trim_start().starts_with("```") {
            is_code = !is_code;
        } else if is_code {
            blocks.push(line);
        } else {
            prose.push(line);
        }
    }
    (prose, blocks)
}

/// Where a line's links lead; code within it has none.
fn targets(line: &str) -> Vec<String> {
    let bare: String = line.split('`').step_by(2).collect();
    let rests = bare.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    rests.map(|(target, _)| target.to_owned()).collect()
}

/// Why a link leads nowhere; addresses of the network are not asked.
fn why_lost(document: &Path, target: &str) -> Option<String> {
    if target.contains("://") {
        return None;
    }
    let (path, heading) = match target.split_once('#') {
        Some((path, heading)) => (path, Some(heading)),
        None => (target, None),
    };
    let file = match path {
        "" => document.to_owned(),
        path => document.with_file_name(path),
    };
    if !file.exists() {
        return Some(format!("{}: {target}: there is no such file", document.display()));
    }
    let heading = heading?;
    let is_there = anchors(&read(&file)).contains(heading);
    (!is_there).then(|| format!("{}: {target}: there is no such heading", document.display()))
}

/// The anchors of a page's headings.
pub(super) fn anchors(text: &str) -> BTreeSet<String> {
    let headings = parted(text).0.into_iter().filter(|line| line.starts_with('#'));
    headings.map(|line| anchor(line.trim_start_matches('#').trim())).collect()
}

/// As GitHub makes it of a heading.
fn anchor(heading: &str) -> String {
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.flat_map(char::to_lowercase).map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_and_anchors_are_picked_out() {
    assert_eq!(targets("see [a](b.md#c), `[no](x)` and [`d`](e)."), ["b.md#c", "e"]);
    assert_eq!(parted("a\n```\n# b\n```\nc"), (vec!["a", "c"], vec!["# b"]));
    for (heading, expected) in [
        ("The rooms", "the-rooms"),
        ("Walkthrough: one snapshot, several workers", "walkthrough-one-snapshot-several-workers"),
        ("AUTO_INCREMENT", "auto_increment"),
        ("What is moved, and what is not", "what-is-moved-and-what-is-not"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
}
