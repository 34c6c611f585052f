//! From planned tables to stages and steps; pure.
//!
//! First the point of the source is fixed that all readers see. A table's stages follow each other:
//! `prune` (what is to go is counted, then it goes), rows (`copy`, `diff` or `replace`),
//! `reconcile`, `index`, which the one step that loads a small table does as well. Many small tables travel
//! together instead, and are verified on the way (`grouping`). Then come, once
//! for the job, the foreign keys, and then each table's `verify`, of a large one after its parts. Row steps of all tables are mixed evenly, the biggest table first:
//! neighbours in the order run at the same time, and two loads into one AUTO_INCREMENT
//! table would wait for each other.

use std::collections::HashSet;

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::step::{Growth, StageDraft, StepDraft, StepKind, TableDraft, TableMode};
use serde_json::{Value, json};

use super::bystanders::Bystanders;
use super::grouping::{self, is_small};
use crate::engine::shape::Range;
use crate::steps::attempt::written;
use crate::steps::snapshot::SnapshotPayload;
use crate::steps::sync::table::{
    Bystander, CopyPayload, KeysPayload, Newcomer, PrunePayload, RangePayload, ReplacePayload, TablePlan,
    TogetherPayload, VerifyPayload,
};

/// Ranges that one step verifies: reading them on both sides takes about as long as it takes to
/// load one.
const COMPARED_TOGETHER: usize = 8;

/// A table, ready to be laid out.
pub(super) struct Laid {
    /// Its line in the job.
    pub(super) draft: TableDraft,
    /// Its plan, unless it is refused.
    pub(super) plan: Option<TablePlan>,
    /// The source's ranges.
    pub(super) ranges: Vec<Range>,
    /// The target's ranges, where its own rows are deleted.
    pub(super) prune_ranges: Vec<Range>,
}

/// All that the plan adds to the job.
pub(super) fn growth(
    tables: Vec<Laid>,
    Bystanders { found, newcomers, folds }: Bystanders,
    sequences: Vec<String>,
) -> Result<Growth, Failure> {
    let mut stages = Stages::default();
    let snapshot = stages.add("snapshot", None);
    let counted = found.iter().any(|one| one.endangered);
    let guarded = guard(&tables, (&found, newcomers), &mut stages, snapshot)?;
    let begin = Begin { stage: guarded.as_ref().map_or(snapshot, |(stage, _)| *stage), counted };
    let outside: Vec<Bystander> = found.into_iter().filter(|one| one.own.is_none()).collect();
    let groups = grouping::groups(&tables, &outside, begin.counted);
    let travels: HashSet<usize> = groups.iter().flatten().copied().collect();
    let mut queues = Vec::with_capacity(tables.len());
    for (_, table) in tables.iter().enumerate().filter(|(at, _)| !travels.contains(at)) {
        let bystanders = outside.iter().filter(|one| one.parent == table.draft.number);
        let bystanders: Vec<Bystander> = bystanders.cloned().collect();
        queues.push(rows(table, &mut stages, begin, &bystanders)?);
    }
    let last: Vec<Option<i32>> = queues.iter().map(|queue| queue.steps.last().map(|s| s.stage)).collect();
    let together = together(&tables, &groups, &mut stages, begin)?;
    let rows_end: Vec<i32> =
        last.iter().flatten().copied().chain(together.iter().filter_map(Queue::stage)).collect();
    queues.extend(together);
    let mut steps = guarded.map(|(_, steps)| steps).unwrap_or_default();
    steps.extend(mixed(queues));
    let plans = || tables.iter().filter_map(|table| table.plan.as_ref());
    let constrained = plans().any(TablePlan::is_constrained);
    let mut proven = None;
    let proves = constrained || !outside.is_empty();
    if proves || !sequences.is_empty() {
        let name = if proves { "foreign keys" } else { "sequences" };
        let waits_for = rows_end;
        // Where nothing is written there is the snapshot to wait for.
        let first = waits_for.is_empty().then_some(snapshot);
        let stage = stages.add(name, waits_for.into_iter().chain(first));
        let payload = KeysPayload { bystanders: outside, folds, sequences, ..KeysPayload::default() };
        steps.push(step(stage, StepKind::ForeignKeys, None, written(&payload)?));
        proven = Some(stage);
    }
    let alone = tables.iter().enumerate().filter(|(at, _)| !travels.contains(at)).map(|(_, table)| table);
    for (table, last) in alone.zip(last).filter(|(table, _)| table.plan.is_some()) {
        let mut last = proven.or(last).or(Some(snapshot));
        let (name, number) = (&table.draft.name, Some(table.draft.number));
        let parts = compared_apart(table);
        if !parts.is_empty() {
            let stage = stages.add(&format!("compare {name}"), last);
            last = Some(stage);
            for part in parts {
                let payload = written(&VerifyPayload { part: Some(part) })?;
                steps.push(step(stage, StepKind::Verify, number, payload));
            }
        }
        let stage = stages.add(&format!("verify {name}"), last);
        steps.push(step(stage, StepKind::Verify, number, json!({})));
    }
    let reading = steps.iter().filter(|step| step.affine).count();
    if reading > 0 {
        let payload = SnapshotPayload { steps: u32::try_from(reading).unwrap_or(u32::MAX) };
        steps.insert(0, step(snapshot, StepKind::Snapshot, None, written(&payload)?));
    }
    let draft = |table: Laid| {
        let plan = table.plan.as_ref().map(written).transpose()?.unwrap_or_default();
        Ok(TableDraft { plan, ..table.draft })
    };
    let tables = tables.into_iter().map(draft).collect::<Result<_, Failure>>()?;
    Ok(Growth { tables, stages: stages.0, steps })
}

