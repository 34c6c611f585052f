//! What is done with a table, from what both sides look like; pure.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{Owed, TableMode, VerifyPolicy};
use longshore_shared::domain::sync::{ConflictPolicy, Keyless, SyncSpec, TargetTriggers};

use super::refuse::mismatch;
use crate::engine::Difference;
use crate::engine::shape::{Family, ForeignKey, Index, TableListing, TableShape};

/// A table as both sides show it.
#[derive(Clone, Debug)]
pub(super) struct Candidate {
    /// The source's line in its table list.
    pub(super) listing: TableListing,
    /// The source's structure.
    pub(super) source: TableShape,
    /// The target's table of the same name.
    pub(super) target: Option<Existing>,
    /// What earlier jobs were to give the target's table and did not.
    pub(super) owed: Owed,
}

impl Candidate {
    /// Whether the source's next AUTO_INCREMENT value is ahead of the target's. The table keeps the
    /// higher one, also where its rows are replaced.
    pub(super) fn raises(&mut self) -> bool {
        let Some(target) = &self.target else { return false };
        let theirs = target.shape.auto_increment.unwrap_or(1);
        let is_ahead = self.source.auto_increment.is_some_and(|ours| ours > theirs);
        self.source.auto_increment = self.source.auto_increment.map(|ours| ours.max(theirs));
        is_ahead
    }

    /// Indexes and foreign keys that the target's table is to get after its rows: all, where it holds
    /// none, and what earlier jobs owe it. What it lacks otherwise its owner left out or took away.
    pub(super) fn due(&self) -> (Vec<Index>, Vec<ForeignKey>) {
        let source = &self.source;
        let Some(Existing { shape, holds_rows }) = &self.target else {
            return (source.indexes.clone(), source.foreign_keys.clone());
        };
        let (mut indexes, mut keys) = (missing_indexes(source, shape), missing_keys(source, shape));
        if *holds_rows {
            let is_in = |names: &[String], name: &str| names.iter().any(|one| one.eq_ignore_ascii_case(name));
            indexes.retain(|index| is_in(&self.owed.indexes, &index.name));
            keys.retain(|key| is_in(&self.owed.foreign_keys, &key.name));
        }
        (indexes, keys)
    }

    /// Foreign keys of the source that the target's table lacks and is not given.
    pub(super) fn lacks(&self) -> Vec<ForeignKey> {
        let Some(target) = &self.target else { return Vec::new() };
        let (_, due) = self.due();
        let mut missing = missing_keys(&self.source, &target.shape);
        missing.retain(|key| !due.contains(key));
        missing
    }
}

/// A table that the target has.
#[derive(Clone, Debug)]
pub(super) struct Existing {
    /// Its structure.
    pub(super) shape: TableShape,
    /// It holds at least one row.
    pub(super) holds_rows: bool,
}

/// What came of a table.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// This is done.
    Settled(Settled),
    /// It has no key, both sides hold rows, and the target's may not be replaced: if their contents
    /// are equal this is done, else it is refused.
    ByContent(Settled, Failure),
    /// Nothing is done.
    Refused(Failure),
}

/// What is done with a table.
#[derive(Clone, Debug)]
pub(super) struct Settled {
    /// How its rows get there.
    pub(super) mode: TableMode,
    /// What is proven in the end.
    pub(super) verify: VerifyPolicy,
    /// The target's own rows are deleted.
    pub(super) prunes: bool,
    /// Indexes to build.
    pub(super) new_indexes: Vec<Index>,
    /// Foreign keys to add.
    pub(super) new_foreign_keys: Vec<ForeignKey>,
}

/// Tells two structures apart: `Driver::compare`.
pub(super) type Differences<'a> = &'a (dyn Fn(&TableShape, &TableShape) -> Vec<Difference> + Sync);

/// Decides about one table by what it looks like.
pub(super) fn decide(table: &Candidate, spec: &SyncSpec, differences: Differences<'_>) -> Decision {
    try_decide(table, spec, differences).unwrap_or_else(Decision::Refused)
}

