//! Foreign keys that are to be added need their parent tables; pure.

use std::collections::HashSet;

use longshore_shared::domain::failure::FailureCode;

use super::create::not_added;
use super::decide::{Candidate, Decision};
use super::refuse::mismatch;
use crate::engine::shape::ForeignKey;

/// Refuses tables that are to be made and whose parents will not be there; a table that
/// exists goes without such a key. Answers warnings about the latter.
///
/// A refusal may take another table's parent away, so it is repeated until nothing
/// changes. Keys that point to refused tables of the job (`lost` names those that are not among
/// `tables`) are left out with a warning: either the job goes on without them, or their parents'
/// own refusals end it.
pub(super) fn check(
    tables: &mut [(&Candidate, &mut Decision)],
    target_names: &[String],
    lost: &[String],
) -> Vec<String> {
    let mut warnings = Vec::new();
    loop {
        let there = will_be_there(tables, target_names);
        let lost: HashSet<String> = lost.iter().cloned().chain(refused(tables)).collect();
        let mut changed = false;
        for (candidate, decision) in tables.iter_mut() {
            let mut without = take_orphaned(decision, &there);
            if without.is_empty() {
                continue;
            }
            changed = true;
            let of_job =
                |key: &ForeignKey| key.parent_schema.is_none() && lost.contains(&key.parent.to_lowercase());
            let name = &candidate.source.name;
            warnings.extend(without.extract_if(.., |key| of_job(key)).map(|key| not_added(name, &key)));
            if without.is_empty() {
                continue;
            }
            let (name, keys) = (&candidate.source.name, listed(&without));
            if candidate.target.is_some() {
                warnings.push(format!("table {name}: foreign keys without a parent are left out: {keys}"));
                continue;
            }
            **decision = Decision::Refused(mismatch(
                FailureCode::ParentMissing,
                format!(
                    "table {name}: its foreign keys point to tables that the task leaves out, or cannot \
                     synchronise, and the target lacks: {keys}"
                ),
            ));
        }
        if !changed {
            return warnings;
        }
    }
}

/// Takes out the foreign keys whose parent will not be there.
fn take_orphaned(decision: &mut Decision, there: &HashSet<String>) -> Vec<ForeignKey> {
    let (Decision::Settled(settled) | Decision::ByContent(settled, _)) = decision else { return Vec::new() };
    let orphaned =
        |key: &ForeignKey| key.parent_schema.is_some() || !there.contains(&key.parent.to_lowercase());
    let (without, with) = settled.new_foreign_keys.drain(..).partition(orphaned);
    settled.new_foreign_keys = with;
    without
}

fn refused(tables: &[(&Candidate, &mut Decision)]) -> impl Iterator<Item = String> {
    let refused = |(_, decision): &&(&Candidate, &mut Decision)| matches!(**decision, Decision::Refused(_));
    tables.iter().filter(refused).map(|(candidate, _)| candidate.source.name.to_lowercase())
}

/// Names are folded: a parent whose spelling differs only in case is the server's to find.
fn will_be_there(tables: &[(&Candidate, &mut Decision)], target_names: &[String]) -> HashSet<String> {
    let planned = tables
        .iter()
        .filter(|(_, decision)| !matches!(**decision, Decision::Refused(_)))
        .map(|(candidate, _)| candidate.source.name.to_lowercase());
    planned.chain(target_names.iter().map(|name| name.to_lowercase())).collect()
}

fn listed(keys: &[ForeignKey]) -> String {
    let one = |key: &ForeignKey| match &key.parent_schema {
        Some(schema) => format!("{} to {schema}.{}", key.name, key.parent),
        None => format!("{} to {}", key.name, key.parent),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}
