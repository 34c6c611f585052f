//! Jobs and how they are shown.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta};
use longshore_shared::domain::actor::Actor;
use longshore_shared::domain::id::{JobId, OrgId, StepId, TokenId};
use longshore_shared::domain::job::{Ending, Job, JobSpec, JobState};
use longshore_shared::domain::step::{Counts, StepKind, TableMode};
use longshore_shared::domain::sync::{ConflictPolicy, Selection, SyncSpec};
use longshore_shared::store::step_reports::{KindSum, StepUnderWay};
use serde_json::{Value, json};
use uuid::Uuid;

use super::super::table::tests::table;
use super::{JobSnapshot, JobView, Live};

fn snapshot(state: JobState) -> JobSnapshot {
    let begun = DateTime::UNIX_EPOCH;
    let job = Job {
        org_id: OrgId(Uuid::nil()),
        id: JobId(Uuid::nil()),
        state,
        subject: None,
        name: "nightly".to_owned(),
        source_id: None,
        source_name: None,
        target_id: None,
        target_name: None,
        spec: JobSpec::Sync(SyncSpec::new(Selection::Full, ConflictPolicy::SourceFirst)),
        requested_by: Actor::token(TokenId(Uuid::nil()), "ci"),
        due_at: None,
        queued_behind: None,
        ending: None,
        warnings: Vec::new(),
        failure: None,
        created_at: begun,
        started_at: (state != JobState::Pending).then_some(begun),
        ended_at: state.is_final().then_some(begun + TimeDelta::seconds(4)),
    };
    let phases = vec!["copy orders".to_owned()];
    let (tables, workers) = (vec![table(TableMode::Fill, 6, 5)], vec![("one".to_owned(), 5)]);
    let (running, kinds) = (vec![held(1, StepKind::Copy, 2)], Vec::new());
    JobSnapshot { job, tables, rest: Vec::new(), running, kinds, phases, workers, waiting_for: None }
}

fn held(id: u128, kind: StepKind, attempt: i32) -> StepUnderWay {
    let (id, stage) = (StepId(Uuid::from_u128(id)), format!("{kind} orders"));
    StepUnderWay { id, kind, attempt, table_number: Some(0), stage, seconds: 0.0 }
}

fn live(reports: &[(u128, i32, i64)], rate: Option<(f64, f64)>) -> Live {
    let counts = |rows| Counts { rows, bytes: rows * 10, inserted: rows, ..Counts::default() };
    let steps: HashMap<_, _> = reports
        .iter()
        .map(|(id, attempt, rows)| (StepId(Uuid::from_u128(*id)), (*attempt, counts(*rows))))
        .collect();
    Live { steps, rate }
}

fn shown(snapshot: JobSnapshot, live: &Live) -> Value {
    serde_json::to_value(JobView::of(snapshot, live)).unwrap()
}

#[test]
fn a_report_counts_only_while_its_step_runs_with_its_attempt() {
    let check = |running: Vec<StepUnderWay>, reports: &[(u128, i32, i64)], rows: i64| {
        let mut snapshot = snapshot(JobState::Running);
        snapshot.running = running;
        let shown = shown(snapshot, &live(reports, None));
        assert_eq!(shown["progress"]["rows_done"], rows, "{reports:?}");
        assert_eq!(shown["tables"][0]["rows_done"], rows);
        assert_eq!(shown["counts"]["inserted"], rows - 500);
    };
    check(vec![held(1, StepKind::Copy, 2)], &[], 500);
    check(vec![held(1, StepKind::Copy, 2)], &[(1, 2, 70)], 570);
    check(vec![held(1, StepKind::Copy, 2), held(2, StepKind::Copy, 1)], &[(1, 2, 70), (2, 1, 5)], 575);
    // an older attempt, a step that has ended, a verification
    check(vec![held(1, StepKind::Copy, 2)], &[(1, 1, 70)], 500);
    check(vec![], &[(1, 2, 70)], 500);
    check(vec![held(1, StepKind::Verify, 2)], &[(1, 2, 70)], 500);
}

#[test]
fn rates_and_the_time_that_is_left() {
    let check = |state: JobState, rate: Option<(f64, f64)>, expected: Value| {
        let progress = shown(snapshot(state), &live(&[], rate))["progress"].clone();
        let found = json!([progress["rows_per_second"], progress["seconds_left"]]);
        assert_eq!(found, expected, "{state} {rate:?}");
    };
    check(JobState::Pending, None, json!([null, null]));
    // Nothing was seen lately: 500 rows in ten seconds are known.
    check(JobState::Running, None, json!([null, 10.0]));
    check(JobState::Running, Some((0.0, 0.0)), json!([0.0, 10.0]));
    check(JobState::Running, Some((100.0, 5.0)), json!([100.0, 5.0]));
    // of an ended job the whole time counts: 500 rows in 4 seconds
    check(JobState::Completed, Some((9.0, 9.0)), json!([125.0, null]));
}