/// Parts of a loaded table that are verified by steps of their own; none if it is small. A range of
/// a table whose key both sides order alike is the same rows there.
fn compared_apart(table: &Laid) -> Vec<Range> {
    let is_loaded = |plan: &TablePlan| {
        matches!(plan.mode, TableMode::Create | TableMode::Fill)
            && plan.shape.key.as_ref().is_some_and(|key| key.same_order)
    };
    if table.ranges.len() <= COMPARED_TOGETHER || !table.plan.as_ref().is_some_and(is_loaded) {
        return Vec::new();
    }
    let ends = |ranges: &[Range]| {
        let (first, last) = (ranges.first()?, ranges.last()?);
        Some(Range { from: first.from.clone(), to: last.to.clone() })
    };
    table.ranges.chunks(COMPARED_TOGETHER).filter_map(ends).collect()
}

/// The stages so far; numbers begin with 1, the plan itself is stage 0.
#[derive(Default)]
struct Stages(Vec<StageDraft>);

impl Stages {
    fn add(&mut self, name: &str, waits_for: impl IntoIterator<Item = i32>) -> i32 {
        let number = i32::try_from(self.0.len() + 1).unwrap_or(i32::MAX);
        let waits_for = waits_for.into_iter().collect();
        self.0.push(StageDraft { number, name: name.to_owned(), waits_for });
        number
    }
}

/// A table's steps up to its indexes, in their order.
struct Queue {
    bytes: i64,
    steps: Vec<StepDraft>,
}

impl Queue {
    /// The stage of its last step.
    fn stage(&self) -> Option<i32> {
        self.steps.last().map(|step| step.stage)
    }
}

/// The steps of the tables that travel together, all of one stage.
fn together(
    tables: &[Laid],
    groups: &[Vec<usize>],
    stages: &mut Stages,
    begin: Begin,
) -> Result<Option<Queue>, Failure> {
    if groups.is_empty() {
        return Ok(None);
    }
    let stage = stages.add("small tables", Some(begin.stage));
    let mut queue = Queue { bytes: 0, steps: Vec::with_capacity(groups.len()) };
    for group in groups {
        let numbers: Vec<i32> = group.iter().map(|&at| tables[at].draft.number).collect();
        queue.bytes += group.iter().map(|&at| tables[at].draft.bytes_total).sum::<i64>();
        let payload = written(&TogetherPayload { tables: numbers.clone() })?;
        queue.steps.push(StepDraft { tables: numbers, ..step(stage, StepKind::Together, None, payload) });
    }
    Ok(Some(queue))
}

