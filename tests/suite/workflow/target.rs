//! One writer for a target's tables (S11, F30, F32), as the rows see it.

use futures::future::join_all;
use longshore_shared::domain::id::JobId;
use longshore_shared::domain::step::{Outcome, Remains};
use longshore_shared::domain::sync::TargetBusy;
use longshore_shared::domain::target::TargetArea;
use longshore_shared::store::steps::Claimed;
use longshore_shared::workflow::target::{self, Answer};
use longshore_shared::workflow::{WorkflowError, expire, settle};
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};

use super::bench::{Bench, permanent};

fn area(database: &str, tables: Option<&[&str]>) -> TargetArea {
    let tables = tables.map(|names| names.iter().map(|name| (*name).to_owned()).collect());
    TargetArea { server: "mysql 1".to_owned(), database: database.to_owned(), tables }
}

/// A job whose first step is in a worker's hands.
struct Asker {
    job: JobId,
    step: Claimed,
}

impl Bench {
    async fn asker(&self) -> Asker {
        let job = self.another().await;
        let step = self.take_up(job).await.expect("its first step is to be had");
        Asker { job, step }
    }

    /// Claims the job's first step, if it is to be had.
    async fn take_up(&self, job: JobId) -> Option<Claimed> {
        let worker = self.worker(4).await;
        self.claim(*self.steps(job, "announced").await.first()?, worker).await
    }

    async fn ask(&self, asker: &Asker, area: &TargetArea) -> Answer {
        target::ask(&self.database, &asker.step.lease, area, TargetBusy::Wait).await.unwrap()
    }

    async fn end(&self, asker: &Asker) {
        settle::done(&self.database, &asker.step, &Outcome::default()).await.unwrap();
    }

    async fn holders(&self) -> Vec<uuid::Uuid> {
        self.control.column("SELECT job_id FROM target_locks WHERE state = 'held' ORDER BY place").await
    }

    async fn rows(&self) -> i64 {
        self.control.value("SELECT count(*) FROM target_locks").await
    }
}

fn holds(answer: &Answer) -> bool {
    matches!(answer, Answer::Held(_))
}

#[tokio::test(flavor = "multi_thread")]
async fn f30_of_many_that_ask_at_once_one_writes_and_each_has_its_turn() {
    let bench = Bench::new().await;
    let shop = area("shop", None);
    let askers = join_all((0..20).map(|_| bench.asker())).await;
    let answers = join_all(askers.iter().map(|asker| bench.ask(asker, &shop))).await;
    assert_eq!(answers.iter().filter(|answer| holds(answer)).count(), 1);

    let order: Vec<uuid::Uuid> =
        bench.control.column("SELECT job_id FROM target_locks ORDER BY state, place").await;
    let mut holder = askers.into_iter().find(|asker| asker.job.0 == order[0]).unwrap();
    for next in &order[1..] {
        assert_eq!(target::grant(&bench.database).await.unwrap(), 0, "nothing is free");
        bench.end(&holder).await;
        assert_eq!(bench.job_state(holder.job).await, "completed");
        assert_eq!(target::grant(&bench.database).await.unwrap(), 1);
        assert_eq!(bench.holders().await, [*next], "in the order of asking");
        let job = JobId(*next);
        let step = bench.take_up(job).await.unwrap();
        assert_eq!(step.attempt, 1, "a wait burns no attempt");
        let due =
            format!("SELECT count(*) FROM outbox WHERE job_id = '{job}' AND delayed AND not_before <= now()");
        assert_eq!(bench.control.value::<i64>(&due).await, 1, "its message is due now");
        holder = Asker { job, step };
        assert!(holds(&bench.ask(&holder, &shop).await));
    }
    bench.end(&holder).await;
    assert_eq!(bench.rows().await, 0);
}

#[tokio::test]
async fn s11_what_does_not_overlap_goes_on_side_by_side() {
    let bench = Bench::new().await;
    let check = async |area: TargetArea, expected: bool| {
        let asker = bench.asker().await;
        assert_eq!(holds(&bench.ask(&asker, &area).await), expected, "{area:?}");
        asker
    };
    let first = check(area("shop", Some(&["a", "b"])), true).await;
    check(area("shop", Some(&["c"])), true).await;
    check(area("other", None), true).await;
    let other_server = TargetArea { server: "mysql 2".to_owned(), ..area("shop", None) };
    check(other_server, true).await;
    let second = check(area("shop", Some(&["b", "d"])), false).await;
    // It could have d at once, but then b's waiter would be overtaken for ever.
    let third = check(area("shop", Some(&["d"])), false).await;
    check(area("shop", Some(&["e"])), true).await;
    let all = check(area("shop", None), false).await;

    bench.end(&first).await;
    assert_eq!(target::grant(&bench.database).await.unwrap(), 1);
    bench.cancel(second.job).await.unwrap();
    assert_eq!(bench.job_state(second.job).await, "cancelled");
    assert_eq!(target::grant(&bench.database).await.unwrap(), 1);
    let holders = bench.holders().await;
    assert!(holders.contains(&third.job.0) && !holders.contains(&all.job.0), "{holders:?}");
}

#[tokio::test]
async fn a_job_that_waits_holds_nothing_and_can_be_cancelled_at_once() {
    let bench = Bench::new().await;
    let shop = area("shop", None);
    let (first, second) = (bench.asker().await, bench.asker().await);
    assert!(holds(&bench.ask(&first, &shop).await));
    assert!(!holds(&bench.ask(&second, &shop).await));
    assert!(bench.steps(second.job, "running").await.is_empty());
    let window: i64 = bench.control.value("SELECT job_window(30)").await;
    let alone: i64 = bench.control.value("SELECT floor(1.5 * sum(permits))::bigint FROM workers").await;
    assert_eq!(window, alone, "it takes no share of the other's window");
    bench.cancel(second.job).await.unwrap();
    assert_eq!(bench.job_state(second.job).await, "cancelled");
    assert_eq!(bench.holders().await, [first.job.0]);
    assert_eq!(bench.rows().await, 1);
}

