//! A table that fails alone: the job goes on without it, whatever of it is on its way.

use longshore_shared::domain::failure::{Failure, FailureCode};
use longshore_shared::domain::step::{
    Finding, Growth, Outcome, Owed, Remains, StageDraft, StepDraft, StepKind, TableDraft, TableMode,
};
use longshore_shared::domain::sync::OnMismatch;
use longshore_shared::workflow::settle::{self, Settled};
use serde_json::json;

use super::bench::{Bench, permanent};

const TABLES: i32 = 3;
const KEYS: i32 = 2 + 2 * TABLES;

/// One step first, then each table's copies and its index, one step for all, each table's verification.
fn growth() -> Growth {
    let mut growth = Growth::default();
    let stage = |growth: &mut Growth, number: i32, waits_for: Vec<i32>, kind, table_number, steps: usize| {
        growth.stages.push(StageDraft { number, name: format!("stage {number}"), waits_for });
        let step = StepDraft {
            stage: number,
            kind,
            table_number,
            tables: vec![],
            payload: json!({}),
            affine: false,
        };
        growth.steps.extend(std::iter::repeat_n(step, steps));
    };
    stage(&mut growth, 1, vec![], StepKind::Snapshot, None, 1);
    for table in 0..TABLES {
        growth.tables.push(TableDraft {
            number: table,
            name: format!("t{table}"),
            mode: TableMode::Create,
            plan: json!({}),
            rows_total: 0,
            bytes_total: 0,
            failure: None,
            owes: Owed::default(),
        });
        let copies = 2 + 2 * table;
        stage(&mut growth, copies, vec![1], StepKind::Copy, Some(table), 3);
        stage(&mut growth, copies + 1, vec![copies], StepKind::Index, Some(table), 1);
    }
    let before = (0..TABLES).map(|table| 3 + 2 * table).collect();
    stage(&mut growth, KEYS, before, StepKind::ForeignKeys, None, 1);
    for table in 0..TABLES {
        stage(&mut growth, KEYS + 1 + table, vec![KEYS], StepKind::Verify, Some(table), 1);
    }
    growth
}

/// Does the job's steps, one or all that are announced at a time; the first one of each of these kinds and tables
/// fails, the others are done.
async fn run(bench: &Bench, fails: &[(StepKind, i32)], together: bool, failure: &Failure) -> uuid::Uuid {
    let (job, worker) = bench.planned(growth()).await;
    let mut left = fails.to_vec();
    loop {
        let mut announced = bench.steps(job, "announced").await;
        announced.truncate(if together { usize::MAX } else { 1 });
        let mut claimed = Vec::new();
        for step in announced {
            claimed.extend(bench.claim(step, worker).await);
        }
        if claimed.is_empty() {
            return job.0;
        }
        for step in claimed {
            let at =
                left.iter().position(|(kind, table)| (step.kind, step.table_number) == (*kind, Some(*table)));
            let Some(at) = at else {
                settle::done(&bench.database, &step, &Outcome::default()).await.unwrap();
                continue;
            };
            left.remove(at);
            let remains = Remains::default();
            let settled = settle::failed(&bench.database, &step, failure, &[], &remains, "w").await.unwrap();
            assert!(matches!(settled, Settled::WithoutTable(_) | Settled::GivenUp), "{settled:?}");
        }
    }
}

#[tokio::test]
async fn n10_a_table_that_fails_takes_no_other_with_it() {
    use StepKind::{Copy, Index, Verify};
    let mut bench = Bench::new().await;
    bench.task.spec.on_mismatch = OnMismatch::Continue;
    let failure = permanent();
    for together in [false, true] {
        for fails in [
            &[(Copy, 0)][..],
            &[(Index, 1)],
            &[(Verify, 2)],
            &[(Copy, 0), (Copy, 1)],
            &[(Copy, 0), (Index, 1), (Verify, 2)],
            &[(Copy, 0), (Copy, 1), (Copy, 2)],
            &[(Index, 0), (Index, 1), (Index, 2)],
            &[],
        ] {
            let job = run(&bench, fails, together, &failure).await;
            let what = format!("{fails:?}, together {together}");
            let state = if fails.is_empty() { "completed" } else { "failed" };
            assert_eq!(bench.job_state(job.into()).await, state, "{what}");
            let failed = format!(
                "SELECT number FROM job_tables WHERE job_id = '{job}' AND failure IS NOT NULL ORDER BY 1"
            );
            let expected: Vec<i32> = fails.iter().map(|(_, table)| *table).collect();
            assert_eq!(bench.control.column::<i32>(&failed).await, expected, "{what}");
            let not_done = format!(
                "SELECT DISTINCT coalesce(table_number, -1) FROM steps WHERE job_id = '{job}' AND state <> 'done' ORDER BY 1"
            );
            assert_eq!(bench.control.column::<i32>(&not_done).await, expected, "{what}");
        }
    }
}

/// A step of the whole job gives tables up: what was to be done of them is not.
#[tokio::test]
async fn n10_tables_that_a_step_of_all_gives_up_take_no_other_with_them() {
    let mut bench = Bench::new().await;
    bench.task.spec.on_mismatch = OnMismatch::Continue;
    for given_up in [&[0][..], &[0, 2], &[0, 1, 2]] {
        let (job, worker) = bench.planned(growth()).await;
        let mut outcome = Outcome {
            findings: given_up
                .iter()
                .map(|number| Finding::FailedTable { number: *number, failure: permanent() })
                .collect(),
            ..Outcome::default()
        };
        loop {
            let announced = bench.steps(job, "announced").await;
            let Some(step) = announced.first() else { break };
            let step = bench.claim(*step, worker).await.unwrap();
            settle::done(&bench.database, &step, &std::mem::take(&mut outcome)).await.unwrap();
        }
        let job = job.0;
        assert_eq!(bench.job_state(job.into()).await, "failed", "{given_up:?}");
        let not_done = format!(
            "SELECT DISTINCT coalesce(table_number, -1) FROM steps WHERE job_id = '{job}' AND state <> 'done' ORDER BY 1"
        );
        assert_eq!(bench.control.column::<i32>(&not_done).await, given_up, "{given_up:?}");
    }
}

#[tokio::test]
async fn n10_a_server_that_fails_or_a_task_that_says_so_ends_the_job() {
    let mut bench = Bench::new().await;
    let lost = Failure::permanent(FailureCode::LoginRefused, "no");
    for (told, failure) in [(OnMismatch::Continue, lost), (OnMismatch::Fail, permanent())] {
        bench.task.spec.on_mismatch = told;
        let job = run(&bench, &[(StepKind::Copy, 0)], false, &failure).await;
        assert_eq!(bench.job_state(job.into()).await, "failed");
        let cancelled = format!(
            "SELECT count(DISTINCT table_number) FROM steps WHERE job_id = '{job}' AND state = 'cancelled'"
        );
        assert_eq!(bench.control.value::<i64>(&cancelled).await, i64::from(TABLES));
    }
}
