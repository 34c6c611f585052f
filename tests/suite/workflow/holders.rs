//! Holders of a job, transition by transition: who may claim, what a new generation undoes,
//! and how often a job starts again.

use longshore_shared::domain::hold::MOST_RESTARTS;
use longshore_shared::domain::id::{JobId, WorkerId};
use longshore_shared::domain::step::{Growth, Outcome};
use longshore_shared::store::job_holders::Holder;
use longshore_shared::store::steps::Claimed;
use longshore_shared::workflow::{WorkflowError, holders, settle};
use serde_json::json;

use super::bench::{Bench, LEASE, growth};

/// An enlisting, and steps for holders after it, with a stage of anybody's in between.
fn held() -> Growth {
    let mut growth = growth(&[(&[], 1), (&[1], 2), (&[2], 1), (&[2, 3], 1)]);
    for step in &mut growth.steps {
        step.affine = step.stage == 2 || step.stage == 4;
    }
    growth
}

struct Walk {
    bench: Bench,
    job: JobId,
    worker: WorkerId,
}

impl Walk {
    async fn begin() -> Self {
        let bench = Bench::new().await;
        let (job, worker) = bench.planned(held()).await;
        Self { bench, job, worker }
    }

    /// The worker leads the enlisting and is the one holder.
    async fn enlisted(&self, generation: i32) -> Holder {
        let database = &self.bench.database;
        let step = self.bench.steps(self.job, "announced").await[0];
        let lead = self.bench.claim(step, self.worker).await.unwrap();
        assert_eq!(holders::begin(database, &lead.lease, 1).await.unwrap().generation, generation);
        let holder = Holder {
            org_id: self.bench.org,
            job_id: self.job,
            generation,
            worker_id: self.worker,
            worker_name: "w".to_owned(),
        };
        assert_eq!(holders::offer(database, &holder, 3, LEASE).await.unwrap(), Some(3));
        assert!(holders::offer(database, &holder, 3, LEASE).await.unwrap().is_none(), "it is one already");
        let second = Holder { worker_id: self.bench.worker(1).await, ..holder.clone() };
        assert!(holders::offer(database, &second, 3, LEASE).await.unwrap().is_none(), "one was wanted");
        let stale = Holder { generation: generation - 1, ..second };
        assert!(holders::offer(database, &stale, 3, LEASE).await.unwrap().is_none(), "an old generation");
        assert!(holders::enlist(database, &holder).await.unwrap());
        let point = json!(generation);
        assert!(!holders::report(database, &holder, &point).await.unwrap(), "there is no point yet");
        holders::fix(database, &lead.lease, generation, &json!("an earlier one")).await.unwrap();
        holders::fix(database, &lead.lease, generation, &point).await.unwrap();
        let earlier = holders::report(database, &holder, &json!("an earlier one")).await.unwrap();
        assert!(!earlier, "another point was decided meanwhile");
        let look = holders::renew(database, &holder, LEASE).await.unwrap().unwrap();
        assert_eq!(look.point, Some(json!(generation)));
        let holds = async || {
            let enlisted = holders::enlisted(database, &lead.lease, generation).await.unwrap();
            enlisted.iter().map(|one| one.holds).collect::<Vec<_>>()
        };
        assert_eq!(holds().await, [false]);
        assert!(holders::report(database, &holder, &point).await.unwrap());
        assert_eq!(holds().await, [true]);
        assert_eq!(holders::open(database, &lead.lease, generation).await.unwrap(), [self.worker]);
        settle::done(database, &lead, &Outcome::default()).await.unwrap();
        holder
    }

    async fn lapse(&self) {
        let sql = "UPDATE job_holders SET lease_until = now() - interval '1 s' WHERE state = 'held'";
        assert_eq!(self.bench.control.run(sql).await, 1);
    }

    async fn done(&self, step: &Claimed) -> Result<(), WorkflowError> {
        settle::done(&self.bench.database, step, &Outcome::default()).await.map(drop)
    }
}

#[tokio::test]
async fn a_new_generation_undoes_what_the_old_one_did() {
    let walk = Walk::begin().await;
    let database = &walk.bench.database;
    let old = walk.enlisted(1).await;
    let stranger = walk.bench.worker(4).await;
    let out = walk.bench.steps(walk.job, "announced").await;
    assert_eq!(out.len(), 2);
    assert!(walk.bench.claim(out[0], stranger).await.is_none(), "it holds nothing");
    let first = walk.bench.claim(out[0], walk.worker).await.unwrap();
    assert_eq!(first.generation, Some(1));
    walk.done(&first).await.unwrap();
    let late = walk.bench.claim(out[1], walk.worker).await.unwrap();

    walk.lapse().await;
    let recovered = holders::recover(database, 10, &[]).await.unwrap();
    assert_eq!((recovered.struck, recovered.restarted, recovered.owed.len()), (1, 1, 1));
    let again = holders::recover(database, 10, &[]).await.unwrap();
    assert_eq!((again.struck, again.restarted), (0, 0), "once");
    assert!(matches!(walk.done(&late).await, Err(WorkflowError::LeaseLost)), "a late holder's word");
    assert!(holders::renew(database, &old, LEASE).await.unwrap().is_none(), "it is to let go");

    // The whole of it once more, to the end: stages as they were made.
    walk.enlisted(2).await;
    assert!(walk.bench.claim(out[1], walk.worker).await.is_some_and(|step| step.lease.token == 2));
    let running = format!(
        "UPDATE steps SET state = 'announced', lease_until = NULL WHERE job_id = '{}' AND state = 'running'",
        walk.job
    );
    walk.bench.control.run(&running).await;
    for left in [2, 1, 1] {
        let out = walk.bench.steps(walk.job, "announced").await;
        assert_eq!(out.len(), left);
        for step in out {
            let step = walk.bench.claim(step, walk.worker).await.unwrap();
            walk.done(&step).await.unwrap();
        }
    }
    assert_eq!(walk.bench.job_state(walk.job).await, "completed");
}

#[tokio::test]
async fn a_job_starts_again_a_bounded_number_of_times() {
    let walk = Walk::begin().await;
    for generation in 1..=MOST_RESTARTS + 1 {
        assert_eq!(walk.bench.job_state(walk.job).await, "running");
        walk.enlisted(generation).await;
        walk.lapse().await;
        assert_eq!(holders::recover(&walk.bench.database, 10, &[]).await.unwrap().restarted, 1);
    }
    assert_eq!(walk.bench.job_state(walk.job).await, "failed");
    let sql = format!("SELECT failure ->> 'code' FROM jobs WHERE id = '{}'", walk.job);
    assert_eq!(walk.bench.control.value::<String>(&sql).await, "holders_lost");
}
