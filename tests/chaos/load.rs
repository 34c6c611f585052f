//! The load: each pair is changed, synchronised, sometimes cancelled, and held against its
//! source; probes of many steps and tests of the connections come on top; a schedule fires beside all that.

use std::panic::AssertUnwindSafe;
use std::time::Duration;

use futures::FutureExt as _;
use longshore_tests::agree::agree;
use rand::rngs::StdRng;
use rand::{Rng as _, SeedableRng as _};
use reqwest::Method;
use serde_json::json;
use sqlx::AssertSqlSafe;

use crate::ask::{Caller, Reply, pause};
use crate::customers::Pair;
use crate::world::World;

/// How long the soak's own statements may take in PostgreSQL.
const PATIENCE: Duration = Duration::from_secs(5);

/// Everything that asks for work, until the time is over.
pub(crate) async fn run(world: &World<'_>, pairs: &[Pair], seed: u64) {
    let rng = |lane: u64| StdRng::seed_from_u64(seed.wrapping_mul(1_000).wrapping_add(lane));
    let syncs = pairs.iter().zip(0..).map(|(pair, lane)| {
        let rng = rng(lane);
        async move {
            if pair.scheduled {
                Box::pin(quiet_changes(world, pair, rng)).await;
            } else {
                Box::pin(syncs(world, pair, rng)).await;
            }
        }
    });
    let tests = pairs.iter().zip(300..).map(|(pair, lane)| tests(world, pair, rng(lane)));
    let probes = world.tokens.iter().zip(100..).map(|(token, lane)| probes(world, token, rng(lane)));
    futures::join!(
        futures::future::join_all(syncs),
        futures::future::join_all(probes),
        futures::future::join_all(tests),
        limits(world, rng(200)),
        replays(world, rng(201)),
    );
}

/// Change, run, look; again and again.
async fn syncs(world: &World<'_>, pair: &Pair, mut rng: StdRng) {
    let caller = Caller::new(world, &world.tokens[pair.organisation]);
    let path = format!("/v1/sync-tasks/{}/runs", pair.task);
    while !world.is_over() {
        {
            let _whole = world.whole_customers().await;
            pair.change(&mut rng).await;
        }
        let Some(job) = caller.submit(&mut rng, &path, &json!({})).await else { return };
        if rng.random_bool(0.2) {
            pause(&mut rng, 0.0, 4.0).await;
            caller.cancel(&mut rng, &job).await;
        }
        // The source is quiet until both have ended.
        let rival = match pair.rival.as_ref().filter(|_| rng.random_bool(0.5)) {
            Some(task) => {
                let path = format!("/v1/sync-tasks/{task}/runs");
                let Some(job) = caller.submit(&mut rng, &path, &json!({})).await else { return };
                Some(job)
            }
            None => None,
        };
        let Some(state) = caller.ended(&mut rng, &job).await else { return };
        world.chronicle.count(&format!("{} run {state}", pair.name));
        if let Some(rival) = rival {
            let Some(state) = caller.ended(&mut rng, &rival).await else { return };
            world.chronicle.count(&format!("{} rival {state}", pair.name));
        }
        if state == "completed" && rng.random_bool(0.5) {
            compare(world, pair, &job).await;
        }
        pause(&mut rng, 0.0, 1.5).await;
    }
}

/// What a completed run promises holds at once, not only after the next one.
pub(crate) async fn compare(world: &World<'_>, pair: &Pair, job: &str) {
    let _whole = world.whole_customers().await;
    let look = AssertUnwindSafe(Box::pin(agree(&pair.source, &pair.target))).catch_unwind().await;
    world.chronicle.count("comparisons");
    if let Err(panic) = look {
        let said = crate::said(panic.as_ref());
        world.chronicle.wrong(&format!("{}: job {job} is completed, but {said}", pair.name));
    }
}

/// A scheduled task's source changes in moments when no run of it can be under way: the
/// task's row is locked against the schedule and against people.
async fn quiet_changes(world: &World<'_>, pair: &Pair, mut rng: StdRng) {
    let caller = Caller::new(world, &world.tokens[pair.organisation]);
    let path = format!("/v1/sync-tasks/{}/runs", pair.task);
    while !world.is_over() {
        pause(&mut rng, 3.0, 9.0).await;
        // A person runs it beside its schedule: the one waits for the other.
        if rng.random_bool(0.5) {
            let _ = caller.submit(&mut rng, &path, &json!({})).await;
        }
        let _whole = world.whole_customers().await;
        // A run is under way, or PostgreSQL is away: another time.
        let locked = tokio::time::timeout(PATIENCE, lock_idle_task(world, pair)).await;
        let Ok(Ok(Some(tx))) = locked else { continue };
        pair.change(&mut rng).await;
        let _ = tokio::time::timeout(PATIENCE, tx.commit()).await;
        world.chronicle.count("changes beside a schedule");
    }
}

