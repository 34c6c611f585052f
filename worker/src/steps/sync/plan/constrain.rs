//! Foreign keys that are to be added need their parent tables; pure.

use std::collections::HashSet;

use longshore_shared::domain::failure::FailureCode;

use super::create::not_added;
use super::decide::{Candidate, Decision};
use super::refuse::mismatch;
use crate::engine::shape::ForeignKey;

/// Tables of the target's server that foreign keys may point to. Names are folded: a parent whose spelling
/// differs only in case is the server's to find.
#[derive(Debug, Default)]
pub(super) struct Parents {
    names: HashSet<String>,
    elsewhere: HashSet<(String, String)>,
}

impl Parents {
    /// Tables of its database, and such of others, each named with its own.
    pub(super) fn new<'a>(
        names: impl IntoIterator<Item = &'a String>,
        elsewhere: impl IntoIterator<Item = (String, String)>,
    ) -> Self {
        let folded = |(schema, name): (String, String)| (schema.to_lowercase(), name.to_lowercase());
        Self {
            names: names.into_iter().map(|name| name.to_lowercase()).collect(),
            elsewhere: elsewhere.into_iter().map(folded).collect(),
        }
    }

    /// Whether the key's parent is there, also by one of these tables of the target's database.
    pub(super) fn has(&self, key: &ForeignKey, more: &HashSet<String>) -> bool {
        let parent = key.parent.to_lowercase();
        match &key.parent_schema {
            None => self.names.contains(&parent) || more.contains(&parent),
            Some(schema) => self.elsewhere.contains(&(schema.to_lowercase(), parent)),
        }
    }
}

/// Refuses tables that are to be made and whose parents will not be there; a table that
/// exists goes without such a key. Answers warnings about the latter.
///
/// A refusal may take another table's parent away, so it is repeated until nothing
/// changes. Keys that point to refused tables of the job (`lost` names those that are not among
/// `tables`) are left out with a warning: either the job goes on without them, or their parents'
/// own refusals end it.
pub(super) fn check(
    tables: &mut [(&Candidate, &mut Decision)],
    target: &Parents,
    lost: &[String],
) -> Vec<String> {
    let mut warnings = Vec::new();
    loop {
        let planned = planned(tables);
        let has_parent = |key: &ForeignKey| target.has(key, &planned);
        let lost: HashSet<String> = lost.iter().cloned().chain(refused(tables)).collect();
        let mut changed = false;
        for (candidate, decision) in tables.iter_mut() {
            let mut without = take_orphaned(decision, &has_parent);
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
                     synchronise, and the target lacks or does not show to its account: {keys}"
                ),
            ));
        }
        if !changed {
            return warnings;
        }
    }
}

/// Takes out the foreign keys whose parent will not be there.
fn take_orphaned(decision: &mut Decision, has_parent: &dyn Fn(&ForeignKey) -> bool) -> Vec<ForeignKey> {
    let (Decision::Settled(settled) | Decision::ByContent(settled, _)) = decision else { return Vec::new() };
    let (with, without) = settled.new_foreign_keys.drain(..).partition(has_parent);
    settled.new_foreign_keys = with;
    without
}

fn refused(tables: &[(&Candidate, &mut Decision)]) -> impl Iterator<Item = String> {
    let refused = |(_, decision): &&(&Candidate, &mut Decision)| matches!(**decision, Decision::Refused(_));
    tables.iter().filter(refused).map(|(candidate, _)| candidate.source.name.to_lowercase())
}

/// Names of the tables that the job writes.
fn planned(tables: &[(&Candidate, &mut Decision)]) -> HashSet<String> {
    let kept = tables.iter().filter(|(_, decision)| !matches!(**decision, Decision::Refused(_)));
    kept.map(|(candidate, _)| candidate.source.name.to_lowercase()).collect()
}

fn listed(keys: &[ForeignKey]) -> String {
    let one = |key: &ForeignKey| match &key.parent_schema {
        Some(schema) => format!("{} to {schema}.{}", key.name, key.parent),
        None => format!("{} to {}", key.name, key.parent),
    };
    keys.iter().map(one).collect::<Vec<_>>().join(", ")
}
