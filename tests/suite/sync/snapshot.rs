//! One point of the source, whoever reads it (S10): money that moves all the time is all there
//! on the target, by every means of fixing the point, with any number of workers, and when one
//! of them dies.

use std::time::Duration;

use longshore_shared::failpoint::Failpoint;
use longshore_tests::bank::{Bank, TOTAL};
use longshore_tests::client::Job;
use longshore_tests::fleet::Surroundings;
use longshore_tests::proxy::{End, Flow};
use longshore_tests::schema::Schema;
use longshore_tests::servers::{Held, Servers};
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use mysql_async::prelude::Queryable as _;
use nix::sys::signal::Signal;
use serde_json::json;
use tokio::task::JoinSet;

/// Many ranges, so that views of two moments would show.
const RANGES: &[(&str, &str)] = &[("CHUNK_ROWS", "250"), ("WORKER_PERMITS", "2")];
/// Runs of each case.
const RUNS: usize = 3;

/// A stack with so many workers and a bank at its source.
async fn stack(workers: usize) -> Stack {
    Stack::with_workers(workers, RANGES).await
}

/// Whether the point was fixed by this means, as the worker that led tells.
fn fixed_by(stack: &Stack, means: &str) -> usize {
    stack.logs().matches(&format!("the snapshot's point is fixed: {means}")).count()
}

async fn task(stack: &Stack) -> String {
    stack.task(&json!({"delete_extra": true})).await
}

/// The servers that only tests need, to each of which the same is done as to the run's.
const KINDS: [&str; 3] = ["mysql57", "mysql9", "mariadb11"];

/// A server of a kind that only tests need; none if somebody chose to do without it.
fn own(kind: &str) -> Option<Held> {
    Servers::is_wanted(kind).then(|| Held::start(kind))
}

/// Syncs again and again while money moves; each time all of it arrives.
async fn money_is_all_there(stack: &Stack, task: &str, runs: usize) -> Vec<Job> {
    let bank = Bank::open(&stack.source, 3).await;
    let mut jobs = Vec::new();
    for run in 0..runs {
        let before = bank.moves();
        let job = stack.client.submit(task).await;
        let job = stack.client.completed(&job, seconds(60)).await;
        let moved = bank.moves() - before;
        assert!(moved > 20, "the clerks slept: {moved} moves");
        assert_eq!(Bank::money(&stack.target).await, TOTAL, "run {run}, {moved} moves meanwhile");
        jobs.push(job);
    }
    assert!(bank.longest() < Duration::from_secs(4), "the bank stood still for {:?}", bank.longest());
    bank.close().await;
    assert_eq!(Bank::money(&stack.source).await, TOTAL, "the clerks are honest");
    jobs
}

#[tokio::test]
async fn s10_one_two_and_four_workers_read_one_point() {
    for workers in [1, 2, 4] {
        let stack = stack(workers).await;
        Bank::found(&stack.source).await;
        let task = task(&stack).await;
        let jobs = money_is_all_there(&stack, &task, RUNS).await;
        assert_eq!(fixed_by(&stack, "Blocked (CommitLock)"), RUNS, "{workers} workers");
        let most = jobs.iter().map(|job| job.workers().len()).max();
        assert_eq!(most, Some(workers), "all of {workers} workers have read");
    }
}

#[tokio::test]
async fn s10_few_rights_suffice() {
    let stack = stack(2).await;
    Bank::found(&stack.source).await;
    let task = task(&stack).await;
    few_rights_suffice(&stack, &task, RUNS).await;
}

/// The less an account may do, the less of the fleet reads, and never two points.
async fn few_rights_suffice(stack: &Stack, task: &str, runs: usize) {
    let (name, user) = (&stack.source.name, format!("'{}'@'127.0.0.1'", stack.source.username));
    let schema = name.replace('_', "\\_");
    for (rights, means, readers) in [
        ("SELECT, LOCK TABLES, SHOW VIEW, TRIGGER", "Blocked (TableLocks)", 2),
        ("SELECT, SHOW VIEW, TRIGGER", "Single", 1),
    ] {
        stack.source.run(&format!("REVOKE ALL, GRANT OPTION FROM {user}")).await;
        stack.source.run(&format!("GRANT {rights} ON `{schema}`.* TO {user}")).await;
        let jobs = money_is_all_there(stack, task, runs).await;
        assert_eq!(fixed_by(stack, means), runs, "{rights}");
        let most = jobs.iter().map(|job| job.workers().len()).max();
        assert_eq!(most, Some(readers), "{rights}");
        let warned = jobs.iter().all(|job| job.warnings.iter().any(|line| line.contains("RELOAD")));
        assert_eq!(warned, readers == 1, "{rights}");
    }
}

