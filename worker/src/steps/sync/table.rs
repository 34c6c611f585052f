//! What a plan tells the steps that follow: a table's plan, and the steps' payloads.
//! Opaque to everybody but this room; read by the same release only while a job runs, so
//! a field that a release adds needs a default.

use longshore_shared::domain::step::{TableMode, VerifyPolicy};
use serde::{Deserialize, Serialize};

use crate::engine::children::Child;
use crate::engine::shape::{ForeignKey, Index, Range, TableShape};

/// The plan of one table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::steps) struct TablePlan {
    /// The source's structure; both sides are read and written by it.
    pub(in crate::steps) shape: TableShape,
    /// What is done with it.
    pub(in crate::steps) mode: TableMode,
    /// What its verification has to prove.
    pub(in crate::steps) verify: VerifyPolicy,
    /// The target's rows that the source lacks are deleted.
    pub(in crate::steps) prunes: bool,
    /// Indexes that the target is to get after the rows.
    pub(in crate::steps) new_indexes: Vec<Index>,
    /// Foreign keys that the target is to get after the rows of all tables.
    pub(in crate::steps) new_foreign_keys: Vec<ForeignKey>,
    /// Foreign keys that the target has: they must hold in the end as well.
    pub(in crate::steps) old_foreign_keys: Vec<ForeignKey>,
    /// How many rows a range of it was cut for.
    #[serde(default)]
    pub(in crate::steps) chunk_rows: u64,
    /// Bytes of its rows at the source; an estimate.
    #[serde(default)]
    pub(in crate::steps) bytes: u64,
    /// The source's next AUTO_INCREMENT value is ahead of the one that the target's table had.
    #[serde(default)]
    pub(in crate::steps) raises: bool,
    /// Only first copies that did not end have filled the target's table, as far as Longshore knows:
    /// whole ranges may not be there.
    #[serde(default)]
    pub(in crate::steps) begun: bool,
}

impl TablePlan {
    /// The shape with just the indexes that are to be built.
    pub(in crate::steps) fn to_index(&self) -> TableShape {
        TableShape { indexes: self.new_indexes.clone(), ..self.shape.clone() }
    }

    /// The shape with just the foreign keys that are to be added.
    pub(in crate::steps) fn to_constrain(&self) -> TableShape {
        TableShape { foreign_keys: self.new_foreign_keys.clone(), ..self.shape.clone() }
    }

    /// The shape with all foreign keys that must hold on the target in the end.
    pub(in crate::steps) fn constrained(&self) -> TableShape {
        let all = self.old_foreign_keys.iter().chain(&self.new_foreign_keys).cloned();
        TableShape { foreign_keys: all.collect(), ..self.shape.clone() }
    }

    /// Whether a range in which the target shows no row may be loaded instead of compared. It never
    /// takes longer than to empty the table and load all of it: what is there costs a checksum, an
    /// eighth of a load, and rows that somebody else wrote are not lost.
    pub(in crate::steps) fn loads_on(&self) -> bool {
        self.begun && self.mode == TableMode::Diff && self.shape.key.is_some()
    }

    /// Whether the table has foreign keys that must hold in the end: of one that is not written only
    /// if it is given some.
    pub(in crate::steps) fn is_constrained(&self) -> bool {
        !self.new_foreign_keys.is_empty() || self.is_written() && !self.old_foreign_keys.is_empty()
    }

    /// Whether the target's table held rows before, other than an unfinished copy's: they may lack
    /// parents for which no job has answered yet.
    pub(in crate::steps) fn has_rows_of_old(&self) -> bool {
        matches!(self.mode, TableMode::Diff | TableMode::Equal) && !self.begun
    }

    /// Whether the job may delete rows of the target's that the source lacks.
    pub(in crate::steps) fn deletes(&self) -> bool {
        self.prunes || self.mode == TableMode::Replace
    }

    /// Whether the job writes to the table.
    pub(in crate::steps) fn is_written(&self) -> bool {
        !matches!(self.mode, TableMode::Equal | TableMode::Refused)
    }

    /// Whether the table's last steps are those of `index`.
    pub(in crate::steps) fn is_indexed(&self) -> bool {
        let loaded = matches!(self.mode, TableMode::Create | TableMode::Fill | TableMode::Replace);
        loaded || !self.new_indexes.is_empty() || self.mode == TableMode::Equal && self.raises
    }