#[test]
fn n22_the_phase_is_what_workers_have_in_hand() {
    let check = |state: JobState, ending: Option<Ending>, in_hand: &[&str], open: &[&str], expected: &str| {
        let mut snapshot = snapshot(state);
        snapshot.job.ending = ending;
        let step = |stage: &&str| StepUnderWay { stage: (*stage).to_owned(), ..held(1, StepKind::Copy, 1) };
        snapshot.running = in_hand.iter().map(step).collect();
        snapshot.phases = open.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(shown(snapshot, &Live::default())["progress"]["phase"], expected);
    };
    check(JobState::Pending, None, &[], &["plan"], "waiting for a worker");
    check(JobState::Running, None, &["plan"], &["plan"], "plan");
    // Others may be begun and wait for a worker: they are not what is being done.
    let open = ["copy a", "copy b", "index c", "verify d"];
    check(JobState::Running, None, &["index c"], &open, "index c");
    check(JobState::Running, None, &["copy a", "copy a", "copy b"], &open, "copy a, copy b");
    check(JobState::Running, None, &open, &open, "copy a, copy b and 2 more");
    check(JobState::Running, None, &[], &open, "next: copy a");
    check(JobState::Running, None, &[], &[], "going on");
    check(JobState::Running, Some(Ending::Cancelled), &["copy a"], &[], "stopping (cancelled)");
    check(JobState::Cancelled, Some(Ending::Cancelled), &["copy a"], &[], "cancelled");
}

fn sums(kinds: &[(StepKind, i64, i64)]) -> Vec<KindSum> {
    let sum = |(kind, total, done): &(StepKind, i64, i64)| {
        let table_number = (*kind != StepKind::ForeignKeys).then_some(0);
        KindSum { table_number, kind: *kind, total: *total, done: *done }
    };
    kinds.iter().map(sum).collect()
}

#[test]
fn n22_tables_count_as_loaded_indexed_verified() {
    use StepKind::{Copy, Index, Prune, Reconcile, Verify};
    let check = |mode, done: i64, kinds: &[(StepKind, i64, i64)], verified: bool, expected: [i64; 4]| {
        let mut snapshot = snapshot(JobState::Running);
        snapshot.tables = vec![table(mode, done, done)];
        let counts = json!({"result": "equal", "policy": "exact", "source_rows": 1, "target_rows": 1,
            "extra_rows": 0, "skipped_rows": 0});
        snapshot.tables[0].verified = verified.then(|| serde_json::from_value(counts).unwrap());
        snapshot.kinds = sums(kinds);
        let progress = shown(snapshot, &Live::default())["progress"].clone();
        let found =
            ["loaded", "indexed", "verified", "done"].map(|word| progress[format!("tables_{word}")].clone());
        assert_eq!(json!(found), json!(expected), "{mode} {done} {kinds:?}");
    };
    let fill = TableMode::Fill;
    check(fill, 5, &[(Copy, 10, 5), (Index, 1, 0), (Verify, 1, 0)], false, [0, 0, 0, 0]);
    check(fill, 10, &[(Copy, 10, 10), (Index, 1, 0), (Verify, 1, 0)], false, [1, 0, 0, 0]);
    check(fill, 10, &[(Copy, 10, 10), (Index, 1, 1), (Verify, 1, 0)], false, [1, 1, 0, 0]);
    check(fill, 10, &[(Copy, 10, 10), (Verify, 1, 0)], false, [1, 1, 0, 0]);
    check(fill, 11, &[(Copy, 10, 10), (Index, 1, 1), (Verify, 1, 1)], true, [1, 1, 1, 1]);
    // What comes before and after the rows of a comparison is part of the rows.
    check(TableMode::Diff, 10, &[(Prune, 2, 1), (Copy, 10, 10), (Verify, 1, 0)], false, [0, 0, 0, 0]);
    check(TableMode::Diff, 10, &[(Copy, 10, 10), (Reconcile, 1, 0), (Verify, 1, 0)], false, [0, 0, 0, 0]);
    // A job whose steps were deleted, and a table that is refused.
    check(fill, 11, &[], true, [1, 1, 1, 1]);
    check(fill, 10, &[], false, [1, 0, 0, 0]);
    check(TableMode::Refused, 10, &[], false, [0, 0, 0, 0]);
}

