//! Processes that die at the boundaries of a step (F13): one place after the other, in the
//! order in which a job comes by; each time the job goes on where it stood.

use std::collections::BTreeMap;

use longshore_shared::failpoint::Failpoint::{self, *};
use longshore_tests::fleet::{Process, Surroundings};
use longshore_tests::invariants;
use longshore_tests::schema::quoted;
use longshore_tests::servers::Bucket;
use longshore_tests::shelf::count;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::seed;

/// `kill -9` has no words; neither has this.
const SIGABRT: i32 = 6;
const DIE: &str = "1*return(die)";

/// Places, and how often each is passed before it ends its process.
type Places = &'static [(Failpoint, u32)];

/// A step dies at most three times here: five, and it is poison.
const FILLING: Places = &[
    (PlanBeforeCreate, 0),
    (PlanAfterCreate, 3),
    (PointStopped, 0),
    (PointTaken, 0),
    (PointSettled, 0),
    (CopyBeforeCommit, 0),
    (CopyAfterCommit, 1),
    (IndexBefore, 0),
    (IndexAfter, 1),
    (ForeignKeysBefore, 0),
    (ForeignKeysAfter, 0),
    (VerifyBefore, 0),
    (VerifyAfter, 1),
];
const COMPARING: Places = &[
    (DiffBeforeCommit, 0),
    (DiffAfterCommit, 0),
    (PruneBeforeCommit, 0),
    (PruneAfterCommit, 0),
    (ReconcileBeforeCommit, 0),
    (ReconcileAfterCommit, 0),
    (ReplaceBeforeCommit, 0),
    (ReplaceAfterCommit, 0),
];
const TOGETHER: Places = &[(TogetherBeforeCommit, 1), (TogetherAfterCommit, 2)];
const DUMPING: Places =
    &[(DumpBeforeStore, 0), (DumpStored, 0), (ManifestBeforeStore, 0), (ManifestStored, 0)];
const CHECKING: Places = &[(CheckBeforeEnd, 0)];
const BETWEEN: Places = &[
    (ClaimBeforeCommit, 0),
    (ClaimAfterCommit, 0),
    (WorkBefore, 0),
    (WorkAfter, 1),
    (SettleBeforeCommit, 1),
    (SettleAfterCommit, 2),
    (AnnounceBeforePublish, 0),
    (AnnounceAfterPublish, 1),
    (AckBefore, 1),
    (AckAfter, 2),
];
const FAILING: Places = &[(FailBeforeCommit, 0), (FailAfterCommit, 0)];
const HANDING_BACK: Places = &[(HandBackBeforeCommit, 0), (HandBackAfterCommit, 0)];
const STOPPING: Places = &[(StopBeforeCommit, 0), (StopAfterCommit, 0)];
const SUBMITTING: Places = &[(SubmitBeforeCommit, 0), (SubmitAfterCommit, 0), (SubmitAfterPublish, 0)];
const SCHEDULING: Places = &[
    (FireBeforeCommit, 0),
    (SweepBeforePublish, 0),
    (SweepAfterPublish, 0),
    (ReapBeforeCommit, 0),
    (ReapAfterCommit, 0),
    (DutyAfterCommit, 0),
    (DutyAfterPublish, 0),
];

const REFILLING: Places = &[(RefillBeforeCommit, 0)];

#[test]
fn f13_every_place_has_its_death() {
    let lists = [
        FILLING,
        COMPARING,
        TOGETHER,
        DUMPING,
        CHECKING,
        BETWEEN,
        FAILING,
        HANDING_BACK,
        STOPPING,
        SUBMITTING,
        SCHEDULING,
        REFILLING,
    ];
    let covered: BTreeMap<_, _> = lists.into_iter().flatten().copied().collect();
    let missing: Vec<_> = Failpoint::ALL.iter().filter(|place| !covered.contains_key(place)).collect();
    assert!(missing.is_empty(), "nobody dies at {missing:?}");
}

/// The places where a process has yet to die.
struct Deadly(BTreeMap<Failpoint, u32>);

