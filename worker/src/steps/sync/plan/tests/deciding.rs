use longshore_shared::domain::step::Owed;
use longshore_shared::domain::sync::{ConflictPolicy, Keyless, SyncSpec, TargetTriggers};

use super::super::decide::{Candidate, Decision, decide};
use super::super::fake::{column, index, points_to, shape};
use super::{candidate, spec};
use crate::engine::shape::{Family, TableShape};
use crate::engine::{Change, Difference};

/// Says nothing but that unique keys differ, as the engine does.
fn differences(source: &TableShape, target: &TableShape) -> Vec<Difference> {
    let uniques = |t: &TableShape| t.indexes.iter().filter(|i| i.unique).count();
    let differ = source.columns != target.columns || uniques(source) != uniques(target);
    let change = Change::UniqueMissing(Vec::new());
    if differ { vec![Difference { table: source.name.clone(), change }] } else { Vec::new() }
}

/// The decision in a line: mode, what is built, or the refusal's code.
fn told(decision: &Decision) -> String {
    match decision {
        Decision::Refused(failure) => failure.code.to_string(),
        Decision::ByContent(..) => "by content".to_owned(),
        Decision::Settled(s) => {
            let (indexes, keys) = (s.new_indexes.len(), s.new_foreign_keys.len());
            let prunes = if s.prunes { ", prunes" } else { "" };
            format!("{} +{indexes} +{keys}, {}{prunes}", s.mode, s.verify)
        }
    }
}

fn check(table: &Candidate, spec: &SyncSpec, expected: &str) {
    assert_eq!(told(&decide(table, spec, &differences)), expected, "{}", table.source.name);
}

fn rich(name: &str) -> TableShape {
    TableShape {
        indexes: vec![index("code", true), index("other", false)],
        foreign_keys: vec![points_to("parent")],
        ..shape(name)
    }
}

fn keyless_shape() -> TableShape {
    TableShape { key: None, ..shape("t") }
}

#[test]
fn missing_and_empty_targets_are_loaded() {
    check(&candidate(shape("plain"), None), &spec(), "create +0 +0, exact");
    check(&candidate(rich("rich"), None), &spec(), "create +2 +1, exact");
    check(&candidate(rich("whole, empty"), Some((rich("t"), false))), &spec(), "fill +0 +0, exact");
    // What a plan made before it crashed: empty, without unique keys and foreign keys.
    check(&candidate(rich("left over"), Some((shape("t"), false))), &spec(), "create +2 +1, exact");
    check(&candidate(keyless_shape(), Some((keyless_shape(), false))), &spec(), "fill +0 +0, exact");
}

#[test]
fn filled_targets_are_compared_by_policy() {
    let filled = || candidate(rich("filled"), Some((rich("t"), true)));
    let with = |policy, delete_extra| SyncSpec { policy, delete_extra, ..spec() };
    check(&filled(), &with(ConflictPolicy::SourceFirst, false), "diff +0 +0, source_first");
    check(&filled(), &with(ConflictPolicy::SourceFirst, true), "diff +0 +0, exact, prunes");
    check(&filled(), &with(ConflictPolicy::TargetFirst, false), "diff +0 +0, target_first");
    check(&filled(), &with(ConflictPolicy::TargetFirst, true), "diff +0 +0, target_first, prunes");
}

#[test]
fn what_was_begun_is_completed() {
    let lacking = || candidate(rich("lacking"), Some((shape("t"), true)));
    let owed = |indexes: &[&str], keys: &[&str]| {
        let names = |all: &[&str]| all.iter().map(|name| (*name).to_owned()).collect();
        Owed { rows: true, indexes: names(indexes), foreign_keys: names(keys) }
    };
    check(&lacking(), &spec(), "structure_differs");
    let all = owed(&["code", "Other"], &["to_parent"]);
    check(&Candidate { owed: all, ..lacking() }, &spec(), "diff +2 +1, source_first");
    // What its owner left out stays out.
    let unique = owed(&["code"], &[]);
    check(&Candidate { owed: unique, ..lacking() }, &spec(), "diff +1 +0, source_first");
}

#[test]
fn structures_that_differ_are_refused() {
    let other = TableShape { columns: vec![column("id")], ..shape("t") };
    check(&candidate(shape("filled"), Some((other.clone(), true))), &spec(), "structure_differs");
    check(&candidate(shape("empty"), Some((other, false))), &spec(), "structure_differs");
    // A unique key that only the target has is no leftover of ours.
    check(&candidate(shape("extra unique"), Some((rich("t"), false))), &spec(), "structure_differs");
    let mut unknown = shape("unknown");
    unknown.columns[1].family = Family::Unknown;
    check(&candidate(unknown, None), &spec(), "type_not_supported");
}

#[test]
fn triggers_of_the_target_are_refused_unless_they_may_fire() {
    let armed = TableShape { triggers: vec!["audit".to_owned()], ..shape("t") };
    let fire = SyncSpec { target_triggers: TargetTriggers::Fire, ..spec() };
    for holds_rows in [false, true] {
        check(&candidate(shape("armed"), Some((armed.clone(), holds_rows))), &spec(), "target_has_triggers");
    }
    check(&candidate(shape("armed"), Some((armed.clone(), true))), &fire, "diff +0 +0, source_first");
    // The source's own triggers are no matter.
    check(&candidate(armed, Some((shape("t"), true))), &spec(), "diff +0 +0, source_first");
}

#[test]
fn tables_without_a_key_are_replaced_or_decided_by_their_content() {
    let table = candidate(keyless_shape(), Some((keyless_shape(), true)));
    let replacing = SyncSpec { keyless: Keyless::Replace, ..spec() };
    check(&table, &replacing, "replace +0 +0, exact");
    check(&table, &SyncSpec { delete_extra: true, ..spec() }, "replace +0 +0, exact");
    let armed = TableShape { triggers: vec!["audit".to_owned()], ..keyless_shape() };
    let armed = candidate(keyless_shape(), Some((armed, true)));
    let target_first = SyncSpec { policy: ConflictPolicy::TargetFirst, ..replacing.clone() };
    for (table, spec, code) in [
        (&table, &spec(), "keyless_differs"),
        (&table, &target_first, "target_first"),
        (&armed, &replacing, "target_has_triggers"),
    ] {
        let Decision::ByContent(settled, failure) = decide(table, spec, &differences) else {
            panic!("{code}: decided without a look at the content")
        };
        assert_eq!(failure.code.as_str(), code);
        assert_eq!(told(&Decision::Settled(settled)), "equal +0 +0, exact");
    }
}