#[test]
fn n22_the_estimate_covers_what_comes_after_the_rows() {
    use StepKind::{Copy, ForeignKeys, Index, Verify};
    let left = |done: i64, kinds: &[(StepKind, i64, i64)], in_hand: Option<(StepKind, f64)>| {
        let mut snapshot = snapshot(JobState::Running);
        snapshot.tables = vec![table(TableMode::Fill, done, done)];
        snapshot.kinds = sums(kinds);
        snapshot.running =
            in_hand.map(|(kind, seconds)| StepUnderWay { seconds, ..held(1, kind, 1) }).into_iter().collect();
        shown(snapshot, &Live::default())["progress"]["seconds_left"].as_f64()
    };
    // 1,000 rows in all; they took ten seconds so far.
    let copying = [(Copy, 10, 5), (Index, 1, 0), (ForeignKeys, 1, 0), (Verify, 1, 0)];
    assert_eq!(left(5, &copying, None), Some(10.0 + 6.0 + 1.0 + 4.0));
    let indexing = [(Copy, 10, 10), (Index, 1, 0), (ForeignKeys, 1, 0), (Verify, 1, 0)];
    assert_eq!(left(10, &indexing, None), Some(3.0 + 0.5 + 2.0));
    assert_eq!(left(10, &indexing, Some((Index, 1.0))), Some(2.0 + 0.5 + 2.0), "it goes down meanwhile");
    assert_eq!(left(10, &indexing, Some((Index, 60.0))), Some(0.3 + 0.5 + 2.0), "and never to nothing");
    let verifying = [(Copy, 10, 10), (Index, 1, 1), (ForeignKeys, 1, 1), (Verify, 4, 3)];
    assert_eq!(left(10, &verifying, None), Some(0.5));
    assert_eq!(left(11, &[(Copy, 10, 10), (Verify, 1, 1)], None), None, "nothing is left");
    assert_eq!(left(0, &copying, None), None, "nothing is known yet");
}

#[test]
fn a_queued_run_says_what_it_waits_for() {
    let mut snapshot = snapshot(JobState::Pending);
    snapshot.job.queued_behind = Some(JobId(Uuid::from_u128(7)));
    let shown = shown(snapshot.clone(), &Live::default());
    let expected = json!({"reason": "run_in_progress", "job_id": "00000000-0000-0000-0000-000000000007"});
    assert_eq!(shown["waiting_for"], expected);
    assert_eq!(shown["progress"]["phase"], "waiting for the run before it");
    snapshot.job.state = JobState::Cancelled;
    assert!(super::JobView::of(snapshot, &Live::default()).summary.waiting_for.is_none());
}

#[test]
fn the_whole_view_is_as_promised() {
    let shown = shown(snapshot(JobState::Running), &live(&[(1, 2, 70)], Some((100.0, 1_000.0))));
    assert_eq!(
        shown,
        json!({
            "id": "00000000-0000-0000-0000-000000000000", "kind": "sync", "state": "running",
            "more_tables": 0, "name": "nightly", "task_id": null, "source_id": null, "source_name": null, "target_id": null,
            "target_name": null, "trigger": "person",
            "requested_by": {"kind": "token", "id": "00000000-0000-0000-0000-000000000000", "name": "ci"},
            "spec": {"mode": "full", "tables": [], "exclude": [], "where": {}, "where_time_zone": "UTC",
                "policy": "source_first", "delete_extra": false, "max_delete_percent": 50, "keyless": "refuse",
                "target_triggers": "refuse", "on_mismatch": "fail", "target_busy": "wait",
                "confirm_deletes": false},
            "created_at": "1970-01-01T00:00:00Z", "started_at": "1970-01-01T00:00:00Z", "ended_at": null,
            "seconds": null, "warnings": [],
            "counts": {"inserted": 70, "updated": 0, "deleted": 0, "unchanged": 0, "skipped": 0},
            "progress": {"rows_done": 570, "rows_total": 1000, "bytes_done": 5700, "bytes_total": 10000,
                "tables_done": 0, "tables_loaded": 0, "tables_indexed": 0, "tables_verified": 0, "tables_total": 1, "rows_per_second": 100.0, "bytes_per_second": 1000.0,
                "seconds_left": 4.3, "phase": "copy orders"},
            "tables": [{"name": "orders", "mode": "fill", "state": "running", "rows_total": 1000,
                "rows_done": 570, "bytes_total": 10000, "bytes_done": 5700,
                "counts": {"inserted": 70, "updated": 0, "deleted": 0, "unchanged": 0, "skipped": 0},
                "workers": ["one"], "chunks_total": 10, "chunks_done": 5, "seconds": null,
                "rows_per_second": 57.0, "seconds_left": 7.5}],
            "workers": [{"name": "one", "chunks": 5}],
        })
    );
}