impl Deadly {
    fn of(places: Places) -> Self {
        Self(places.iter().copied().collect())
    }

    fn around(&self) -> Surroundings {
        let words: Vec<_> = self.0.iter().map(|(place, passed)| (*place, word(*passed))).collect();
        Surroundings::default().failpoints(words.iter().map(|(place, word)| (*place, word.as_str())))
    }

    /// If the process died, takes note of where and starts it again for the places left.
    fn revive(&mut self, process: &mut Process) -> bool {
        use std::os::unix::process::ExitStatusExt as _;
        let Some(status) = process.ended() else { return false };
        assert_eq!(status.signal(), Some(SIGABRT), "{} ended: {status}", process.name);
        let log = process.log();
        let last = log.lines().rfind(|line| line.contains("a test told this place")).unwrap().to_owned();
        let places: Vec<_> =
            self.0.keys().copied().filter(|p| last.contains(&format!("\"{}\"", p.as_str()))).collect();
        assert_eq!(places.len(), 1, "{last}");
        self.0.remove(&places[0]);
        process.start_again_in(self.around());
        true
    }
}

fn word(passed: u32) -> String {
    if passed == 0 { DIE.to_owned() } else { format!("{passed}*off->{DIE}") }
}

/// Short leases, small chunks.
async fn stack() -> Stack {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2"), ("CHUNK_ROWS", "500")]);
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    stack
}

/// Starts the only worker, deadly; the job goes on through all its deaths.
async fn dies_and_completes(stack: &mut Stack, job: &str, deadly: &mut Deadly) {
    stack.surround(deadly.around());
    if stack.workers.is_empty() {
        stack.start_worker();
    }
    until(&format!("job {job} ends though its worker dies"), seconds(150), async || {
        if deadly.revive(&mut stack.workers[0]) {
            return None;
        }
        stack.client.job(job).await.is_final().then_some(())
    })
    .await;
    stack.client.completed(job, seconds(1)).await;
    assert!(deadly.0.is_empty(), "nobody came by {:?}", deadly.0.keys());
    invariants::hold(stack).await;
}

#[tokio::test]
async fn f13_workers_die_at_every_place_of_a_fill() {
    let mut stack = stack().await;
    stack.ready().await;
    seed(&stack.source, 300).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    dies_and_completes(&mut stack, &job, &mut Deadly::of(FILLING)).await;
}

#[tokio::test]
async fn f13_workers_die_at_every_place_of_a_comparison() {
    let mut stack = stack().await;
    stack.ready().await;
    for schema in [&stack.source, &stack.target] {
        seed(schema, 300).await;
    }
    // To be inserted, updated, deleted; two rows swap a unique value; a table without a key.
    stack.target.run("SET foreign_key_checks = 0; DELETE FROM customers WHERE id % 9 = 0").await;
    stack.target.run("UPDATE orders SET state = 'open'; INSERT INTO settings VALUES ('extra', 1)").await;
    let swap = "UPDATE customers SET email = CASE id WHEN 1 THEN 'c2@example.com' ELSE 'c1@example.com' END
                WHERE id IN (1, 2)";
    stack.target.run("UPDATE customers SET email = CONCAT('was ', email) WHERE id IN (1, 2)").await;
    stack.target.run(swap).await;
    stack.target.run("DELETE FROM page_views LIMIT 7").await;
    let task = stack.task(&json!({"delete_extra": true})).await;
    let job = stack.client.submit(&task).await;
    dies_and_completes(&mut stack, &job, &mut Deadly::of(COMPARING)).await;
}

#[tokio::test]
async fn f13_workers_die_at_every_place_of_small_tables() {
    let mut stack = stack().await;
    stack.ready().await;
    for n in 0..40 {
        let table =
            format!("CREATE TABLE t{n} (id INT PRIMARY KEY); INSERT INTO t{n} SELECT seq FROM seq_1_to_9");
        stack.source.run(&table).await;
    }
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    dies_and_completes(&mut stack, &job, &mut Deadly::of(TOGETHER)).await;
}

