//! What holds once everything has calmed down, whatever was broken before: to be called at
//! the end of each test of a fault.
//!
//! Each rule is looked at from outside: the control plane's rows past all policies, the
//! broker by its management plugin, the customers' servers by their administrators.

use crate::agree::agree;
use crate::broker::DEAD;
use crate::schema::{Schema, quoted};
use crate::stack::Stack;
use crate::wait::{seconds, until};

/// How long what is on its way may take: the sweep, the plugin's next count, a rollback.
const PATIENCE: std::time::Duration = seconds(40);

/// Rules about the control plane: what is wrong, and the query that finds it, as text.
const RULES: &[(&str, &str)] = &[
    ("a job is not final", "SELECT id || ' ' || state FROM jobs WHERE ended_at IS NULL"),
    (
        "a completed job has a step that is not done, or a failure",
        "SELECT j.id || ' ' || s.kind || ' ' || s.state FROM jobs j JOIN steps s USING (org_id)
         WHERE s.job_id = j.id AND j.state = 'completed' AND (s.state <> 'done' OR j.failure IS NOT NULL)",
    ),
    (
        "an ended job has a step that somebody may still do",
        "SELECT j.id || ' ' || s.kind || ' ' || s.state FROM jobs j JOIN steps s USING (org_id)
         WHERE s.job_id = j.id AND j.ended_at IS NOT NULL AND s.state NOT IN ('done', 'failed', 'cancelled')",
    ),
    (
        "a failed job gives no reason, or another job gives one",
        "SELECT id || ' ' || state FROM jobs WHERE (state = 'failed') <> (failure IS NOT NULL)",
    ),
    ("a step is held", "SELECT id || ' by ' || worker_name FROM steps WHERE lease_until IS NOT NULL"),
    (
        "a job or step was over before it began",
        "SELECT id::text FROM jobs WHERE started_at < created_at OR ended_at < coalesce(started_at, created_at)
         UNION ALL SELECT id::text FROM steps WHERE ended_at < started_at",
    ),
    (
        "a job ended before its last step",
        "SELECT j.id || ' ' || s.kind FROM jobs j JOIN steps s USING (org_id)
         WHERE s.job_id = j.id AND s.ended_at > j.ended_at",
    ),
    (
        "a job's log goes backwards",
        "SELECT job_id || ' line ' || id FROM (SELECT job_id, id, at,
             lag(at) OVER (PARTITION BY job_id ORDER BY id) AS before FROM job_log) l
         WHERE at < before - interval '10 seconds'",
    ),
    (
        "a done step was never claimed, or has more attempts than claims",
        "SELECT id || ' attempt ' || attempt || ' token ' || token FROM steps
         WHERE attempt > token OR (state = 'done' AND attempt < 1)",
    ),
    (
        "an ended job has secrets",
        "SELECT s.job_id || ' ' || s.name FROM secrets s JOIN jobs j ON j.org_id = s.org_id AND j.id = s.job_id
         WHERE j.ended_at IS NOT NULL",
    ),
    (
        "a stage of a completed job is open",
        "SELECT j.id || ' ' || g.name FROM jobs j JOIN stages g USING (org_id)
         WHERE g.job_id = j.id AND j.state = 'completed' AND (g.waits > 0 OR g.remaining > 0)",
    ),
];

/// Panics unless everything that must hold at rest does: control plane, broker, servers,
/// and both databases equal where the last sync was completed.
pub async fn hold(stack: &Stack) {
    hold_with_dead_letters(stack, 0).await;
}

/// As [`hold`], when this many messages had to be put aside.
pub async fn hold_with_dead_letters(stack: &Stack, dead: u64) {
    hold_in_the_control_plane(stack).await;
    no_message_waits(stack, dead).await;
    for schema in [&stack.source, &stack.target] {
        hold_on_a_server(stack, schema).await;
    }
    if last_sync(stack).await.as_deref() == Some("completed") {
        agree(&stack.source, &stack.target).await;
    }
}

