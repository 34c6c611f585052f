//! Real concurrency: many connections do the same thing at the same moment.

use futures::future::join_all;
use longshore_shared::domain::schedule::Overlap;
use longshore_shared::domain::step::{Outcome, Remains};
use longshore_shared::store::StoreError;
use longshore_shared::workflow::{WorkflowError, cancel, claim, expire, settle};

use super::bench::{Bench, LEASE, growth};

#[tokio::test(flavor = "multi_thread")]
async fn of_many_claims_one_wins() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth(&[(&[], 6)])).await;
    for step in bench.steps(job, "announced").await {
        let claims = join_all((0..12).map(|_| bench.claim(step, worker))).await;
        assert_eq!(claims.iter().flatten().count(), 1);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_last_steps_that_end_at_once_see_each_other() {
    let bench = Bench::new().await;
    for _ in 0..15 {
        let (job, worker) = bench.planned(growth(&[(&[], 4), (&[1], 0), (&[2], 2)])).await;
        for stage in 0..2 {
            let steps = bench.steps(job, "announced").await;
            assert_eq!(steps.len(), if stage == 0 { 4 } else { 2 });
            let claims = join_all(steps.into_iter().map(|step| bench.claim(step, worker))).await;
            let claims: Vec<_> = claims.into_iter().flatten().collect();
            let outcome = Outcome::default();
            let ends = claims.iter().map(|step| settle::done(&bench.database, step, &outcome));
            assert!(join_all(ends).await.iter().all(Result::is_ok));
        }
        assert_eq!(bench.job_state(job).await, "completed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn f29_a_cancel_that_races_the_end_leaves_one_final_state() {
    let bench = Bench::new().await;
    let lanes = join_all((0..8).map(|lane| races_of_the_end(&bench, lane))).await;
    let mut seen = std::collections::BTreeMap::<String, u32>::new();
    for state in lanes.into_iter().flatten() {
        *seen.entry(state).or_default() += 1;
    }
    eprintln!("{seen:?}");
    assert_eq!(seen.values().sum::<u32>(), 1_000);
    assert_eq!(seen.len(), 2, "each of the two was first at times: {seen:?}");
}

/// An eighth of the thousand races, on connections of their own; the states they end in.
async fn races_of_the_end(bench: &Bench, lane: u64) -> Vec<String> {
    let worker = bench.worker(8).await;
    let mut seen = Vec::new();
    for round in 0..125 {
        let job = bench.another().await;
        let step = bench.claim(bench.steps(job, "announced").await[0], worker).await.unwrap();
        let outcome = Outcome::default();
        let end = async {
            // Which of the two is first differs from round to round.
            tokio::time::sleep(std::time::Duration::from_micros((round * 8 + lane) * 40 % 3_000)).await;
            settle::done(&bench.database, &step, &outcome).await
        };
        let cancel = async {
            tokio::time::sleep(std::time::Duration::from_micros((round * 8 + lane) * 56 % 3_000)).await;
            bench.cancel(job).await
        };
        let (ended, cancelled) = futures::join!(end, cancel);
        ended.unwrap();
        let state = bench.job_state(job).await;
        match cancelled {
            Ok(()) => assert_eq!(state, "cancelled"),
            Err(WorkflowError::JobEnded) => assert_eq!(state, "completed"),
            Err(other) => panic!("{other}"),
        }
        seen.push(state);
    }
    seen
}

/// A claim takes no lock of a running job; a cancel writes the steps that nobody holds.
#[tokio::test(flavor = "multi_thread")]
async fn a_cancel_that_races_claims_leaves_no_step_behind() {
    let bench = Bench::new().await;
    let mut held = std::collections::BTreeSet::new();
    for round in 0..60 {
        // Every other job has not begun yet: the claim is that of its first step.
        let (job, worker) = match round % 2 {
            0 => (bench.submit().await.unwrap(), bench.worker(4).await),
            _ => bench.planned(growth(&[(&[], 4)])).await,
        };
        let announced = bench.steps(job, "announced").await;
        let claims = join_all(announced.iter().map(|step| bench.claim(*step, worker)));
        let cancel = async {
            tokio::time::sleep(std::time::Duration::from_micros(round * 50 % 1_500)).await;
            let mut tx = bench.database.system().await?;
            let reached = cancel::request(tx.conn(), bench.org, job).await?;
            tx.commit().await?;
            reached.count();
            Ok::<_, WorkflowError>(())
        };
        let (claims, cancelled) = futures::join!(claims, cancel);
        cancelled.unwrap();
        let claims: Vec<_> = claims.into_iter().flatten().collect();
        held.insert(claims.len());
        assert_eq!(bench.steps(job, "running").await.len(), claims.len(), "who claimed holds");
        assert!(bench.steps(job, "announced").await.is_empty());
        let expected = if claims.is_empty() { "cancelled" } else { "running" };
        assert_eq!(bench.job_state(job).await, expected);
        for step in &claims {
            settle::stopped(&bench.database, &step.lease, &Remains::default()).await.unwrap();
        }
        assert_eq!(bench.job_state(job).await, "cancelled");
    }
    assert!(held.len() > 1, "the race always ended the same way: {held:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_many_reapers_one_takes_a_lapsed_lease() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth(&[(&[], 4)])).await;
    for step in bench.steps(job, "announced").await {
        bench.claim(step, worker).await.unwrap();
    }
    bench
        .control
        .run("UPDATE steps SET lease_until = now() - interval '1 second' WHERE state = 'running'")
        .await;
    let reaped = join_all((0..6).map(|_| expire::lapsed(&bench.database, 10))).await;
    let counts: Vec<_> = reaped.into_iter().map(|reaped| reaped.unwrap().steps).collect();
    assert_eq!(counts.iter().sum::<usize>(), 4, "{counts:?}");
    assert_eq!(bench.steps(job, "announced").await.len(), 4);
}

#[tokio::test]
async fn a_second_run_of_a_task_waits_for_the_first_to_end() {
    let bench = Bench::new().await;
    let (job, _) = bench.planned(growth(&[(&[], 1)])).await;
    assert!(matches!(bench.submit().await, Err(WorkflowError::RunInProgress)));
    let mut tx = bench.database.system().await.unwrap();
    let _ = cancel::request(tx.conn(), bench.org, job).await.unwrap();
    tx.commit().await.unwrap();
    bench.submit().await.unwrap();
}

/// Runs are asked for while the one before them ends: one is active, one waits at most, and
/// none waits for nothing.
#[tokio::test(flavor = "multi_thread")]
async fn s11_a_queue_that_races_the_end_strands_nobody() {
    let mut bench = Bench::new().await;
    bench.task.timing.overlap = Overlap::Queue;
    let stranded = "SELECT count(*) FROM jobs q WHERE queued_behind IS NOT NULL AND state = 'pending'
        AND NOT EXISTS (SELECT FROM jobs a WHERE a.state IN ('pending', 'running') AND a.queued_behind IS NULL)";
    let mut seen = std::collections::BTreeSet::new();
    for round in 0..40 {
        let (job, worker) = bench.planned(growth(&[(&[], 1)])).await;
        let step = bench.claim(bench.steps(job, "announced").await[0], worker).await.unwrap();
        // The end comes before all have asked, in the middle, or after.
        let (end_pause, ask_pause) = if round < 20 { (round * 3, 0) } else { (0, (round - 20) * 3) };
        let pause = |milliseconds| tokio::time::sleep(std::time::Duration::from_millis(milliseconds));
        let asks = async {
            pause(ask_pause).await;
            join_all((0..3).map(|_| bench.submit())).await
        };
        let end = async {
            pause(end_pause).await;
            settle::done(&bench.database, &step, &Outcome::default()).await
        };
        let (asked, ended) = futures::join!(asks, end);
        ended.unwrap();
        let made: Vec<_> = asked.into_iter().filter_map(Result::ok).collect();
        assert!((1..=2).contains(&made.len()), "{made:?}");
        assert_eq!(bench.control.value::<i64>(stranded).await, 0);
        // What was let go can be claimed, what waits cannot.
        let mut active = 0;
        for job in &made {
            active += bench.steps(*job, "announced").await.len();
        }
        assert_eq!(active, 1, "round {round}");
        seen.insert(made.len());
        for job in made {
            let mut tx = bench.database.system().await.unwrap();
            let _ = cancel::request(tx.conn(), bench.org, job).await.unwrap();
            tx.commit().await.unwrap();
        }
    }
    assert_eq!(seen.len(), 2, "the race always ended the same way: {seen:?}");
}

#[tokio::test]
async fn a_stage_that_is_named_twice_is_waited_for_once() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth(&[(&[], 1), (&[1, 1], 1)])).await;
    for _ in 0..2 {
        let step = bench.claim(bench.steps(job, "announced").await[0], worker).await.unwrap();
        settle::done(&bench.database, &step, &Outcome::default()).await.unwrap();
    }
    assert_eq!(bench.job_state(job).await, "completed");
}

/// The claim is committed before the step is read.
#[tokio::test]
async fn a_step_of_a_newer_release_is_handed_back_unburnt() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth(&[(&[], 1)])).await;
    let step = bench.steps(job, "announced").await[0];
    bench.control.run(&format!("UPDATE steps SET kind = 'newer' WHERE id = '{step}'")).await;
    let claimed = claim::claim(&bench.database, bench.org, step, worker, "w", LEASE).await;
    assert!(matches!(claimed, Err(WorkflowError::Store(StoreError::Row(_)))), "{claimed:?}");
    assert_eq!(bench.steps(job, "announced").await, [step]);
    let sql = format!(
        "SELECT attempt = 0 AND (SELECT count(*) FROM outbox o WHERE o.step_id = s.id AND o.delayed
             AND o.not_before > now() + interval '5 s') = 1 FROM steps s WHERE id = '{step}'"
    );
    assert!(bench.control.value::<bool>(&sql).await, "no attempt is burnt, and nobody asks at once");
    bench.control.run(&format!("UPDATE steps SET kind = 'copy' WHERE id = '{step}'")).await;
    // A second message, or one that was doubled on its way, does not end the pause.
    assert!(claim::claim(&bench.database, bench.org, step, worker, "w", LEASE).await.unwrap().is_none());
    let step = bench.claim(step, worker).await.unwrap();
    settle::done(&bench.database, &step, &Outcome::default()).await.unwrap();
    assert_eq!(bench.job_state(job).await, "completed");
}

#[tokio::test]
async fn a_worker_that_dies_each_time_is_given_up() {
    let bench = Bench::new().await;
    let (job, worker) = bench.planned(growth(&[(&[], 2)])).await;
    let step = bench.steps(job, "announced").await[0];
    for _ in 0..5 {
        assert_eq!(bench.job_state(job).await, "running");
        bench.claim(step, worker).await.unwrap();
        bench
            .control
            .run("UPDATE steps SET lease_until = now() - interval '1 s' WHERE state = 'running'")
            .await;
        expire::lapsed(&bench.database, 10).await.unwrap();
    }
    assert_eq!(bench.job_state(job).await, "failed");
    let code: String = bench.control.value("SELECT failure->>'code' FROM jobs").await;
    assert_eq!(code, "worker_died");
}
