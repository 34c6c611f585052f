//! After the faults: everything runs again, and every job has to reach its end by itself; then
//! one more run of each task has to find nothing in its way.

use std::time::Duration;

use futures::future::join_all;
use longshore_tests::wait::seconds;
use serde_json::json;

use crate::customers::Pair;
use crate::load::compare;
use crate::world::World;

/// The longest pause of a retry (64 s at the fourth), some lapsed leases and a loaded
/// machine: nothing else may keep a job from its end.
const PATIENCE: Duration = Duration::from_secs(240);
/// How long a run without faults may take.
const CLEAN_RUN: Duration = Duration::from_secs(120);
/// Lines of each log that are shown when something is stuck.
const TAIL: usize = 25;

/// Waits until every job is final; `false` and a dump when one is not.
pub(crate) async fn all_final(world: &World<'_>, pairs: &[Pair]) -> bool {
    let control = &world.stack.control;
    control.run("UPDATE schedules SET enabled = false, next_run_at = NULL").await;
    for node in &world.nodes {
        let mut process = node.process.lock().await;
        if let Some(status) = process.ended() {
            world.chronicle.wrong(&format!("{} ended by itself: {status}", node.name));
            process.start_again();
        }
        process.ready().await;
    }
    world.chronicle.say("every process is ready");
    let began = world.chronicle.now();
    let mut told = began;
    loop {
        let open: i64 = control.value("SELECT count(*) FROM jobs WHERE ended_at IS NULL").await;
        let now = world.chronicle.now();
        if open == 0 {
            world.chronicle.say(&format!(
                "every job is final, {:.1} s after the last fault",
                (now - world.over).as_secs_f64()
            ));
            return true;
        }
        if now - began > PATIENCE {
            world.chronicle.wrong(&format!("{open} jobs are stuck"));
            dump(world, pairs).await;
            return false;
        }
        if now - told > seconds(10) {
            told = now;
            let out: i64 = control.value("SELECT count(*) FROM steps WHERE state = 'running'").await;
            world.chronicle.say(&format!("{open} jobs are not final, {out} steps are held"));
        }
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}

/// Every task runs once more, undisturbed, and its target is its source's equal.
pub(crate) async fn last_runs(world: &World<'_>, pairs: &[Pair]) {
    let runs = pairs.iter().map(|pair| async move {
        let client = world.apis[0].with_token(Some(&world.tokens[pair.organisation]));
        let path = format!("/v1/sync-tasks/{}/runs", pair.task);
        let job = client.post(&path, &json!({})).await.expect(202).id();
        world.book.may_be_made();
        world.book.accepted(&job);
        let ended = client.ended(&job, CLEAN_RUN).await;
        if ended.state != "completed" {
            let why = ended.failure;
            world.chronicle.wrong(&format!("{}: the last run is {}: {why:?}", pair.name, ended.state));
        }
        job
    });
    let jobs = join_all(runs).await;
    for (pair, job) in pairs.iter().zip(&jobs) {
        compare(world, pair, job).await;
    }
    world.chronicle.say("every task has run once more, and every target is its source's equal");
}

/// Everything that could tell why something is stuck.
async fn dump(world: &World<'_>, pairs: &[Pair]) {
    for (what, sql) in [
        (
            "jobs that are not final",
            "SELECT concat_ws(' ', id, kind, state, 'ending', ending, 'subject', subject_id, created_at, started_at)
             FROM jobs WHERE ended_at IS NULL",
        ),
        (
            "their steps that have not ended",
            "SELECT concat_ws(' ', job_id, id, kind, state, queue, 'attempt', attempt, 'token', token,
                 'lease', lease_until, worker_name, 'announced', announced_at, 'ordinal', ordinal)
             FROM steps WHERE ended_at IS NULL AND job_id IN (SELECT id FROM jobs WHERE ended_at IS NULL)
             ORDER BY job_id, ordinal LIMIT 60",
        ),
        (
            "unpublished messages",
            "SELECT concat_ws(' ', id, job_id, step_id, queue, 'not before', not_before)
             FROM outbox WHERE published_at IS NULL ORDER BY id LIMIT 40",
        ),
        (
            "their logs' ends",
            "SELECT concat_ws(' ', job_id, at, level, message, worker) FROM job_log
             WHERE job_id IN (SELECT id FROM jobs WHERE ended_at IS NULL) ORDER BY at DESC LIMIT 60",
        ),
        ("workers", "SELECT concat_ws(' ', name, permits, heartbeat_at) FROM workers"),
        ("now", "SELECT now()::text"),
    ] {
        world.chronicle.say(&format!("{what}:"));
        for line in world.stack.control.column::<String>(sql).await {
            world.chronicle.say(&format!("    {line}"));
        }
    }
    for (queue, messages) in world.stack.broker.holding().await {
        world.chronicle.say(&format!("queue {queue}: {messages}"));
    }
    for pair in pairs {
        world.chronicle.say(&format!("{}: task {}, target {}", pair.name, pair.task, pair.target.name));
    }
    for node in &world.nodes {
        let log = node.process.lock().await.log();
        let lines: Vec<_> = log.lines().collect();
        world.chronicle.say(&format!("the end of {}'s log:", node.name));
        for line in &lines[lines.len().saturating_sub(TAIL)..] {
            world.chronicle.say(&format!("    {line}"));
        }
    }
}
