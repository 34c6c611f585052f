//! Random interleavings, one seed each. After every single action the whole state is held
//! against the laws; at the end the job must come to rest by itself.

use std::collections::BTreeMap;

use longshore_shared::domain::id::{JobId, StepId, WorkerId};
use longshore_shared::domain::step::{Growth, Outcome, Remains};
use longshore_shared::store::steps::{Claimed, Renewal};
use longshore_shared::workflow::{WorkflowError, cancel, claim, expire, refill, settle};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom as _;
use rand::{Rng as _, SeedableRng as _};

use super::bench::{Bench, LEASE, growth, permanent, transient};

const ACTIONS: usize = 120;
/// Two workers with this many permits each: at most nine steps of a lone job are out.
const PERMITS: i32 = 3;
const WINDOW: i64 = 9;

/// What the world would expect, kept beside the database.
struct Walk<'a> {
    bench: &'a Bench,
    job: JobId,
    workers: Vec<WorkerId>,
    growth: Growth,
    /// Every claim that ever succeeded, the late writers among them.
    claims: Vec<Claimed>,
    /// Who holds a step by right.
    holders: BTreeMap<StepId, i64>,
    handed_back: BTreeMap<StepId, i32>,
    ended: Option<String>,
    rng: StdRng,
}

#[tokio::test]
async fn every_interleaving_keeps_the_laws() {
    let bench = Bench::new().await;
    for seed in 0..14 {
        eprintln!("seed {seed}");
        let mut walk = Walk::begin(&bench, seed).await;
        for _ in 0..ACTIONS {
            walk.act().await;
            walk.check().await;
        }
        walk.come_to_rest().await;
    }
}

impl<'a> Walk<'a> {
    async fn begin(bench: &'a Bench, seed: u64) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let workers = vec![bench.worker(PERMITS).await, bench.worker(PERMITS).await];
        let job = bench.submit().await.unwrap();
        let growth = random_growth(&mut rng);
        let (claims, holders, handed_back) = Default::default();
        Self { bench, job, workers, growth, claims, holders, handed_back, ended: None, rng }
    }

    async fn act(&mut self) {
        match self.rng.random_range(0..100) {
            0..40 => self.claim().await,
            40..72 => self.settle().await,
            72..80 => self.renew().await,
            80..86 => self.hand_back().await,
            86..94 => self.lapse().await,
            94..99 => drop(refill::windows(&self.bench.database, 10).await.unwrap()),
            _ => self.cancel().await,
        }
    }

    /// A message arrives: of any step that was ever announced, so also twice and late.
    async fn claim(&mut self) {
        let sql = format!("SELECT DISTINCT step_id FROM outbox WHERE job_id = '{}' ORDER BY 1", self.job);
        let messages = self.bench.control.column::<uuid::Uuid>(&sql).await;
        let Some(step) = messages.choose(&mut self.rng).map(|id| StepId(*id)) else { return };
        let worker = *self.workers.choose(&mut self.rng).unwrap();
        if let Some(claimed) = self.bench.claim(step, worker).await {
            let before = self.holders.insert(step, claimed.lease.token);
            assert_eq!(before, None, "two hold step {step}");
            assert!(self.ended.is_none(), "a step of an ended job was claimed");
            self.claims.push(claimed);
        }
    }

    /// Any claimant ends its step, also one that has lost it long ago.
    async fn settle(&mut self) {
        let Some(step) = self.claims.choose(&mut self.rng).cloned() else { return };
        let database = &self.bench.database;
        let is_ending = self.is_ending().await;
        let settled = match self.rng.random_range(0..20) {
            _ if is_ending && self.rng.random_bool(0.5) => {
                settle::stopped(database, &step.lease, &Remains::default()).await
            }
            0 => settle::failed(database, &step, &permanent(), &[], &Remains::default(), "w").await,
            1..4 => settle::failed(database, &step, &transient(), &[], &Remains::default(), "w").await,
            _ => settle::done(database, &step, &self.outcome(&step)).await,
        };
        self.after(&step, settled.map(drop));
    }