#[tokio::test]
async fn f13_workers_die_at_every_place_of_a_backup_and_of_its_verification() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2")]);
    let bucket = Bucket::of_the_run();
    let shelf = stack.keep_packages(&bucket, bucket.port);
    stack.start_api();
    stack.start_scheduler();
    stack.ready().await;
    seed(&stack.source, 300).await;
    stack.source.run("CREATE TABLE big (id INT PRIMARY KEY, word VARCHAR(200))").await;
    stack.source.run("INSERT INTO big SELECT seq, REPEAT(MD5(seq), 6) FROM seq_1_to_120000").await;
    let connection = stack.client.connection(&stack.source).await;
    let body = json!({"connection_id": connection, "name": "nightly", "allow_untested": true});
    let job = stack.client.post("/v1/backups", &body).await.expect(202);
    dies_and_completes(&mut stack, &job.id(), &mut Deadly::of(DUMPING)).await;
    let backup = job.body["spec"]["backup_id"].as_str().unwrap();
    let shelved = shelf.package(&stack.control, backup).await;
    for table in &shelved.manifest.tables {
        let rows = shelved.rows(&table.name).await;
        let sql = format!("SELECT COUNT(*) FROM {}", quoted(&table.name));
        assert_eq!(
            (count(&rows), table.rows),
            (table.rows, stack.source.value::<u64>(&sql).await),
            "{}",
            table.name
        );
    }
    stack.workers.clear();
    let job = stack.client.post(&format!("/v1/backups/{backup}/verifications"), &json!({})).await.expect(202);
    dies_and_completes(&mut stack, &job.id(), &mut Deadly::of(CHECKING)).await;
}

#[tokio::test]
async fn f13_workers_die_between_claim_work_and_settlement() {
    let mut stack = stack().await;
    stack.ready().await;
    let job = stack.client.post("/v1/probes", &json!({"steps": 60})).await.expect(202).id();
    dies_and_completes(&mut stack, &job, &mut Deadly::of(BETWEEN)).await;
}

/// Another worker, told what to do at these places; workers before it have ended.
async fn begin_worker(stack: &mut Stack, told: &[(Failpoint, &str)]) {
    stack.surround(Surroundings::default().failpoints(told.iter().copied()));
    stack.start_worker().ready().await;
}

#[tokio::test]
async fn f13_workers_die_while_they_write_down_a_failure() {
    let mut stack = stack().await;
    for (place, _) in FAILING {
        begin_worker(&mut stack, &[(WorkBefore, "1*return(error)"), (*place, DIE)]).await;
        let job = stack.client.post("/v1/probes", &json!({"steps": 1})).await.expect(202).id();
        let worker = stack.workers.last_mut().unwrap();
        worker.end(seconds(10)).await;
        assert!(worker.log().contains(place.as_str()), "it came by {place:?}");
        worker.start_again_in(Surroundings::default());
        stack.client.completed(&job, seconds(40)).await;
        stack.workers.last_mut().unwrap().terminate(seconds(10)).await;
    }
    // Somebody has to take the messages that came twice.
    begin_worker(&mut stack, &[]).await;
    invariants::hold(&stack).await;
}

/// A long probe in the worker's hands.
async fn held_probe(stack: &Stack, body: Value) -> String {
    let job = stack.client.post("/v1/probes", &body).await.expect(202).id();
    super::in_hand(stack, &job, "probe_plan").await;
    job
}