fn try_decide(table: &Candidate, spec: &SyncSpec, differences: Differences<'_>) -> Result<Decision, Failure> {
    let source = &table.source;
    refuse_unknown_types(source)?;
    let (indexes, keys) = table.due();
    let Some(target) = &table.target else {
        return Ok(Decision::Settled(loaded(TableMode::Create, indexes, keys)));
    };
    refuse_differences(&differences(source, &with_indexes(&target.shape, &indexes)))?;
    if !target.holds_rows {
        refuse_triggers(target, spec)?;
        let whole = indexes.is_empty() && keys.is_empty();
        let mode = if whole { TableMode::Fill } else { TableMode::Create };
        return Ok(Decision::Settled(loaded(mode, indexes, keys)));
    }
    let settled = Settled {
        mode: TableMode::Diff,
        verify: proof(spec),
        prunes: spec.delete_extra,
        new_indexes: indexes,
        new_foreign_keys: keys,
    };
    if source.key.is_none() {
        let exact = Settled { verify: VerifyPolicy::Exact, prunes: false, ..settled };
        return Ok(match refuse_replacing(target, spec) {
            Ok(()) => Decision::Settled(Settled { mode: TableMode::Replace, ..exact }),
            Err(failure) => Decision::ByContent(Settled { mode: TableMode::Equal, ..exact }, failure),
        });
    }
    refuse_triggers(target, spec)?;
    Ok(Decision::Settled(settled))
}

/// Why the rows of a table without a key may not be replaced.
fn refuse_replacing(target: &Existing, spec: &SyncSpec) -> Result<(), Failure> {
    let name = &target.shape.name;
    if spec.policy == ConflictPolicy::TargetFirst {
        return Err(mismatch(
            FailureCode::TargetFirst,
            format!(
                "table {name}: without a key nobody can tell which rows the target lacks, and its rows differ"
            ),
        ));
    }
    if !(spec.delete_extra || spec.keyless == Keyless::Replace) {
        return Err(mismatch(
            FailureCode::KeylessDiffers,
            format!(
                "table {name}: it has no key and its rows differ, so all of them would have to be replaced"
            ),
        ));
    }
    refuse_triggers(target, spec)
}

fn loaded(mode: TableMode, new_indexes: Vec<Index>, new_foreign_keys: Vec<ForeignKey>) -> Settled {
    Settled { mode, verify: VerifyPolicy::Exact, prunes: false, new_indexes, new_foreign_keys }
}

fn proof(spec: &SyncSpec) -> VerifyPolicy {
    match (spec.policy, spec.delete_extra) {
        (ConflictPolicy::SourceFirst, true) => VerifyPolicy::Exact,
        (ConflictPolicy::SourceFirst, false) => VerifyPolicy::SourceFirst,
        (ConflictPolicy::TargetFirst, _) => VerifyPolicy::TargetFirst,
    }
}

fn refuse_unknown_types(source: &TableShape) -> Result<(), Failure> {
    let unknown: Vec<String> = source
        .columns
        .iter()
        .filter(|column| column.family == Family::Unknown)
        .map(|column| format!("{} ({})", column.name, column.full_type))
        .collect();
    if unknown.is_empty() {
        return Ok(());
    }
    Err(mismatch(
        FailureCode::TypeNotSupported,
        format!("table {}: columns of types that cannot be moved: {}", source.name, unknown.join(", ")),
    ))
}

fn refuse_differences(found: &[Difference]) -> Result<(), Failure> {
    if found.is_empty() {
        return Ok(());
    }
    let found = found.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ");
    Err(mismatch(FailureCode::StructureDiffers, found))
}

fn refuse_triggers(target: &Existing, spec: &SyncSpec) -> Result<(), Failure> {
    if target.shape.triggers.is_empty() || spec.target_triggers == TargetTriggers::Fire {
        return Ok(());
    }
    Err(mismatch(
        FailureCode::TargetHasTriggers,
        format!(
            "table {}: the target's table has triggers that would fire for every written row: {}",
            target.shape.name,
            target.shape.triggers.join(", ")
        ),
    ))
}

/// Indexes of the source that the target has under no name.
fn missing_indexes(source: &TableShape, target: &TableShape) -> Vec<Index> {
    let alike = |a: &Index, b: &Index| a.columns == b.columns && a.unique == b.unique && a.method == b.method;
    source.indexes.iter().filter(|i| !target.indexes.iter().any(|t| alike(i, t))).cloned().collect()
}

fn missing_keys(source: &TableShape, target: &TableShape) -> Vec<ForeignKey> {
    let alike = |a: &ForeignKey, b: &ForeignKey| {
        a.columns == b.columns && a.parent == b.parent && a.parent_columns == b.parent_columns
    };
    source.foreign_keys.iter().filter(|k| !target.foreign_keys.iter().any(|t| alike(k, t))).cloned().collect()
}

fn with_indexes(target: &TableShape, indexes: &[Index]) -> TableShape {
    let mut completed = target.clone();
    completed.indexes.extend(indexes.iter().cloned());
    completed
}
