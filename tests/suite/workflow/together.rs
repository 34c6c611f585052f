//! Tables that travel together: what came of each stands with it, whatever became of the step.

use longshore_shared::domain::failure::Failure;
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::job::JobState;
use longshore_shared::domain::step::{
    Counts, Finding, Growth, Outcome, Owed, Remains, StageDraft, StepDraft, StepKind, TableDraft, TableMode,
    TableState, Travelled, Verified, VerifyPolicy, VerifyResult,
};
use longshore_shared::store::job_tables::{self, TableProgress};
use longshore_shared::workflow::{claim, settle};
use serde_json::json;

use super::bench::{Bench, permanent, transient};

const GROUPS: i32 = 4;
const EACH: i32 = 150;

/// So many groups, of one stage.
fn growth() -> Growth {
    let mut growth = Growth::default();
    growth.stages.push(StageDraft { number: 1, name: "small tables".to_owned(), waits_for: vec![] });
    for group in 0..GROUPS {
        let tables: Vec<i32> = (group * EACH..(group + 1) * EACH).collect();
        growth.tables.extend(tables.iter().map(|number| TableDraft {
            number: *number,
            name: format!("t{number}"),
            mode: TableMode::Create,
            plan: json!({}),
            rows_total: 8,
            bytes_total: 80,
            failure: None,
            owes: Owed::default(),
        }));
        growth.steps.push(StepDraft {
            stage: 1,
            kind: StepKind::Together,
            table_number: None,
            tables,
            payload: json!({}),
            affine: false,
        });
    }
    growth
}

fn came(number: i32, done: bool) -> Travelled {
    let equal = Verified {
        result: VerifyResult::Equal,
        policy: VerifyPolicy::Exact,
        source_rows: 10,
        target_rows: 10,
        extra_rows: 0,
        skipped_rows: 0,
    };
    let counts = Counts { rows: 10, bytes: 100, inserted: 10, ..Counts::default() };
    Travelled { number, counts, done, wrote: true, seconds: 0.5, verified: done.then_some(equal) }
}

async fn tables(bench: &Bench, job: JobId, most: i64) -> Vec<TableProgress> {
    let mut tx = bench.database.system().await.unwrap();
    let found = job_tables::progress(tx.conn(), bench.org, job, most).await;
    tx.commit().await.unwrap();
    found.unwrap()
}

fn states(tables: &[TableProgress], job: JobState) -> [usize; 4] {
    let many = |state| tables.iter().filter(|table| table.standing().state(job) == state).count();
    [TableState::Completed, TableState::Partial, TableState::Pending, TableState::Failed].map(many)
}

/// The first group is done, the second with one that fails, the third is stopped in its middle, the fourth is not begun.
#[tokio::test]
async fn s13_each_table_stands_for_itself() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth()).await;
    let announced = bench.steps(job, "announced").await;
    let mut steps = Vec::new();
    for step in announced.into_iter().take(3) {
        steps.extend(bench.claim(step, worker).await);
    }
    let outcome = |from: i32, findings: Vec<Finding>, tables: i32| Outcome {
        tables: (from..from + tables).map(|number| came(number, true)).collect(),
        findings,
        ..Outcome::default()
    };
    settle::done(&bench.database, &steps[0], &outcome(0, Vec::new(), EACH)).await.unwrap();
    let failure: Failure = permanent();
    let fails = vec![Finding::FailedTable { number: 2 * EACH - 1, failure }];
    settle::done(&bench.database, &steps[1], &outcome(EACH, fails, EACH - 1)).await.unwrap();
    // What an attempt could tell is kept, whatever becomes of the step.
    let remains =
        Remains { tables: vec![came(2 * EACH, true), came(2 * EACH + 1, false)], ..Remains::default() };
    settle::failed(&bench.database, &steps[2], &transient(), &[], &remains, "w").await.unwrap();

    let most = i64::from(GROUPS * EACH);
    let (done, each) = (usize::try_from(2 * EACH).unwrap(), usize::try_from(EACH).unwrap());
    let all = tables(&bench, job, most).await;
    assert_eq!(all.len(), done * 2);
    assert_eq!(states(&all, JobState::Cancelled), [done, 1, 2 * each - 2, 1]);
    assert_eq!(all[0].workers.len(), 1);
    assert_eq!((all[0].counts, all[0].seconds), (came(0, true).counts, Some(0.5)));

    // Of some the others are summed up, and together they are all.
    let some = tables(&bench, job, 10).await;
    assert_eq!((some.len(), some.iter().filter(|table| table.failure.is_some()).count()), (10, 1));
    let shown: Vec<i32> = some.iter().map(|table| table.number).collect();
    let mut tx = bench.database.system().await.unwrap();
    let sums = job_tables::sums(tx.conn(), bench.org, job, &shown).await.unwrap();
    let tables_of = |state| {
        let sums = sums.iter().filter(|sum| sum.standing.state(JobState::Cancelled) == state);
        sums.map(|sum| usize::try_from(sum.tables).unwrap()).sum::<usize>()
    };
    let [completed, partial, pending, failed] = states(&some, JobState::Cancelled);
    assert_eq!(completed + tables_of(TableState::Completed), done);
    assert_eq!(partial + tables_of(TableState::Partial), 1);
    assert_eq!(pending + tables_of(TableState::Pending), 2 * each - 2);
    assert_eq!(failed + tables_of(TableState::Failed), 1);
    let rows: i64 = sums.iter().map(|sum| sum.rows_total).sum::<i64>();
    let shown_rows: i64 =
        some.iter()
            .map(|table| {
                if table.steps_done == 1 {
                    table.counts.rows
                } else {
                    table.rows_total.max(table.counts.rows)
                }
            })
            .sum();
    assert_eq!(rows + shown_rows, i64::from(2 * EACH) * 10 + 10 + i64::from(2 * EACH - 1) * 8);

    // Pages hold each table once.
    let (mut after, mut seen) = (-1, 0);
    loop {
        let page = job_tables::page(tx.conn(), bench.org, job, after, 200).await.unwrap();
        let Some(last) = page.last() else { break };
        (after, seen) = (last.number, seen + page.len());
    }
    assert_eq!(seen, all.len());
    // Only what is unfinished is done again.
    let numbers: Vec<i32> = (2 * EACH..3 * EACH).collect();
    let left = job_tables::unfinished(tx.conn(), bench.org, job, &numbers).await.unwrap();
    assert_eq!(left.len(), each - 1);
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn s13_what_a_worker_took_with_it_may_have_been_written() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth()).await;
    let first = bench.steps(job, "announced").await.remove(0);
    let step = bench.claim(first, worker).await.unwrap();
    let remains = Remains { wrote: true, ..Remains::default() };
    claim::hand_back(&bench.database, &step.lease, &remains).await.unwrap();
    let all = tables(&bench, job, i64::from(GROUPS * EACH)).await;
    let each = usize::try_from(EACH).unwrap();
    assert_eq!(states(&all, JobState::Cancelled), [0, each, 3 * each, 0]);
}