/// Where rows that stay may lose parents, what goes of each table is counted before
/// anything of any is written, and then what they would lose; and, where rows may come without
/// parents, how many. Answers the last stage and the steps.
fn guard(
    tables: &[Laid],
    (bystanders, newcomers): (&[Bystander], Vec<Newcomer>),
    stages: &mut Stages,
    snapshot: i32,
) -> Result<Option<(i32, Vec<StepDraft>)>, Failure> {
    let bystanders: Vec<Bystander> = bystanders.iter().filter(|one| one.endangered).cloned().collect();
    if bystanders.is_empty() && newcomers.is_empty() {
        return Ok(None);
    }
    let (mut counting, mut steps) = (vec![snapshot], Vec::new());
    let goes = |table: &&Laid| !bystanders.is_empty() && !table.prune_ranges.is_empty();
    for table in tables.iter().filter(goes) {
        let stage = stages.add(&format!("{} {}", StepKind::Prune, table.draft.name), Some(snapshot));
        counting.push(stage);
        let number = Some(table.draft.number);
        for payload in prunes(table, true)? {
            steps.push(step(stage, StepKind::Prune, number, payload));
        }
    }
    let stage = stages.add("children and parents", counting);
    let payload = written(&KeysPayload { bystanders, newcomers, before: true, ..KeysPayload::default() })?;
    steps.push(step(stage, StepKind::ForeignKeys, None, payload));
    Ok(Some((stage, steps)))
}

fn prunes(table: &Laid, counts: bool) -> Result<Vec<Value>, Failure> {
    let payload = |range: &Range| written(&PrunePayload { range: range.clone(), counts });
    table.prune_ranges.iter().map(payload).collect()
}

/// What a table's rows wait for.
#[derive(Clone, Copy)]
struct Begin {
    stage: i32,
    /// What goes is counted by then.
    counted: bool,
}

fn rows(table: &Laid, stages: &mut Stages, begin: Begin, bystanders: &[Bystander]) -> Result<Queue, Failure> {
    let mut queue = Queue { bytes: table.draft.bytes_total, steps: Vec::new() };
    let Some(plan) = table.plan.as_ref().filter(|plan| plan.is_written() || plan.is_indexed()) else {
        return Ok(queue);
    };
    let (name, number) = (&table.draft.name, table.draft.number);
    let mut last = Some(begin.stage);
    let mut stage = |kind: StepKind, payloads: Vec<Value>| {
        let stage = stages.add(&format!("{kind} {name}"), last);
        last = Some(stage);
        queue.steps.extend(payloads.into_iter().map(|payload| step(stage, kind, Some(number), payload)));
    };
    if !plan.is_written() {
        stage(StepKind::Index, vec![json!({})]);
        return Ok(queue);
    }
    if !table.prune_ranges.is_empty() {
        if !begin.counted {
            stage(StepKind::Prune, prunes(table, true)?);
        }
        stage(StepKind::Prune, prunes(table, false)?);
    }
    let finishes = moving(plan.mode) == StepKind::Copy && is_small(table, plan);
    let moved = table.ranges.iter().cloned().map(|range| match moving(plan.mode) {
        StepKind::Replace => written(&ReplacePayload { bystanders: bystanders.to_vec() }),
        StepKind::Copy => written(&CopyPayload { range, finishes }),
        _ => written(&RangePayload { range }),
    });
    stage(moving(plan.mode), moved.collect::<Result<_, _>>()?);
    if plan.mode == TableMode::Diff && plan.can_clash() {
        stage(StepKind::Reconcile, vec![json!({})]);
    }
    if plan.is_indexed() && !finishes {
        stage(StepKind::Index, vec![json!({})]);
    }
    Ok(queue)
}

/// The step that moves the rows of a table in this mode.
const fn moving(mode: TableMode) -> StepKind {
    match mode {
        TableMode::Create | TableMode::Fill => StepKind::Copy,
        TableMode::Replace => StepKind::Replace,
        TableMode::Diff | TableMode::Equal | TableMode::Refused | TableMode::Dump => StepKind::Diff,
    }
}

fn step(stage: i32, kind: StepKind, table_number: Option<i32>, payload: Value) -> StepDraft {
    // It reads the job's snapshot.
    let affine = kind.traits().reads_source;
    StepDraft { stage, kind, table_number, tables: Vec::new(), payload, affine }
}

/// Mixes the tables' steps: each table's are spread evenly over the whole, the biggest
/// table's first among equals; each keeps its own order.
fn mixed(queues: Vec<Queue>) -> Vec<StepDraft> {
    let mut placed: Vec<(u64, i64, StepDraft)> = Vec::new();
    for queue in queues {
        let many = u64::try_from(queue.steps.len()).unwrap_or(u64::MAX).max(1);
        placed.extend(queue.steps.into_iter().zip(0u64..).map(|(step, at)| {
            // Where the middle of its share lies, in millionths of the whole.
            ((2 * at + 1) * 500_000 / many, -queue.bytes, step)
        }));
    }
    placed.sort_by_key(|(place, size, step)| (*place, *size, step.table_number));
    placed.into_iter().map(|(_, _, step)| step).collect()
}
