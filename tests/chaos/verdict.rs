//! What has to hold at the end, beside the harness's own invariants: nothing that was
//! accepted is lost, nobody was cancelled unasked, and no job failed but for a reason that
//! the soak itself made.

use std::panic::AssertUnwindSafe;

use futures::FutureExt as _;
use longshore_tests::invariants;

use crate::chronicle::Struck;
use crate::customers::Pair;
use crate::said;
use crate::world::World;

/// Attempts that the one retry policy allows.
const ATTEMPTS: f64 = 5.0;
/// What a process of Longshore may take of the machine's memory, in MiB.
const MEMORY: u64 = 400;

/// Everything that has to hold.
pub(crate) async fn judge(world: &World<'_>, pairs: &[Pair]) {
    let wrong = |text: &str| world.chronicle.wrong(text);
    let rest = AssertUnwindSafe(Box::pin(at_rest(world, pairs))).catch_unwind().await;
    if let Err(panic) = rest {
        wrong(&said(panic.as_ref()));
    }
    accepted(world).await;
    failures(world).await;
    for (what, sql) in [
        (
            "a due time has two jobs",
            "SELECT subject_id || ' ' || due_at FROM jobs WHERE due_at IS NOT NULL
             GROUP BY subject_id, due_at HAVING count(*) > 1"
                .to_owned(),
        ),
        ("a step has too many attempts", format!("SELECT id::text FROM steps WHERE attempt > {ATTEMPTS}")),
        (
            "a table of a completed run is not proven",
            "SELECT j.id || ' ' || t.name FROM jobs j JOIN job_tables t ON t.org_id = j.org_id AND t.job_id = j.id
             WHERE j.state = 'completed' AND (t.failure IS NOT NULL
                 OR coalesce(t.verified->>'result', 'equal') <> 'equal')"
                .to_owned(),
        ),
    ] {
        for found in world.stack.control.column::<String>(&sql).await {
            wrong(&format!("{what}: {found}"));
        }
    }
    processes(world).await;
}

async fn at_rest(world: &World<'_>, pairs: &[Pair]) {
    invariants::hold_in_the_control_plane(&world.stack).await;
    invariants::no_message_waits(&world.stack, 0).await;
    for pair in pairs {
        for schema in [&pair.source, &pair.target] {
            invariants::hold_on_a_server(&world.stack, schema).await;
        }
    }
    world.chronicle.say("nothing is locked, owed, or left behind");
}

/// What an API accepted is there, and what it told stands.
async fn accepted(world: &World<'_>) {
    let sql = "SELECT id || ' ' || state FROM jobs";
    let found: std::collections::BTreeMap<String, String> = world
        .stack
        .control
        .column::<String>(sql)
        .await
        .iter()
        .map(|line| line.split_once(' ').map(|(id, state)| (id.to_owned(), state.to_owned())).unwrap())
        .collect();
    for job in world.book.jobs() {
        let told = world.book.entry(&job).told;
        match found.get(&job) {
            None => world.chronicle.wrong(&format!("job {job} was accepted and is lost")),
            Some(state) if told.as_ref().is_some_and(|told| told != state) => {
                world.chronicle.wrong(&format!("job {job} was told to be {told:?} and is {state}"));
            }
            Some(_) => {}
        }
    }
    let made: i64 =
        world.stack.control.value("SELECT count(*) FROM jobs WHERE requested_by_kind <> 'schedule'").await;
    if made > world.book.most() {
        let most = world.book.most();
        world
            .chronicle
            .wrong(&format!("{made} jobs were made, and {most} asked for: a request had two effects"));
    }
    for (job, state) in found {
        if state == "cancelled" && !world.book.entry(&job).cancel_asked {
            world.chronicle.wrong(&format!("job {job} is cancelled, and nobody asked for it"));
        }
    }
}