#[tokio::test]
async fn s10_equal_places_of_the_log_stop_nobody() {
    let own = Held::start_with("mariadb:1", &["mariadb-1=log-bin=binlog"]);
    let mut stack = stack(2).await;
    stack.source = Schema::make(&own.mariadb[0], "source").await;
    Bank::found(&stack.source).await;
    let user = format!("'{}'@'127.0.0.1'", stack.source.username);
    stack.source.run(&format!("REVOKE RELOAD ON *.* FROM {user}")).await;
    let task = task(&stack).await;
    // A bank that is closed: one look is enough.
    let job = stack.run_completed(&task).await;
    assert_eq!((fixed_by(&stack, "Unchanged"), job.workers().len()), (1, 2));
    // Whoever watches the server disturbs what it tells others of its log.
    let mut watchers = JoinSet::new();
    for query in ["SHOW GLOBAL STATUS", "SHOW STATUS LIKE 'Binlog%'"] {
        let mut session = stack.source.session().await;
        watchers.spawn(async move { while session.query_drop(query).await.is_ok() {} });
    }
    money_is_all_there(&stack, &task, RUNS).await;
    assert!(fixed_by(&stack, "Unchanged") > 1 || fixed_by(&stack, "Blocked (TableLocks)") > 0);
    watchers.shutdown().await;
    stack.source.remove().await;
}

#[tokio::test]
async fn s10_other_releases_are_read_at_one_point_with_many_rights_and_few() {
    for kind in KINDS {
        let Some(server) = own(kind) else { continue };
        let mut stack = stack(2).await;
        stack.move_to(Some(&server.mariadb[0]), None).await;
        Bank::found(&stack.source).await;
        let task = task(&stack).await;
        money_is_all_there(&stack, &task, RUNS).await;
        let means = if kind == "mariadb11" { "Blocked (CommitLock)" } else { "Blocked (ReadLock)" };
        assert_eq!(fixed_by(&stack, means), RUNS, "{kind}");
        few_rights_suffice(&stack, &task, 1).await;
        stack.source.remove().await;
    }
}

#[tokio::test]
async fn s10_f33_a_reader_that_dies_takes_nothing_with_it() {
    readers_die(None).await;
}

#[tokio::test]
async fn s10_f33_a_reader_of_other_releases_that_dies_takes_nothing_with_it() {
    for kind in KINDS {
        let Some(server) = own(kind) else { continue };
        readers_die(Some(&server)).await;
    }
}

async fn readers_die(server: Option<&Held>) {
    let mut stack = stack(2).await;
    stack.move_to(server.map(|own| &own.mariadb[0]), None).await;
    Bank::found(&stack.source).await;
    let bank = Bank::open(&stack.source, 2).await;
    let task = task(&stack).await;
    for victims in [1, 2] {
        stack.target.run("DROP TABLE IF EXISTS giro, savings").await;
        let job = stack.client.submit(&task).await;
        let some =
            format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND kind = 'copy' AND state = 'done'");
        until("some ranges are there", seconds(30), async || {
            (stack.control.value::<i64>(&some).await >= 3).then_some(())
        })
        .await;
        for worker in stack.workers.iter_mut().take(victims) {
            worker.kill();
            worker.start_again();
        }
        assert!(!stack.client.job(&job).await.is_final(), "it was killed in the middle");
        stack.client.completed(&job, seconds(90)).await;
        assert_eq!(Bank::money(&stack.target).await, TOTAL, "{victims} of 2 killed");
        let generation = format!("SELECT generation FROM job_holds WHERE job_id = '{job}'");
        let expected = if victims == 2 { 2 } else { 1 };
        assert_eq!(stack.control.value::<i32>(&generation).await, expected, "{victims} of 2 killed");
    }
    bank.close().await;
}