#[tokio::test]
async fn f13_workers_die_while_they_hand_a_step_back() {
    let mut stack = stack().await;
    stack.set(&[("GRACE_SECONDS", "2")]);
    for (place, _) in HANDING_BACK {
        begin_worker(&mut stack, &[(*place, DIE)]).await;
        let job = held_probe(&stack, json!({"steps": 1, "seconds": 3.0})).await;
        let worker = stack.workers.last_mut().unwrap();
        worker.terminate(seconds(10)).await;
        assert!(worker.log().contains(place.as_str()), "it came by {place:?}");
        worker.start_again_in(Surroundings::default());
        stack.client.completed(&job, seconds(40)).await;
        stack.workers.last_mut().unwrap().terminate(seconds(10)).await;
    }
    begin_worker(&mut stack, &[]).await;
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f13_workers_die_while_they_give_a_cancelled_step_up() {
    let mut stack = stack().await;
    for (place, _) in STOPPING {
        begin_worker(&mut stack, &[(*place, DIE)]).await;
        let job = held_probe(&stack, json!({"steps": 1, "seconds": 60.0})).await;
        stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
        stack.workers.last_mut().unwrap().end(seconds(20)).await;
        let ended = stack.client.ended(&job, seconds(30)).await;
        assert_eq!(ended.state, "cancelled", "{place:?}: {ended:#?}");
    }
    begin_worker(&mut stack, &[]).await;
    invariants::hold(&stack).await;
}

/// A task that is due now, as no test of a scheduler's life could wait for it.
async fn due(stack: &Stack) {
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1)").await;
    stack.task(&json!({"schedule": {"cron": "0 0 1 1 *", "time_zone": "UTC"}})).await;
    let due = "date_trunc('minute', now()) - interval '10 minutes'";
    let sql = format!(
        "UPDATE schedules SET next_run_at = {due}, spec = jsonb_build_object(
             'cron', extract(minute FROM {due})::integer || ' * * * *', 'time_zone', 'UTC')"
    );
    stack.control.run(&sql).await;
}

#[tokio::test]
async fn f13_schedulers_die_at_every_place_of_their_duties() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("LEASE_SECONDS", "2"), ("WORKER_PERMITS", "1")]);
    // This API owes every message to the sweep; this worker dies with a step in hand.
    stack.surround(Surroundings::default().failpoints([(SubmitAfterCommit, "return(error)")]));
    stack.start_api();
    stack.surround(Surroundings::default().failpoints([(ClaimAfterCommit, "2*off->1*return(die)")]));
    stack.start_worker();
    stack.ready().await;
    let mut deadly = Deadly::of(SCHEDULING);
    stack.surround(deadly.around());
    stack.start_scheduler();
    due(&stack).await;
    let job = stack.client.post("/v1/probes", &json!({"steps": 8, "seconds": 2.0})).await.expect(202).id();
    let mut deaths = 0;
    let fired = "SELECT count(*) FROM jobs WHERE requested_by_kind = 'schedule' AND state = 'completed'";
    until("all is done though the scheduler dies", seconds(150), async || {
        deadly.revive(&mut stack.schedulers[0]);
        if stack.workers[0].ended().is_some() {
            deaths += 1;
            stack.workers[0].start_again();
        }
        if deaths == 3 && stack.workers.len() == 1 {
            stack.surround(Surroundings::default());
            stack.start_worker();
        }
        let done = stack.client.job(&job).await.is_final() && stack.control.value::<i64>(fired).await == 1;
        done.then_some(())
    })
    .await;
    assert!(deadly.0.is_empty(), "nobody came by {:?}", deadly.0.keys());
    stack.client.completed(&job, seconds(1)).await;
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f13_a_scheduler_dies_while_it_fills_the_window_of_a_worker_that_joined() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("WORKER_PERMITS", "1")]);
    stack.start_api();
    stack.start_worker();
    stack.ready().await;
    let job = stack.client.post("/v1/probes", &json!({"steps": 5, "seconds": 6.0})).await.expect(202).id();
    super::in_hand(&stack, &job, "probe").await;
    let mut deadly = Deadly::of(REFILLING);
    stack.surround(deadly.around());
    stack.start_scheduler();
    stack.surround(Surroundings::default());
    stack.start_worker();
    until("it ends though the scheduler dies", seconds(100), async || {
        deadly.revive(&mut stack.schedulers[0]);
        stack.client.job(&job).await.is_final().then_some(())
    })
    .await;
    assert!(deadly.0.is_empty(), "nobody came by {:?}", deadly.0.keys());
    stack.client.completed(&job, seconds(1)).await;
    invariants::hold(&stack).await;
}