/// A job fails only when its step met a customer's server, or the way to it, broken at each
/// of its attempts: that is the customer's failure, and it has to say so.
async fn failures(world: &World<'_>) {
    let sql = "SELECT concat_ws('|', j.failure->>'class', s.attempt, extract(epoch FROM j.created_at),
             extract(epoch FROM j.ended_at), j.id, j.kind, s.kind, j.failure->>'code', j.failure->>'message')
         FROM jobs j LEFT JOIN steps s ON s.org_id = j.org_id AND s.job_id = j.id AND s.state = 'failed'
         WHERE j.state = 'failed'";
    for line in world.stack.control.column::<String>(sql).await {
        let words: Vec<_> = line.splitn(5, '|').collect();
        let number = |at: usize| words.get(at).and_then(|word| word.parse::<f64>().ok());
        let exhausted = number(1) == Some(ATTEMPTS);
        let outages = world.chronicle.struck_between(Struck::Customers, number(2), number(3));
        if exhausted && words[0] == "connection_failure" && outages >= 2 {
            world.chronicle.say(&format!("excused, its server was away {outages} times: {line}"));
            world.chronicle.count("failures excused");
        } else {
            world.chronicle.wrong(&format!("a job failed: {line}"));
        }
    }
}

/// Nothing panicked, nothing was told as an error, nothing has grown without bound.
async fn processes(world: &World<'_>) {
    for node in &world.nodes {
        let process = node.process.lock().await;
        for line in process.log().lines().filter(|line| is_alarming(line)) {
            world.chronicle.wrong(&format!("{} said: {line}", node.name));
        }
        let status = std::fs::read_to_string(format!("/proc/{}/status", process.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let peak =
            peak.and_then(|text| text.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap() / 1024;
        world.chronicle.say(&format!("{} took {peak} MiB at most", node.name));
        if peak > MEMORY {
            world.chronicle.wrong(&format!("{} took {peak} MiB", node.name));
        }
    }
}

/// An error of ours, or a panic. lapin tells every connection that breaks as an error.
fn is_alarming(line: &str) -> bool {
    let error = line.split_once(" ERROR ").is_some_and(|(_, told)| told.contains("longshore_"));
    error || line.contains("panicked at")
}

/// Lines for the table at the end.
pub(crate) async fn numbers(world: &World<'_>) -> Vec<(String, String)> {
    let mut lines = Vec::new();
    for (what, sql) in [
        (
            "jobs",
            "SELECT concat_ws('|', 'jobs: ' || kind || ', ' || requested_by_kind || ', ' || state, count(*)) FROM jobs GROUP BY kind, requested_by_kind, state ORDER BY 1",
        ),
        ("steps", "SELECT concat_ws('|', 'steps: ' || state, count(*)) FROM steps GROUP BY state ORDER BY 1"),
        ("claims", "SELECT concat_ws('|', 'claims', coalesce(sum(token), 0)) FROM steps"),
        (
            "retries",
            "SELECT concat_ws('|', 'attempts beyond the first', coalesce(sum(attempt - 1), 0)) FROM steps WHERE attempt > 1",
        ),
        ("most", "SELECT concat_ws('|', 'most attempts of a step', coalesce(max(attempt), 0)) FROM steps"),
        (
            "lapsed",
            "SELECT concat_ws('|', 'leases lapsed', count(*)) FROM job_log WHERE message LIKE '%lapsed%'",
        ),
        (
            "wait",
            "SELECT concat_ws('|', 'longest wait for a start, s', coalesce(round(extract(epoch FROM max(started_at - created_at)), 1), 0)) FROM jobs",
        ),
        (
            "run",
            "SELECT concat_ws('|', 'longest run, s', coalesce(round(extract(epoch FROM max(ended_at - started_at)), 1), 0)) FROM jobs",
        ),
    ] {
        for line in world.stack.control.column::<String>(sql).await {
            let (name, value) = line.split_once('|').unwrap_or((what, &line));
            lines.push((name.to_owned(), value.to_owned()));
        }
    }
    lines
}
