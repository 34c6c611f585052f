//! What a sync leaves on the source, said in each run: it moves tables and nothing that runs.

use std::collections::BTreeMap;

use crate::engine::shape::{TableKind, TableListing, TableShape};
use crate::engine::{Besides, Hidden};
use crate::steps::sync::context::Context;

/// So many names of a kind are told.
const NAMED: usize = 5;

/// One line about what is left, and what the account cannot see of it. Of a selection these are
/// the views that it covers, the triggers of its tables, and all that runs by itself or is called:
/// nobody can tell which tables that concerns.
pub(super) fn told<'a>(
    context: &Context,
    unseen: Hidden,
    beside: &[TableListing],
    tables: impl Iterator<Item = &'a TableShape>,
    besides: &[Besides],
) -> Option<String> {
    let mut left: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for view in beside.iter().filter(|one| one.kind == TableKind::View) {
        left.entry("view").or_default().push(view.name.clone());
    }
    for table in tables {
        let on = |trigger: &String| format!("{trigger} on {}", table.name);
        if !table.triggers.is_empty() {
            left.entry("trigger").or_default().extend(table.triggers.iter().map(on));
        }
    }
    for one in besides {
        left.entry(&one.kind).or_default().push(one.name.clone());
    }
    said(&left, &unseen_kinds(unseen), &context.source().name)
}

/// What may be there without being seen.
fn unseen_kinds(unseen: Hidden) -> Vec<&'static str> {
    let kinds =
        [("triggers", unseen.read_triggers), ("routines", unseen.routines), ("events", unseen.events)];
    kinds.into_iter().filter(|(_, is_unseen)| *is_unseen).map(|(kind, _)| kind).collect()
}

fn said(left: &BTreeMap<&str, Vec<String>>, unseen: &[&str], connection: &str) -> Option<String> {
    let mut parts: Vec<String> = left.iter().map(|(kind, names)| counted(kind, names)).collect();
    if !unseen.is_empty() {
        parts.push(format!(
            "{}, if there are any: the account of connection {connection} does not see them (its test names the \
             grants, under the feature routines)",
            listed(unseen)
        ));
    }
    (!parts.is_empty()).then(|| {
        format!("a sync moves tables and their rows; the source keeps for itself: {}", parts.join("; "))
    })
}

/// `3 views (a, b, c)`.
fn counted(kind: &str, names: &[String]) -> String {
    let plural = if names.len() == 1 { "" } else { "s" };
    let more = if names.len() > NAMED { ", …" } else { "" };
    let named = names.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    format!("{} {kind}{plural} ({named}{more})", names.len())
}

fn listed(kinds: &[&str]) -> String {
    match kinds {
        [all @ .., last] if !all.is_empty() => format!("{} and {last}", all.join(", ")),
        _ => kinds.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n18_each_run_says_what_it_leaves_by_kind_and_count() {
        let names = |many: usize| (1..=many).map(|n| format!("n{n}")).collect::<Vec<_>>();
        let head = "a sync moves tables and their rows; the source keeps for itself: ";
        let none = &Hidden::default();
        let all = &Hidden { read_triggers: true, routines: true, events: true, ..Hidden::default() };
        let some = &Hidden { read_triggers: true, ..Hidden::default() };
        for (left, unseen, expected) in [
            (&[][..], none, None),
            (&[("view", 1)], none, Some("1 view (n1)")),
            (
                &[("event", 2), ("function", 6), ("package", 5)],
                none,
                Some(
                    "2 events (n1, n2); 6 functions (n1, n2, n3, n4, n5, …); 5 packages (n1, n2, n3, n4, n5)",
                ),
            ),
            (
                &[("view", 1)],
                all,
                Some(
                    "1 view (n1); triggers, routines and events, if there are any: the account of connection c does \
                     not see them (its test names the grants, under the feature routines)",
                ),
            ),
            (
                &[],
                some,
                Some(
                    "triggers, if there are any: the account of connection c does not see them (its test names the \
                     grants, under the feature routines)",
                ),
            ),
        ] {
            let left = left.iter().map(|(kind, many)| (*kind, names(*many))).collect();
            let line = said(&left, &unseen_kinds(*unseen), "c");
            assert_eq!(line, expected.map(|rest| format!("{head}{rest}")));
        }
    }
}
