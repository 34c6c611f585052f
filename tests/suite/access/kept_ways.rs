//! SSH sessions that a connection's small database sessions share, and who has some alone.

use longshore_tests::agree::agree;
use longshore_tests::place;
use longshore_tests::sshd::Sshd;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{holds_for, seconds, until};
use serde_json::{Value, json};

use super::connection_tests::tested;
use super::register;
use super::tunnels::behind;

/// One worker, and a table that is not the same on both sides: a run ends in its plan, after its
/// small sessions.
struct Scene {
    stack: Stack,
    source: String,
    target: String,
    task: String,
}

impl Scene {
    async fn set(hops: &[Value], idle: &str) -> Self {
        let mut stack = Stack::prepared().await;
        stack.set(&[("SSH_IDLE_SECONDS", idle), ("CHUNK_ROWS", "500")]);
        stack.start_api();
        stack.start_scheduler();
        stack.start_worker();
        stack.ready().await;
        stack.source.run("CREATE TABLE t (id INT PRIMARY KEY, v TEXT)").await;
        stack.target.run("CREATE TABLE t (id INT PRIMARY KEY, w INT NOT NULL)").await;
        let source = match hops {
            [] => stack.client.connection(&stack.source).await,
            hops => register(&stack, &behind(&stack.source, hops)).await,
        };
        let target = stack.client.connection(&stack.target).await;
        let task = stack.client.task(&source, &target, &json!({})).await;
        Self { stack, source, target, task }
    }

    /// A run that looks and moves nothing.
    async fn look(&self) {
        let job = self.stack.run(&self.task).await;
        assert_eq!(job.why().code, "structure_differs", "{:?}", job.failure);
    }

    /// Edits the connection to the source.
    async fn edit(&self, body: &Value) {
        let path = format!("/v1/connections/{}", self.source);
        self.stack.client.patch(&path, body, None).await.expect(200);
    }
}

#[tokio::test]
async fn small_sessions_of_a_connection_as_it_stands_share_one_way() {
    let (one, two) = (Sshd::start().await, Sshd::start().await);
    let hops = [one.hop(), two.hop()];
    let scene = Scene::set(&hops, "600").await;
    let logins = || (one.logins(), two.logins());
    for _ in 0..3 {
        scene.look().await;
    }
    assert_eq!(logins(), (1, 1));
    // A test walks the whole way.
    let test = format!("/v1/connections/{}/test", scene.source);
    let found = tested(&scene.stack.client, &test, &json!({})).await;
    assert_eq!((&found["passed"], logins()), (&json!(true), (2, 2)), "{found:#}");
    // Another connection is another one, though it leads there too.
    let other = register(&scene.stack, &behind(&scene.stack.source, &hops)).await;
    let task = scene.stack.client.task(&other, &scene.target, &json!({})).await;
    scene.stack.run(&task).await;
    assert_eq!(logins(), (3, 3));
    // So is an edited one: a new name, a new secret.
    for (nth, edit) in [(4, json!({"name": place::fresh_name()})), (5, json!({"hops": hops}))] {
        scene.edit(&edit).await;
        scene.look().await;
        scene.look().await;
        assert_eq!(logins(), (nth, nth), "{edit}");
    }
}

#[tokio::test]
async fn a_session_that_carries_rows_has_its_way_alone() {
    let sshd = Sshd::start().await;
    let scene = Scene::set(&[sshd.hop()], "600").await;
    scene.look().await;
    assert_eq!(sshd.logins(), 1);
    scene.stack.target.run("DROP TABLE t").await;
    longshore_tests::seeds::shop(&scene.stack.source, 1_000).await;
    let job = scene.stack.run_completed(&scene.task).await;
    agree(&scene.stack.source, &scene.stack.target).await;
    let carrying = format!(
        "SELECT sum(attempt) FROM steps WHERE job_id = '{}' AND kind IN \
         ('copy', 'diff', 'prune', 'reconcile', 'replace', 'verify')",
        job.id
    );
    let carrying: i64 = scene.stack.control.value(&carrying).await;
    let held = format!("SELECT sum(sessions)::int8 FROM job_holders WHERE job_id = '{}'", job.id);
    let held: i64 = scene.stack.control.value(&held).await;
    assert!(held > 1 && carrying > 5 * held, "{held} sessions see the snapshot and serve {carrying} steps");
    // And the session that keeps the source at a point.
    assert_eq!(sshd.logins(), 1 + usize::try_from(held).unwrap() + 1);
}

#[tokio::test]
async fn f38_a_way_that_broke_or_is_silent_is_not_gone_again() {
    let mut sshd = Sshd::start().await;
    let scene = Scene::set(&[sshd.hop()], "600").await;
    scene.look().await;
    sshd.kill();
    sshd.start_again().await;
    scene.look().await;
    assert_eq!(sshd.logins(), 2);
    // Nothing tells the worker: it finds out when it wants to go there.
    sshd.freeze_sessions();
    scene.look().await;
    scene.look().await;
    assert_eq!(sshd.logins(), 3);
}

#[tokio::test]
async fn a_way_that_nobody_uses_is_closed_and_one_in_use_is_not() {
    let sshd = Sshd::start().await;
    let scene = Scene::set(&[], "2").await;
    let target = register(&scene.stack, &behind(&scene.stack.target, &[sshd.hop()])).await;
    let task = scene.stack.client.task(&scene.source, &target, &json!({})).await;
    scene.stack.run(&task).await;
    until("the way is closed", seconds(20), async || (sshd.sessions() == 0).then_some(())).await;
    // A look that lasts: whether the table holds a row is behind a lock.
    let blocker = scene.stack.target.blocker("LOCK TABLES t WRITE").await;
    let job = scene.stack.client.submit(&task).await;
    until("a session waits", seconds(20), async || (sshd.sessions() > 0).then_some(())).await;
    holds_for("its way stays open", seconds(4), async || sshd.sessions() > 0).await;
    blocker.release().await;
    scene.stack.client.ended(&job, seconds(60)).await;
    assert_eq!(sshd.logins(), 2);
    until("the way is closed again", seconds(20), async || (sshd.sessions() == 0).then_some(())).await;
}