/// Locks the task, unless a run of it is under way.
async fn lock_idle_task(
    world: &World<'_>,
    pair: &Pair,
) -> Result<Option<sqlx::Transaction<'static, sqlx::Postgres>>, sqlx::Error> {
    let mut tx = world.stack.control.admin.begin().await?;
    let lock = format!("SELECT 1 FROM schedules WHERE subject_id = '{}' FOR UPDATE", pair.task);
    sqlx::query(AssertSqlSafe(lock)).execute(&mut *tx).await?;
    let active = format!(
        "SELECT count(*) FROM jobs WHERE subject_id = '{}' AND state IN ('pending', 'running')",
        pair.task
    );
    let active: i64 = sqlx::query_scalar(AssertSqlSafe(active)).fetch_one(&mut *tx).await?;
    Ok((active == 0).then_some(tx))
}

/// Probes: many steps, a burst of single ones, some cancelled.
async fn probes(world: &World<'_>, token: &str, mut rng: StdRng) {
    let caller = Caller::new(world, token);
    while !world.is_over() {
        let (steps, rest) = [(1, 0.0), (1, 1.5), (7, 0.6), (40, 0.1), (150, 0.0)][rng.random_range(0..5)];
        let body = json!({"steps": steps, "seconds": rest});
        let Some(job) = caller.submit(&mut rng, "/v1/probes", &body).await else { return };
        if rng.random_bool(0.15) {
            pause(&mut rng, 0.0, 2.0).await;
            caller.cancel(&mut rng, &job).await;
        }
        // Some are never looked at again before the end.
        if rng.random_bool(0.7) {
            let Some(state) = caller.ended(&mut rng, &job).await else { return };
            world.chronicle.count(&format!("probe {state}"));
        }
        pause(&mut rng, 0.2, 2.0).await;
    }
}

/// Somebody tests the connections that runs use, and at times does not wait for the end.
async fn tests(world: &World<'_>, pair: &Pair, mut rng: StdRng) {
    let caller = Caller::new(world, &world.tokens[pair.organisation]);
    while !world.is_over() {
        pause(&mut rng, 1.0, 5.0).await;
        let path = format!("/v1/connections/{}/test", pair.connections[rng.random_range(0..2)]);
        let Some(job) = caller.submit(&mut rng, &path, &json!({})).await else { return };
        if rng.random_bool(0.2) {
            caller.cancel(&mut rng, &job).await;
        }
        if rng.random_bool(0.7) {
            let Some(state) = caller.ended(&mut rng, &job).await else { return };
            world.chronicle.count(&format!("connection test {state}"));
        }
    }
}

/// An operator turns an organisation's limit of steps up and down while its jobs run.
async fn limits(world: &World<'_>, mut rng: StdRng) {
    let caller = Caller::new(world, &world.tokens[1]);
    while !world.is_over() {
        pause(&mut rng, 4.0, 15.0).await;
        let body =
            [json!({}), json!({"max_steps": 1}), json!({"max_steps": 3})][rng.random_range(0..3)].clone();
        match caller.send(&mut rng, Method::PUT, "/v1/organisation/limits", Some(&body)).await {
            Reply::Answer(200, _) => world.chronicle.count("limits changed"),
            Reply::Answer(status, answer) => {
                world.chronicle.wrong(&format!("PUT limits: {status} {answer}"));
            }
            Reply::Lost => {}
        }
    }
}

/// An operator replays whatever was put aside, wanted or not.
async fn replays(world: &World<'_>, mut rng: StdRng) {
    let caller = Caller::new(world, &world.tokens[0]);
    while !world.is_over() {
        pause(&mut rng, 8.0, 20.0).await;
        let path = "/v1/dead-letters/replay";
        match caller.send(&mut rng, Method::POST, path, Some(&json!({}))).await {
            Reply::Answer(200, _) => world.chronicle.count("replays of dead letters"),
            Reply::Answer(status, answer) => {
                world.chronicle.wrong(&format!("POST {path}: {status} {answer}"));
            }
            Reply::Lost => {}
        }
    }
}