/// A step that fails while it asks the worker's one session of the snapshot whether it lives
/// leaves it to the next one.
#[tokio::test]
async fn s10_a_step_that_fails_before_it_reads_takes_no_session_with_it() {
    let mut stack = Stack::prepared().await;
    stack.set(&[("WORKER_PERMITS", "1")]);
    let (source, target) = (stack.proxy(Upstream::Source), stack.proxy(Upstream::Target));
    stack.start_api();
    stack.start_scheduler();
    // Plan and snapshot go through; before the first step that reads, its session is idle so long
    // that it has to prove itself.
    let late = [(Failpoint::WorkBefore, "2*off->1*return(rest 7000)")];
    stack.surround(Surroundings::default().failpoints(late));
    stack.start_worker();
    stack.ready().await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await;
    let task = task(&stack).await;
    let job = stack.client.submit(&task).await;
    let says = async |word: &str| {
        until(word, seconds(20), async || stack.workers[0].log().contains(word).then_some(())).await;
    };
    says(Failpoint::WorkBefore.as_str()).await;
    source.set(Flow::Slow(Duration::from_secs(1)));
    target.set(Flow::CutEach(0, End::Reset));
    says("the step failed").await;
    source.set(Flow::Pass);
    target.set(Flow::Pass);
    // A session that is lost would be waited for, half a minute each time.
    stack.client.completed(&job, seconds(25)).await;
    assert_eq!(stack.target.value::<i64>("SELECT COUNT(*) FROM t").await, 2);
}

/// The worker that leads freezes while commits are stopped: the server frees them by itself.
#[tokio::test]
async fn s10_a_frozen_leader_holds_nobody_up_for_long() {
    leader_freezes(None).await;
}

#[tokio::test]
async fn s10_a_frozen_leader_holds_nobody_of_other_releases_up_for_long() {
    for kind in KINDS {
        let Some(server) = own(kind) else { continue };
        leader_freezes(Some(&server)).await;
    }
}

async fn leader_freezes(server: Option<&Held>) {
    let mut stack = Stack::prepared().await;
    stack.move_to(server.map(|own| &own.mariadb[0]), None).await;
    stack.set(RANGES);
    stack.start_api();
    stack.start_scheduler();
    stack.surround(Surroundings::default().failpoints([(Failpoint::PointStopped, "1*return(wait)")]));
    stack.start_worker();
    stack.ready().await;
    Bank::found(&stack.source).await;
    let task = task(&stack).await;
    let job = stack.client.submit(&task).await;
    let leads = format!("SELECT count(*) FROM job_holds WHERE job_id = '{job}' AND phase = 'enlisting'");
    until("it leads", seconds(20), async || (stack.control.value::<i64>(&leads).await == 1).then_some(()))
        .await;
    let bank = Bank::open(&stack.source, 2).await;
    let stands = until("the bank stands still", seconds(20), async || {
        let before = bank.moves();
        tokio::time::sleep(Duration::from_millis(400)).await;
        (bank.moves() == before).then_some(before)
    })
    .await;
    stack.workers[0].signal(Signal::SIGSTOP);
    until("the server frees the bank", seconds(9), async || (bank.moves() > stands).then_some(())).await;
    stack.surround(Surroundings::default());
    stack.start_worker().ready().await;
    stack.client.completed(&job, seconds(60)).await;
    assert_eq!(Bank::money(&stack.target).await, TOTAL);
    bank.close().await;
    stack.workers[0].signal(Signal::SIGCONT);
}

/// A change of a table's structure in the middle of the reading: it waits for one range at most,
/// and the job says which table it was, or has read it before.
const CHANGES: [&str; 5] = [
    "ALTER TABLE giro ADD COLUMN more INT, ALGORITHM=COPY",
    "DROP TABLE giro",
    "ALTER TABLE giro DROP COLUMN note",
    "TRUNCATE TABLE giro",
    "RENAME TABLE giro TO former",
];

