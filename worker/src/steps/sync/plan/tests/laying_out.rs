use std::collections::BTreeMap;

use longshore_shared::domain::step::{Growth, StepDraft, StepKind, TableDraft, TableMode};
use serde_json::Value;

use super::super::bystanders::Bystanders;
use super::super::fake::{index, plan, points_to, shape};
use super::super::layout::{Laid, growth};
use super::super::refuse::undecided;
use super::laid;
use crate::engine::children::Child;
use crate::engine::shape::TableShape;
use crate::steps::sync::table::{Bystander, TablePlan};

fn rich(name: &str) -> TableShape {
    TableShape { indexes: vec![index("code", true)], ..shape(name) }
}

/// Stages as `number:name<those it waits for`, and each one's number of steps.
fn stages(growth: &Growth) -> Vec<String> {
    let mut steps: BTreeMap<i32, usize> = BTreeMap::new();
    for step in &growth.steps {
        *steps.entry(step.stage).or_default() += 1;
    }
    growth
        .stages
        .iter()
        .map(|s| format!("{}:{}<{:?} x{}", s.number, s.name, s.waits_for, steps.get(&s.number).unwrap_or(&0)))
        .collect()
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn stages_of_every_mode() {
    let constrained =
        TablePlan { new_foreign_keys: vec![points_to("b")], ..plan(rich("a"), TableMode::Create) };
    let refused = Laid {
        draft: TableDraft {
            mode: TableMode::Refused,
            failure: Some(undecided()),
            ..laid(5, plan(shape("f"), TableMode::Refused), 0, 0).draft
        },
        plan: None,
        ranges: Vec::new(),
        prune_ranges: Vec::new(),
    };
    let tables = vec![
        laid(0, constrained, 2, 0),
        laid(1, plan(rich("b"), TableMode::Diff), 3, 2),
        laid(2, plan(shape("c"), TableMode::Diff), 1, 0),
        laid(3, plan(shape("d"), TableMode::Replace), 1, 0),
        laid(4, plan(shape("e"), TableMode::Equal), 0, 0),
        refused,
    ];
    let growth = growth(tables, Bystanders::default(), Vec::new()).unwrap();
    assert_eq!(
        stages(&growth),
        [
            "1:snapshot<[] x1",
            "2:copy a<[1] x2",
            "3:index a<[2] x1",
            "4:prune b<[1] x2",
            "5:prune b<[4] x2",
            "6:diff b<[5] x3",
            "7:reconcile b<[6] x1",
            "8:diff c<[1] x1",
            "9:replace d<[1] x1",
            "10:index d<[9] x1",
            "11:foreign keys<[3, 7, 8, 10] x1",
            "12:verify a<[11] x1",
            "13:verify b<[11] x1",
            "14:verify c<[11] x1",
            "15:verify d<[11] x1",
            "16:verify e<[11] x1",
        ]
    );
    assert_eq!(growth.tables.len(), 6);
    // Whatever reads the source reads the snapshot.
    for step in &growth.steps {
        let reads = !matches!(step.kind, StepKind::Snapshot | StepKind::Index);
        assert_eq!(step.affine, reads, "{}", step.kind);
    }
    assert_eq!(growth.steps[0].kind, StepKind::Snapshot);
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn what_others_would_lose_is_counted_before_anything_is_written() {
    let child = Child { schema: None, table: "other".to_owned(), key: points_to("a") };
    let bystander =
        |endangered, own| Bystander { child: child.clone(), parent: 0, own, orphans: 0, endangered };
    let tables = || {
        let (a, b) = (plan(shape("a"), TableMode::Diff), plan(shape("b"), TableMode::Create));
        vec![laid(0, a, 1, 2), laid(1, b, 1, 0)]
    };
    let grown = |bystander| {
        growth(tables(), Bystanders { found: vec![bystander], ..Bystanders::default() }, Vec::new()).unwrap()
    };
    let growth_of = |endangered| grown(bystander(endangered, None));
    let guarded = growth_of(true);
    assert_eq!(
        stages(&guarded),
        [
            "1:snapshot<[] x1",
            "2:prune a<[1] x2",
            "3:children and parents<[1, 2] x1",
            "4:prune a<[3] x2",
            "5:diff a<[4] x1",
            // One of a single range is indexed by the step that loads it.
            "6:copy b<[3] x1",
            "7:foreign keys<[5, 6] x1",
            "8:verify a<[7] x1",
            "9:verify b<[7] x1",
        ]
    );
    let before = |growth: &Growth| growth.steps.iter().filter(|step| step.payload["before"] == true).count();
    assert_eq!((before(&guarded), before(&growth_of(false))), (1, 0));
    assert_eq!(stages(&growth_of(false))[2], "3:prune a<[2] x2");
    // A table of the job is proven by its own foreign keys.
    let own = grown(bystander(true, Some(1)));
    assert_eq!(stages(&own)[..6], stages(&guarded)[..6]);
    assert_eq!(stages(&own)[6], "7:verify a<[5] x1");
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn without_foreign_keys_each_table_is_verified_as_soon_as_it_is_done() {
    let mut begun = plan(rich("begun"), TableMode::Diff);
    begun.new_indexes = vec![index("code", true)];
    let tables = vec![laid(0, begun, 1, 0), laid(1, plan(shape("equal"), TableMode::Equal), 0, 0)];
    let growth = growth(tables, Bystanders::default(), Vec::new()).unwrap();
    assert_eq!(
        stages(&growth),
        [
            "1:snapshot<[] x1",
            "2:diff begun<[1] x1",
            "3:reconcile begun<[2] x1",
            "4:index begun<[3] x1",
            "5:verify begun<[4] x1",
            "6:verify equal<[1] x1"
        ]
    );
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn the_tables_chunks_are_mixed() {
    let tables = vec![
        laid(0, plan(shape("small"), TableMode::Create), 2, 0),
        laid(1, plan(shape("big"), TableMode::Create), 8, 0),
    ];
    let growth = growth(tables, Bystanders::default(), Vec::new()).unwrap();
    let order: Vec<Option<i32>> =
        growth.steps.iter().filter(|s| s.kind == StepKind::Copy).map(|s| s.table_number).collect();
    assert_eq!(order.len(), 10);
    assert_eq!(order[0], Some(1), "the biggest table begins");
    let at: Vec<usize> = order.iter().enumerate().filter(|(_, t)| **t == Some(0)).map(|(at, _)| at).collect();
    assert!(at[0] >= 1 && at[0] <= 3 && at[1] >= 4 && at[1] <= 7, "{order:?}");
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn a_small_table_is_loaded_and_indexed_by_one_step() {
    let mut vast = laid(1, plan(rich("vast"), TableMode::Fill), 1, 0);
    vast.draft.bytes_total = 1 << 30;
    let tables = vec![laid(0, plan(rich("small"), TableMode::Create), 1, 0), vast];
    let growth = growth(tables, Bystanders::default(), Vec::new()).unwrap();
    assert_eq!(
        stages(&growth),
        [
            "1:snapshot<[] x1",
            "2:copy small<[1] x1",
            "3:copy vast<[1] x1",
            "4:index vast<[3] x1",
            "5:verify small<[2] x1",
            "6:verify vast<[4] x1"
        ]
    );
    let finishes = |step: &&StepDraft| step.payload.get("finishes") == Some(&Value::Bool(true));
    let finishing: Vec<_> = growth.steps.iter().filter(finishes).map(|step| step.stage).collect();
    assert_eq!(finishing, [2]);
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn a_large_table_is_verified_in_parts() {
    let large = plan(shape("large"), TableMode::Create);
    let growth = growth(vec![laid(0, large, 20, 0)], Bystanders::default(), Vec::new()).unwrap();
    assert_eq!(
        stages(&growth),
        [
            "1:snapshot<[] x1",
            "2:copy large<[1] x20",
            "3:index large<[2] x1",
            "4:compare large<[3] x3",
            "5:verify large<[4] x1"
        ]
    );
    let part = |step: &StepDraft| step.payload.get("part").cloned().unwrap_or_default();
    let parts: Vec<_> = growth.steps.iter().filter(|step| step.stage == 4).map(part).collect();
    assert!(parts.iter().all(|part| !part.is_null()), "{parts:?}");
}

#[test]
#[expect(clippy::unwrap_used, reason = "a test")]
fn n04_sequences_are_raised_after_the_last_row() {
    let tables = || {
        vec![
            laid(0, plan(shape("a"), TableMode::Fill), 2, 0),
            laid(1, plan(shape("b"), TableMode::Equal), 0, 0),
        ]
    };
    let grown = growth(tables(), Bystanders::default(), vec!["s".to_owned()]).unwrap();
    let stage = grown.stages.iter().find(|stage| stage.name == "sequences").unwrap();
    let rows =
        grown.steps.iter().filter(|step| step.table_number == Some(0) && step.kind != StepKind::Verify);
    let last = rows.map(|step| step.stage).max().unwrap();
    assert_eq!(stage.waits_for, [last]);
    let raising: Vec<_> = grown.steps.iter().filter(|step| step.kind == StepKind::ForeignKeys).collect();
    assert_eq!((raising.len(), raising[0].stage), (1, stage.number));
    assert_eq!(raising[0].payload["sequences"], serde_json::json!(["s"]));
    assert!(
        growth(tables(), Bystanders::default(), Vec::new())
            .unwrap()
            .stages
            .iter()
            .all(|stage| stage.name != "sequences")
    );
}