    /// Whether a row can be in another's way by a unique key that is not its key, or by the beginning of
    /// its key's values.
    pub(in crate::steps) fn can_clash(&self) -> bool {
        self.shape.has_secondary_unique() || self.shape.key.as_ref().is_some_and(|key| key.prefixed)
    }
}

/// A step that works on one range of a table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct RangePayload {
    /// The range.
    pub(in crate::steps) range: Range,
}

/// A step that loads one range of a table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct CopyPayload {
    /// The range.
    pub(in crate::steps) range: Range,
    /// It is a small table's only one: the step builds its indexes and compares it as well, and
    /// tells of that as a comparison does.
    #[serde(default)]
    pub(in crate::steps) finishes: bool,
}

/// A step that brings several small tables to their ends.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct TogetherPayload {
    /// Their numbers.
    pub(in crate::steps) tables: Vec<i32>,
}

/// A step that deletes, or counts, what only the target has in a range.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct PrunePayload {
    /// The range.
    pub(in crate::steps) range: Range,
    /// It only counts.
    #[serde(default)]
    pub(in crate::steps) counts: bool,
}

/// What was counted of a range of the target.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct Counted {
    /// The range.
    pub(in crate::steps) range: Range,
    /// Its rows.
    pub(in crate::steps) rows: u64,
    /// Those that the source does not have.
    pub(in crate::steps) extra: u64,
}

/// A step that verifies a table, or a part of it for the one that does.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct VerifyPayload {
    /// The part; without one the step judges the whole table.
    #[serde(default)]
    pub(in crate::steps) part: Option<Range>,
}

/// A step that proves the foreign keys, or looks before the job writes what it would break.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct KeysPayload {
    /// Tables of the target that point to the job's; such as the job writes only before it does.
    #[serde(default)]
    pub(in crate::steps) bystanders: Vec<Bystander>,
    /// Tables of the job whose new rows may lack parents.
    #[serde(default)]
    pub(in crate::steps) newcomers: Vec<Newcomer>,
    /// The target's server does not tell names of tables apart by case.
    #[serde(default)]
    pub(in crate::steps) folds: bool,
    /// Sequences to be raised to where the source's stand.
    #[serde(default)]
    pub(in crate::steps) sequences: Vec<String>,
    /// Nothing is written yet.
    #[serde(default)]
    pub(in crate::steps) before: bool,
}

/// A step that replaces a table's rows.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct ReplacePayload {
    /// Tables of the target outside the job that point to it.
    #[serde(default)]
    pub(in crate::steps) bystanders: Vec<Bystander>,
}

/// A table of the target's server that points to one that the job writes, and that the job does not write
/// itself, or of which it keeps rows or may do so.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(in crate::steps) struct Bystander {
    /// The table and its foreign key.
    pub(in crate::steps) child: Child,
    /// The parent's number in the job.
    #[serde(default = "nowhere")]
    pub(in crate::steps) parent: i32,
    /// The child's, where the job writes it.
    #[serde(default)]
    pub(in crate::steps) own: Option<i32>,
    /// Rows without a parent before the job; nobody counts those of a table that the job writes.
    pub(in crate::steps) orphans: u64,
    /// What the job does to the parent can take a row's parent away.
    pub(in crate::steps) endangered: bool,
}

/// A foreign key of a table that the job writes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::steps) struct Newcomer {
    /// The table's number in the job.
    pub(in crate::steps) child: i32,
    /// The foreign key, as the target has it or is given it.
    pub(in crate::steps) key: ForeignKey,
    /// The parent's number, where the job has it in hand.
    #[serde(default)]
    pub(in crate::steps) parent: Option<i32>,
}

fn nowhere() -> i32 {
    -1
}

/// What a finished comparison, of one that writes, of a part or of a small table, tells the reconciliation and the
/// verification of its table.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(in crate::steps) struct DiffDetail {
    /// Rows that were not written since another row holds their unique value.
    #[serde(default)]
    pub(in crate::steps) deferred: u64,
    /// How many rows each side has in the range, if checksums of both sides, after the
    /// last write, were equal.
    #[serde(default)]
    pub(in crate::steps) equal: Option<u64>,
    /// Whether the target was seen to have each row of the source as the policy promises: what
    /// differs later somebody else has changed.
    #[serde(default)]
    pub(in crate::steps) kept: bool,
    /// The range.
    #[serde(default)]
    pub(in crate::steps) range: Range,
}