#[tokio::test]
async fn s10_d26_a_table_that_changes_in_the_middle_is_said_by_name() {
    tables_change(None, &CHANGES).await;
}

#[tokio::test]
async fn s10_d26_a_table_of_other_releases_that_changes_in_the_middle_is_said_by_name() {
    for kind in KINDS {
        let Some(server) = own(kind) else { continue };
        tables_change(Some(&server), &CHANGES[..3]).await;
    }
}

async fn tables_change(server: Option<&Held>, changes: &[&str]) {
    for change in changes {
        let mut stack = Stack::prepared().await;
        stack.move_to(server.map(|own| &own.mariadb[0]), None).await;
        stack.set(RANGES);
        stack.surround(
            Surroundings::default().failpoints([(Failpoint::CopyBeforeCommit, "return(rest 300)")]),
        );
        stack.start_all().await;
        Bank::found(&stack.source).await;
        // As long as it takes by itself on this machine just now, and one chunk at most.
        let alone = change.replace("giro", "twin");
        stack.source.run("CREATE TABLE twin LIKE giro; INSERT INTO twin SELECT * FROM giro").await;
        let bound = Duration::from_secs(2) + 4 * timed(&stack.source, &alone).await;
        stack.source.run("DROP TABLE IF EXISTS twin, former").await;
        let task = task(&stack).await;
        let job = stack.client.submit(&task).await;
        let some =
            format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND kind = 'copy' AND state = 'done'");
        until("a range is there", seconds(30), async || {
            (stack.control.value::<i64>(&some).await >= 1).then_some(())
        })
        .await;
        let took = timed(&stack.source, change).await;
        assert!(took < bound, "{change} waited for {took:?}, more than {bound:?}");
        let job = stack.client.ended(&job, seconds(60)).await;
        assert_eq!(
            (job.state.as_str(), job.why().code.as_str()),
            ("failed", "structure_changed"),
            "{change}"
        );
        assert!(job.why().message.contains("giro"), "{change}: {}", job.why().message);
    }
}

/// How long statements take.
async fn timed(schema: &Schema, sql: &str) -> Duration {
    let since = std::time::Instant::now();
    schema.run(sql).await;
    since.elapsed()
}

/// Tables without versions are read, and said to be no part of the snapshot (D29).
#[tokio::test]
async fn s10_d29_a_table_without_versions_is_flagged() {
    let stack = stack(1).await;
    stack
        .source
        .run("CREATE TABLE old (id INT PRIMARY KEY) ENGINE=MyISAM; INSERT INTO old VALUES (1), (2)")
        .await;
    stack.source.run("CREATE TABLE fresh (id INT PRIMARY KEY) ENGINE=InnoDB").await;
    let task = task(&stack).await;
    let job = stack.run_completed(&task).await;
    let warned: Vec<_> = job.warnings.iter().filter(|line| line.contains("keep no versions")).collect();
    assert!(
        warned.len() == 1 && warned[0].contains("old (MyISAM)") && !warned[0].contains("fresh"),
        "{warned:?}"
    );
}

/// What keeps all workers from holding ends the job by its own name.
#[tokio::test]
async fn s10_why_nobody_can_hold_is_said() {
    let mut stack = Stack::prepared().await;
    stack.set(RANGES);
    stack.start_api();
    stack.start_scheduler();
    stack.surround(Surroundings::default().failpoints([(Failpoint::PlanAfterCreate, "1*return(rest 3000)")]));
    stack.start_worker();
    stack.ready().await;
    Bank::found(&stack.source).await;
    let task = task(&stack).await;
    let job = stack.client.submit(&task).await;
    until("it is planned", seconds(20), async || (!stack.target.tables().await.is_empty()).then_some(()))
        .await;
    let user = format!("'{}'@'127.0.0.1'", stack.source.username);
    stack.source.run(&format!("ALTER USER {user} IDENTIFIED BY 'another one'")).await;
    let job = stack.client.ended(&job, seconds(30)).await;
    assert_eq!((job.state.as_str(), job.why().code.as_str()), ("failed", "login_refused"));
}