    async fn is_ending(&self) -> bool {
        let sql = format!("SELECT ending IS NOT NULL FROM jobs WHERE id = '{}'", self.job);
        self.bench.control.value(&sql).await
    }

    /// The plan grows the job; nothing else does.
    fn outcome(&self, step: &Claimed) -> Outcome {
        let is_plan = step.kind.as_str() == "plan";
        Outcome { growth: is_plan.then(|| self.growth.clone()), ..Outcome::default() }
    }

    /// A right holder's word counts and frees the step, anybody else's changes nothing.
    fn after(&mut self, step: &Claimed, result: Result<(), WorkflowError>) {
        let id = step.lease.step_id;
        let by_right = self.holders.get(&id) == Some(&step.lease.token);
        match result {
            Ok(()) => {
                assert!(by_right, "a late writer's word counted: step {id}");
                self.holders.remove(&id);
            }
            Err(WorkflowError::LeaseLost) => assert!(!by_right, "a right holder was refused: step {id}"),
            Err(other) => panic!("{other}"),
        }
    }

    async fn renew(&mut self) {
        let Some(step) = self.claims.choose(&mut self.rng).cloned() else { return };
        let renewal = claim::renew(&self.bench.database, &step.lease, LEASE).await.unwrap();
        let by_right = self.holders.get(&step.lease.step_id) == Some(&step.lease.token);
        assert_eq!(renewal != Renewal::Lost, by_right, "step {}", step.lease.step_id);
    }

    async fn hand_back(&mut self) {
        let Some(step) = self.claims.choose(&mut self.rng).cloned() else { return };
        let is_ending = self.is_ending().await;
        let result = claim::hand_back(&self.bench.database, &step.lease, &Remains::default()).await.map(drop);
        // What is handed back to an ending job is cancelled and not tried again.
        if result.is_ok() && !is_ending {
            *self.handed_back.entry(step.lease.step_id).or_default() += 1;
        }
        self.after(&step, result);
    }

    /// Some leases lapse, and the reaper comes. A lapsed lease may still be renewed before.
    async fn lapse(&mut self) {
        let Some(step) = self.holders.keys().copied().collect::<Vec<_>>().choose(&mut self.rng).copied()
        else {
            return;
        };
        let lapse = format!("UPDATE steps SET lease_until = now() - interval '1 second' WHERE id = '{step}'");
        self.bench.control.run(&lapse).await;
        let reaped = expire::lapsed(&self.bench.database, 100).await.unwrap();
        assert_eq!(reaped.steps, 1);
        self.holders.remove(&step);
    }

    async fn cancel(&mut self) {
        let mut tx = self.bench.database.system().await.unwrap();
        match cancel::request(tx.conn(), self.bench.org, self.job).await {
            Ok(_) => {
                assert!(self.ended.is_none());
                tx.commit().await.unwrap();
            }
            Err(WorkflowError::JobEnded) => assert!(self.ended.is_some()),
            Err(other) => panic!("{other}"),
        }
    }

    /// The laws, each a query that finds the steps that break it.
    async fn check(&mut self) {
        let job = self.job;
        for (law, sql) in LAWS {
            let found: Vec<String> = self.bench.control.column(&sql.replace("{job}", &job.to_string())).await;
            assert!(found.is_empty(), "{law}: {found:?}");
        }
        let running = self.bench.steps(job, "running").await;
        let mut held: Vec<_> = self.holders.keys().copied().collect();
        held.sort();
        let mut sorted = running;
        sorted.sort();
        assert_eq!(sorted, held, "who runs is who holds");
        let out = format!(
            "SELECT count(*) FROM steps WHERE job_id = '{job}' AND state IN ('announced', 'running')"
        );
        assert!(self.bench.control.value::<i64>(&out).await <= WINDOW, "the window is respected");
        let state = self.bench.job_state(job).await;
        if let Some(ended) = &self.ended {
            assert_eq!(&state, ended, "a final state never changes");
        } else if matches!(state.as_str(), "completed" | "failed" | "cancelled") {
            self.ended = Some(state);
        }
    }

