//! Limits over the whole fleet: whatever happens, no more steps are out than they let, and
//! everything comes to its end.

use futures::future::join_all;
use longshore_shared::clock;
use longshore_shared::domain::id::{JobId, ScheduleId, StepId, TaskId, WorkerId};
use longshore_shared::domain::schedule::Timing;
use longshore_shared::domain::step::{Outcome, Remains};
use longshore_shared::store::steps::Claimed;
use longshore_shared::store::sync_tasks::{self, SyncTask};
use longshore_shared::workflow::{claim, refill, settle, submit};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::bench::{Bench, asked, growth, transient};

/// Submits a job of a task of its own on the bench's two connections.
async fn job(bench: &Bench) -> JobId {
    let id = TaskId(clock::fresh_id());
    let timing = Timing { id: ScheduleId(id.0), ..bench.task.timing.clone() };
    let task = SyncTask { id, name: id.to_string(), timing, ..bench.task.clone() };
    let mut tx = bench.database.system().await.unwrap();
    sync_tasks::insert(tx.conn(), &task).await.unwrap();
    let submitted = submit::sync_run(tx.conn(), &task, asked()).await.unwrap();
    tx.commit().await.unwrap();
    submitted.job.id
}

async fn announced(bench: &Bench) -> Vec<StepId> {
    let sql = "SELECT id FROM steps WHERE state = 'announced' ORDER BY announced_at, ordinal";
    bench.control.column::<uuid::Uuid>(sql).await.into_iter().map(StepId).collect()
}

async fn out(bench: &Bench, job: JobId) -> i64 {
    let sql =
        format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND state IN ('announced', 'running')");
    bench.control.value(&sql).await
}

/// No limit is passed; what is announced is owed a message.
async fn check(bench: &Bench) {
    let passed = "SELECT o.id::text FROM organisations o WHERE max_steps < (
             SELECT count(*) FROM steps s WHERE s.org_id = o.id AND s.state IN ('announced', 'running'))
         UNION ALL
         SELECT c.id::text FROM connections c WHERE max_sessions < (
             SELECT sum(CASE WHEN j.source_id = c.id THEN s.source_sessions ELSE s.target_sessions END)
             FROM jobs j JOIN steps s ON s.job_id = j.id
             WHERE c.id IN (j.source_id, j.target_id) AND s.state IN ('announced', 'running'))
         UNION ALL
         SELECT s.id::text FROM steps s WHERE s.state = 'announced'
             AND (SELECT count(*) FROM outbox o WHERE o.step_id = s.id) <= s.token";
    let passed: Vec<String> = bench.control.column(passed).await;
    assert!(passed.is_empty(), "{passed:?}");
}

async fn ended(bench: &Bench) -> bool {
    bench.control.value("SELECT bool_and(ended_at IS NOT NULL) FROM jobs").await
}

fn outcome(step: &Claimed, steps: usize) -> Outcome {
    let is_plan = step.kind.as_str() == "plan";
    Outcome { growth: is_plan.then(|| growth(&[(&[], steps), (&[1], 2)])), ..Outcome::default() }
}

async fn act(bench: &Bench, worker: WorkerId, held: &mut Vec<Claimed>, rng: &mut StdRng) {
    match rng.random_range(0..10) {
        0..5 => {
            if let Some(step) = announced(bench).await.choose(rng) {
                held.extend(bench.claim(*step, worker).await);
            }
        }
        5..9 if !held.is_empty() => {
            let step = held.swap_remove(rng.random_range(0..held.len()));
            match rng.random_range(0..10) {
                0 if step.attempt < 3 => {
                    settle::failed(&bench.database, &step, &transient(), &[], &Remains::default(), "w")
                        .await
                        .map(drop)
                        .unwrap();
                }
                1 => drop(claim::hand_back(&bench.database, &step.lease, &Remains::default()).await.unwrap()),
                _ => drop(settle::done(&bench.database, &step, &outcome(&step, 7)).await.unwrap()),
            }
        }
        _ => drop(refill::windows(&bench.database, 10).await.unwrap()),
    }
}