/// No queue holds a message, but for those that had to be put aside.
pub async fn no_message_waits(stack: &Stack, dead: u64) {
    let expected: Vec<_> = (dead > 0).then(|| (DEAD.to_owned(), dead)).into_iter().collect();
    until_equal("queues that hold messages", &expected, async || stack.broker.holding().await).await;
}

/// The part that a test may ask for between two jobs: rows of the control plane only.
pub async fn hold_in_the_control_plane(stack: &Stack) {
    for (what, sql) in RULES {
        let found: Vec<String> = stack.control.column(sql).await;
        assert!(found.is_empty(), "{what}: {found:#?}");
    }
    let owed = "SELECT id || ' of step ' || step_id FROM outbox WHERE published_at IS NULL";
    let none: Vec<String> = Vec::new();
    until_equal("messages that are owed", &none, async || stack.control.column::<String>(owed).await).await;
}

/// No session of the account, no lock that keeps others out, nothing temporary.
pub async fn hold_on_a_server(stack: &Stack, schema: &Schema) {
    let sessions = format!(
        "SELECT CONCAT(id, ' ', command, ' ', COALESCE(info, '')) FROM information_schema.processlist
         WHERE user = '{}'",
        schema.username
    );
    let none: Vec<String> = Vec::new();
    let what = format!("sessions of {}", schema.username);
    until_equal(&what, &none, async || schema.rows::<String>(&sessions).await).await;

    let steps: Vec<String> = stack.control.column("SELECT 'longshore:' || id FROM steps").await;
    for names in steps.chunks(200) {
        let each: Vec<_> = names.iter().map(|name| format!("IS_USED_LOCK('{name}')")).collect();
        let held: Option<u64> = schema.value(&format!("SELECT COALESCE({})", padded(&each))).await;
        assert_eq!(held, None, "a step's lock is held in {}", schema.name);
    }
    let tables: Vec<String> = schema.tables().await;
    let odd: Vec<_> = tables.iter().filter(|name| name.to_lowercase().contains("longshore")).collect();
    assert!(odd.is_empty(), "something temporary is left in {}: {odd:?}", schema.name);
    let jobs: Vec<String> = stack.control.column("SELECT replace(id::text, '-', '') FROM jobs").await;
    let schemas: Vec<String> = schema.rows("SELECT schema_name FROM information_schema.schemata").await;
    let scratch = |name: &&String| jobs.iter().any(|job| name.replace(['-', '_'], "").contains(job.as_str()));
    assert!(!schemas.iter().any(|name| scratch(&name)), "a scratch schema is left: {schemas:?}");
    if !tables.is_empty() {
        let locks: Vec<_> = tables.iter().map(|table| format!("{} WRITE", quoted(table))).collect();
        schema
            .run(&format!("SET lock_wait_timeout = 2; LOCK TABLES {}; UNLOCK TABLES", locks.join(", ")))
            .await;
    }
}

/// `COALESCE` takes two at least.
fn padded(expressions: &[String]) -> String {
    format!("NULL, {}", expressions.join(", "))
}

async fn last_sync(stack: &Stack) -> Option<String> {
    let sql = "SELECT state FROM jobs WHERE kind = 'sync' ORDER BY created_at DESC LIMIT 1";
    stack.control.column(sql).await.into_iter().next()
}

async fn until_equal<T: PartialEq + std::fmt::Debug>(
    what: &str,
    expected: &T,
    mut look: impl AsyncFnMut() -> T,
) {
    let mut last = None;
    let calm = tokio::time::timeout(
        PATIENCE,
        until(what, PATIENCE * 2, async || {
            let found = look().await;
            let fits = found == *expected;
            last = Some(found);
            fits.then_some(())
        }),
    );
    let in_time = calm.await.is_ok();
    assert!(in_time, "{what}: expected {expected:?}, found {last:?}");
}