#[tokio::test]
async fn who_will_not_wait_is_refused() {
    let bench = Bench::new().await;
    let shop = area("shop", None);
    let (first, second) = (bench.asker().await, bench.asker().await);
    assert!(holds(&bench.ask(&first, &shop).await));
    let answer = target::ask(&bench.database, &second.step.lease, &shop, TargetBusy::Refuse).await.unwrap();
    assert!(matches!(answer, Answer::Refused(Some(job)) if job == first.job), "{answer:?}");
    assert_eq!(bench.rows().await, 1, "nothing is left of its question");
}

#[tokio::test]
async fn f14_a_late_worker_takes_nothing() {
    let bench = Bench::new().await;
    let shop = area("shop", None);
    for fails in [false, true] {
        let late = bench.asker().await;
        match fails {
            true => drop(
                settle::failed(&bench.database, &late.step, &permanent(), &[], &Remains::default(), "w")
                    .await,
            ),
            false => bench.end(&late).await,
        }
        let answer = target::ask(&bench.database, &late.step.lease, &shop, TargetBusy::Wait).await;
        match fails {
            true => assert!(matches!(answer, Ok(Answer::Ending)), "{answer:?}"),
            false => assert!(matches!(answer, Err(WorkflowError::LeaseLost)), "{answer:?}"),
        }
        assert_eq!(bench.rows().await, 0);
    }
}

#[tokio::test]
async fn steps_that_nobody_saw_ending_are_passed_on_until_they_are_fenced() {
    let bench = Bench::new().await;
    let shop = area("shop", None);
    let first = bench.asker().await;
    assert!(holds(&bench.ask(&first, &shop).await));
    bench.cancel(first.job).await.unwrap();
    let second = bench.asker().await;
    assert!(!holds(&bench.ask(&second, &shop).await), "a worker may still be at it");
    bench.control.run("UPDATE steps SET lease_until = now() - interval '1 s' WHERE state = 'running'").await;
    expire::lapsed(&bench.database, 10).await.unwrap();
    assert_eq!(bench.job_state(first.job).await, "cancelled");
    assert_eq!(target::grant(&bench.database).await.unwrap(), 1);
    let step = bench.take_up(second.job).await.unwrap();
    let again = Asker { job: second.job, step };
    let Answer::Held(former) = bench.ask(&again, &shop).await else { panic!("it is its turn") };
    let loose: Vec<_> = former.iter().flat_map(|former| former.loose_steps.clone()).collect();
    assert_eq!(loose, [first.step.lease.step_id]);
    target::fenced(&bench.database, &former).await.unwrap();
    let Answer::Held(former) = bench.ask(&again, &shop).await else { panic!("it has it") };
    assert!(former.is_empty(), "{former:?}");
}

/// Random jobs ask, wait, end and are cancelled; no two that overlap ever hold at once, and
/// in the end each has had its turn.
#[tokio::test]
async fn f30_no_interleaving_lets_two_write_one_table() {
    let bench = Bench::new().await;
    let mut rng = StdRng::seed_from_u64(30);
    let overlapping = "SELECT count(*) FROM target_locks a JOIN target_locks b
        ON a.server = b.server AND a.database = b.database AND a.job_id < b.job_id
        AND a.state = 'held' AND b.state = 'held'
        AND (a.tables IS NULL OR b.tables IS NULL OR a.tables && b.tables)";
    let areas: Vec<_> = [None, Some(&["a"][..]), Some(&["b"]), Some(&["a", "b"]), Some(&["c"])]
        .into_iter()
        .map(|tables| area("shop", tables))
        .collect();
    let mut open: Vec<(JobId, TargetArea)> = Vec::new();
    let mut at_work: Vec<Asker> = Vec::new();
    let mut rounds = 0;
    while rounds < 150 || !open.is_empty() {
        rounds += 1;
        assert!(rounds < 2_000, "{} jobs never had their turn", open.len());
        match rng.random_range(0..10) {
            0..3 if rounds < 150 => {
                let wanted = areas[rng.random_range(0..areas.len())].clone();
                open.push((bench.another().await, wanted));
            }
            0..5 if !open.is_empty() => {
                let (job, wanted) = &open[rng.random_range(0..open.len())];
                if let Some(step) = bench.take_up(*job).await {
                    let asker = Asker { job: *job, step };
                    if holds(&bench.ask(&asker, wanted).await) {
                        at_work.push(asker);
                    }
                }
            }
            5..8 if !at_work.is_empty() => {
                let ended = at_work.swap_remove(rng.random_range(0..at_work.len()));
                bench.end(&ended).await;
                open.retain(|(job, _)| *job != ended.job);
            }
            8 if !open.is_empty() && rounds < 150 => {
                let (job, _) = open[rng.random_range(0..open.len())].clone();
                bench.cancel(job).await.unwrap();
                if let Some(place) = at_work.iter().position(|asker| asker.job == job) {
                    let asker = at_work.swap_remove(place);
                    settle::stopped(&bench.database, &asker.step.lease, &Remains::default()).await.unwrap();
                }
                open.retain(|(other, _)| *other != job);
            }
            _ => {
                target::grant(&bench.database).await.unwrap();
            }
        }
        assert_eq!(bench.control.value::<i64>(overlapping).await, 0);
    }
    let left = "SELECT count(*) FROM target_locks WHERE state <> 'released'";
    assert_eq!(bench.control.value::<i64>(left).await, 0);
}