    /// From here on all goes well: the job ends, and as what it should.
    async fn come_to_rest(&mut self) {
        for _ in 0..1_000 {
            if self.ended.is_some() {
                break;
            }
            if let Some(step) = self.bench.steps(self.job, "announced").await.first() {
                let claimed = self.bench.claim(*step, self.workers[0]).await.unwrap();
                self.holders.insert(*step, claimed.lease.token);
                self.claims.push(claimed);
            }
            let valid = |c: &&Claimed| self.holders.get(&c.lease.step_id) == Some(&c.lease.token);
            let step = self.claims.iter().find(valid).cloned().expect("a step can be done, or is lost");
            let settled = settle::done(&self.bench.database, &step, &self.outcome(&step)).await;
            self.after(&step, settled.map(drop));
            self.check().await;
        }
        let ended = self.ended.clone().expect("the job comes to rest");
        let sql = format!("SELECT state FROM steps WHERE job_id = '{}'", self.job);
        let states: Vec<String> = self.bench.control.column(&sql).await;
        let all_done = states.iter().all(|state| state == "done");
        assert_eq!(ended == "completed", all_done, "completed means that all is done: {ended} {states:?}");
        assert!(states.iter().all(|state| !matches!(state.as_str(), "announced" | "running" | "waiting")));
        self.check_attempts().await;
    }

    /// A soft stop burns no attempt.
    async fn check_attempts(&self) {
        for (step, handed_back) in &self.handed_back {
            let sql = format!("SELECT token - attempt FROM steps WHERE id = '{step}'");
            assert_eq!(self.bench.control.value::<i64>(&sql).await, i64::from(*handed_back));
        }
    }
}

const LAWS: &[(&str, &str)] = &[
    (
        "a step runs only after every stage that it waits for",
        "WITH RECURSIVE before AS (
             SELECT g.number AS early, f AS late FROM stages g, unnest(g.feeds) f WHERE g.job_id = '{job}'
             UNION SELECT b.early, f FROM before b JOIN stages g ON g.number = b.late, unnest(g.feeds) f
             WHERE g.job_id = '{job}')
         SELECT s.id::text FROM steps s JOIN before b ON b.late = s.stage
             JOIN steps e ON e.job_id = s.job_id AND e.stage = b.early
         WHERE s.job_id = '{job}' AND s.state IN ('announced', 'running', 'done') AND e.state <> 'done'",
    ),
    (
        "what is announced is owed a message for this announcement",
        "SELECT s.id::text FROM steps s WHERE s.job_id = '{job}' AND s.state = 'announced'
             AND (SELECT count(*) FROM outbox o WHERE o.step_id = s.id) <= s.token",
    ),
    (
        "an ended job has no living step",
        "SELECT s.id::text FROM steps s JOIN jobs j ON j.id = s.job_id WHERE s.job_id = '{job}'
             AND j.ended_at IS NOT NULL AND s.state IN ('waiting', 'announced', 'running')",
    ),
    (
        "an ending job announces nothing",
        "SELECT s.id::text FROM steps s JOIN jobs j ON j.id = s.job_id WHERE s.job_id = '{job}'
             AND j.ending IS NOT NULL AND s.state IN ('waiting', 'announced')",
    ),
    (
        "a stage's count is that of its steps, while the job goes on",
        "SELECT g.name FROM stages g JOIN jobs j ON j.id = g.job_id WHERE g.job_id = '{job}' AND j.ending IS NULL
             AND g.remaining <> (SELECT count(*) FROM steps s WHERE s.job_id = g.job_id AND s.stage = g.number
                                 AND s.state <> 'done')",
    ),
    (
        "no step has more attempts than the policy gives",
        "SELECT id::text FROM steps WHERE job_id = '{job}' AND attempt > 5",
    ),
];

fn random_growth(rng: &mut StdRng) -> Growth {
    let count = rng.random_range(0..7_i32);
    let stages: Vec<(Vec<i32>, usize)> = (1..=count)
        .map(|number| {
            let waits_for = (1..number).filter(|_| rng.random_bool(0.4)).collect();
            (waits_for, rng.random_range(0..6))
        })
        .collect();
    let borrowed: Vec<(&[i32], usize)> = stages.iter().map(|(w, n)| (w.as_slice(), *n)).collect();
    growth(&borrowed)
}
