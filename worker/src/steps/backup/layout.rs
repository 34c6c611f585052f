//! From planned tables to stages and steps; pure.
//!
//! First the one point is fixed, then ranges are read, by any worker that holds it: those of large tables one in
//! a step, small tables together, within the bounds of one part; last the manifest. Steps of large tables come
//! first, so that nobody waits for one at the end.

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Growth, Owed, StageDraft, StepDraft, StepKind, TableDraft, TableMode};
use serde_json::{Value, json};

use super::plan::SMALL_BYTES;
use super::table::{DumpPayload, DumpPlan, Piece};
use crate::engine::Hash;
use crate::engine::shape::{Range, TableShape};
use crate::steps::attempt::written;
use crate::steps::snapshot::SnapshotPayload;
use crate::transfer::whole;

/// Tables that one step reads at most.
const MOST: usize = 64;

/// A table, ready to be laid out.
pub(super) struct Laid {
    /// Its plan.
    pub(super) plan: DumpPlan,
    /// Its ranges; none: only its definition is kept.
    pub(super) ranges: Vec<Range>,
    /// How many rows it has; an estimate.
    pub(super) rows: u64,
    /// Their bytes; an estimate.
    pub(super) bytes: u64,
}

impl Laid {
    /// A table of which only the definition is kept.
    pub(super) fn bare(shape: TableShape, salt: u32) -> Self {
        let plan = DumpPlan { shape, hash: Hash::Quick(salt), ranges: 0 };
        Self { plan, ranges: Vec::new(), rows: 0, bytes: 0 }
    }

    fn is_small(&self) -> bool {
        self.ranges == [Range::ALL] && self.bytes <= SMALL_BYTES
    }
}

const SNAPSHOT: i32 = 1;
const ROWS: i32 = 2;
const END: i32 = 3;

/// All that the plan adds to the job; a table's number is its place.
pub(super) fn growth(tables: Vec<Laid>) -> Result<Growth, Failure> {
    let mut steps = Vec::new();
    for (pieces, numbers) in pieces(&tables) {
        let alone = if numbers.is_empty() { pieces.first().map(|piece| piece.table) } else { None };
        let payload = written(&DumpPayload { pieces })?;
        steps.push(StepDraft { tables: numbers, ..step(ROWS, StepKind::Dump, alone, payload) });
    }
    let stage = |number, name: &str, waits_for| StageDraft { number, name: name.to_owned(), waits_for };
    let mut stages = Vec::new();
    let before = if steps.is_empty() {
        Vec::new()
    } else {
        let payload = SnapshotPayload { steps: u32::try_from(steps.len()).unwrap_or(u32::MAX) };
        steps.insert(0, step(SNAPSHOT, StepKind::Snapshot, None, written(&payload)?));
        vec![ROWS]
    };
    stages.push(stage(SNAPSHOT, "snapshot", Vec::new()));
    stages.push(stage(ROWS, "rows", vec![SNAPSHOT]));
    stages.push(stage(END, "manifest", before));
    steps.push(step(END, StepKind::DumpEnd, None, json!({})));
    let tables = (0..).zip(tables).map(|(number, table)| draft(number, &table)).collect::<Result<_, _>>()?;
    Ok(Growth { tables, stages, steps })
}

/// What each step reads, and the tables that travel in it if they travel together.
fn pieces(tables: &[Laid]) -> Vec<(Vec<Piece>, Vec<i32>)> {
    let numbered = || (0_i32..).zip(tables);
    let mut steps: Vec<(Vec<Piece>, Vec<i32>)> = Vec::new();
    for (table, laid) in numbered().filter(|(_, laid)| !laid.is_small()) {
        let alone = |range: &Range| (vec![Piece { table, range: range.clone() }], Vec::new());
        steps.extend(laid.ranges.iter().map(alone));
    }
    let mut open: Option<(Vec<Piece>, Vec<i32>)> = None;
    let mut bytes = 0;
    for (table, laid) in numbered().filter(|(_, laid)| laid.is_small()) {
        let is_full =
            bytes + laid.bytes > SMALL_BYTES || open.as_ref().is_some_and(|(_, all)| all.len() >= MOST);
        if is_full {
            steps.extend(open.take());
            bytes = 0;
        }
        let (pieces, numbers) = open.get_or_insert_default();
        pieces.push(Piece { table, range: Range::ALL });
        numbers.push(table);
        bytes += laid.bytes;
    }
    steps.extend(open);
    steps
}

fn draft(number: i32, table: &Laid) -> Result<TableDraft, Failure> {
    Ok(TableDraft {
        number,
        name: table.plan.shape.name.clone(),
        mode: TableMode::Dump,
        plan: written(&table.plan)?,
        rows_total: whole(table.rows),
        bytes_total: whole(table.bytes),
        failure: None,
        owes: Owed::default(),
    })
}

fn step(stage: i32, kind: StepKind, table_number: Option<i32>, payload: Value) -> StepDraft {
    let affine = kind.traits().reads_source;
    StepDraft { stage, kind, table_number, tables: Vec::new(), payload, affine }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use proptest::prelude::*;

    use super::*;
    use crate::steps::sync::fake::shape;

    fn laid(name: &str, many: u32, bytes: u64) -> Laid {
        let plan = DumpPlan { shape: shape(name), hash: Hash::Strong, ranges: many };
        let ranges = (0..many).map(|_| Range::ALL).collect();
        Laid { plan, ranges, rows: bytes / 100, bytes }
    }

    proptest! {
        #[test]
        fn every_range_is_read_once_and_no_step_has_too_many(
            tables in prop::collection::vec((0..4_u32, 0..12_u64 << 20), 0..300)
        ) {
            let tables: Vec<Laid> =
                tables.iter().enumerate().map(|(at, (many, bytes))| laid(&format!("t{at}"), *many, *bytes)).collect();
            let steps = pieces(&tables);
            let mut read = vec![0; tables.len()];
            for (pieces, numbers) in &steps {
                prop_assert!(!pieces.is_empty() && numbers.len() <= MOST);
                prop_assert!(numbers.is_empty() && pieces.len() == 1 || numbers.len() == pieces.len());
                let bytes: u64 = numbers.iter().map(|&at| tables[usize::try_from(at).unwrap()].bytes).sum();
                prop_assert!(bytes <= SMALL_BYTES);
                pieces.iter().for_each(|piece| read[usize::try_from(piece.table).unwrap()] += 1);
            }
            for (table, read) in tables.iter().zip(read) {
                prop_assert_eq!(table.ranges.len(), read);
            }
        }
    }

    #[test]
    fn a_database_without_a_row_is_a_manifest_alone() {
        let growth = growth(vec![laid("union", 0, 0)]).expect("it is laid out");
        let kinds: Vec<StepKind> = growth.steps.iter().map(|step| step.kind).collect();
        assert_eq!(kinds, [StepKind::DumpEnd]);
    }
}