#[tokio::test]
async fn no_limit_is_passed_and_everything_ends() {
    for seed in 0..6 {
        eprintln!("seed {seed}");
        let (bench, mut rng) = (Bench::new().await, StdRng::seed_from_u64(seed));
        let (steps, sessions) = (rng.random_range(1..6), rng.random_range(1..4));
        if seed % 3 != 1 {
            bench.control.run(&format!("UPDATE organisations SET max_steps = {steps}")).await;
        }
        if seed % 3 != 0 {
            let sql = format!(
                "UPDATE connections SET max_sessions = {sessions} WHERE id = '{}'",
                bench.task.source_id
            );
            bench.control.run(&sql).await;
        }
        let (worker, mut held) = (bench.worker(8).await, Vec::new());
        for _ in 0..4 {
            job(&bench).await;
            check(&bench).await;
        }
        let mut acts = 0;
        while !ended(&bench).await {
            acts += 1;
            assert!(acts < 2_000, "it does not come to its end");
            act(&bench, worker, &mut held, &mut rng).await;
            check(&bench).await;
        }
        let failed: i64 = bench.control.value("SELECT count(*) FROM jobs WHERE state <> 'completed'").await;
        assert_eq!(failed, 0);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn many_ends_at_once_pass_no_limit_and_leave_no_room_unused() {
    let bench = Bench::new().await;
    bench.control.run("UPDATE organisations SET max_steps = 6").await;
    let worker = bench.worker(16).await;
    join_all((0..6).map(|_| job(&bench))).await;
    for _ in 0..200 {
        check(&bench).await;
        if ended(&bench).await {
            return;
        }
        let claims =
            join_all(announced(&bench).await.into_iter().map(|step| bench.claim(step, worker))).await;
        let claims: Vec<_> = claims.into_iter().flatten().collect();
        assert!(!claims.is_empty(), "steps wait and none is announced");
        let ends =
            claims.iter().map(|step| async { settle::done(&bench.database, step, &outcome(step, 20)).await });
        assert!(join_all(ends).await.iter().all(Result::is_ok));
    }
    panic!("it does not come to its end");
}

/// With one place, a job that came later has its turn after the step in hand, not after the job.
#[tokio::test]
async fn jobs_of_one_limit_take_turns() {
    let bench = Bench::new().await;
    bench.control.run("UPDATE organisations SET max_steps = 1").await;
    let worker = bench.worker(8).await;
    let first = job(&bench).await;
    let plan = bench.claim(bench.steps(first, "announced").await[0], worker).await.unwrap();
    settle::done(&bench.database, &plan, &outcome(&plan, 50)).await.unwrap();
    assert_eq!(out(&bench, first).await, 1);
    let second = job(&bench).await;
    assert_eq!((out(&bench, second).await, bench.job_state(second).await.as_str()), (0, "pending"));
    let mut turns = Vec::new();
    for _ in 0..6 {
        let step = bench.claim(announced(&bench).await[0], worker).await.unwrap();
        turns.push(step.lease.job_id == second);
        settle::done(&bench.database, &step, &outcome(&step, 50)).await.unwrap();
    }
    assert_eq!(turns, [false, true, false, true, false, true]);
    // A limit that is lifted lets out what waited, by the scheduler; of a job too that had no
    // turn yet.
    let third = job(&bench).await;
    assert_eq!((out(&bench, third).await, bench.job_state(third).await.as_str()), (0, "pending"));
    bench.control.run("UPDATE organisations SET max_steps = NULL").await;
    refill::windows(&bench.database, 10).await.unwrap();
    assert!(out(&bench, first).await > 1 && out(&bench, second).await > 1);
    assert_eq!(out(&bench, third).await, 1);
}
