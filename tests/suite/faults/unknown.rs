//! Commits whose answer is lost (F17): PostgreSQL has committed, the process that asked
//! hears nothing. Whoever does not know looks again before it repeats; nothing runs twice.

use longshore_shared::failpoint::Failpoint::{
    self, ClaimBeforeCommit, SettleBeforeCommit, SubmitBeforeCommit,
};
use longshore_tests::fleet::Surroundings;
use longshore_tests::invariants;
use longshore_tests::proxy::{Direction, End, Flow, Proxy};
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::json;

use super::{attempts, seed};

/// The process that is told to rest before its commit, once.
fn resting(place: Failpoint) -> Surroundings {
    // A claim is one statement: its commit can be lost only where the connection knows the
    // statement already, which after some claims they all do.
    let word = if place == ClaimBeforeCommit { "30*off->1*return(rest 2000)" } else { "1*return(rest 2000)" };
    Surroundings::default().failpoints([(place, word)])
}

/// Waits until a log shows that `place` was reached, then loses every answer of PostgreSQL
/// until `committed` is seen past the proxy.
async fn lose_the_answer(
    proxy: &Proxy,
    place: Failpoint,
    log: impl Fn() -> String,
    committed: impl AsyncFn() -> bool,
) {
    until("the commit is near", seconds(30), async || log().contains(place.as_str()).then_some(())).await;
    proxy.set_one(Direction::ToClient, Flow::CutEach(0, End::Reset));
    until("PostgreSQL has committed", seconds(20), async || committed().await.then_some(())).await;
    // The answer is on its way into the void.
    tokio::time::sleep(std::time::Duration::from_millis(300)).await;
    proxy.set(Flow::Pass);
}

#[tokio::test]
async fn f17_a_submission_whose_commit_is_unknown_runs_once() {
    let mut stack = Stack::prepared().await;
    let proxy = stack.proxy(Upstream::Postgres);
    stack.surround(resting(SubmitBeforeCommit));
    stack.start_api();
    stack.route(Upstream::Postgres, None);
    stack.surround(Surroundings::default());
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    seed(&stack.source, 50).await;
    let task = stack.task(&json!({})).await;
    let path = format!("/v1/sync-tasks/{task}/runs");
    let asked = stack.client.request(Method::POST, &path).json(&json!({})).send();
    let committed = async || stack.control.value::<i64>("SELECT count(*) FROM jobs").await == 1;
    let lost = lose_the_answer(&proxy, SubmitBeforeCommit, || stack.apis[0].log(), committed);
    let (answer, ()) = futures::join!(asked, lost);
    let status = answer.expect("the API answers all the same").status();
    assert!(status.is_server_error(), "it does not know, and says so: {status}");
    let jobs: Vec<String> = stack.control.column("SELECT id::text FROM jobs").await;
    stack.client.completed(&jobs[0], seconds(60)).await;
    assert_eq!(attempts(&stack, &jobs[0]).await, (1, 1));
    invariants::hold(&stack).await;
}

/// A stack with one worker, which reaches PostgreSQL by way of a proxy.
async fn worker_behind(place: Failpoint) -> (Stack, Proxy) {
    let mut stack = Stack::prepared().await;
    // One step at a time, so that the claim that rests is the only one.
    stack.set(&[("LEASE_SECONDS", "3"), ("WORKER_PERMITS", "1")]);
    stack.start_api();
    stack.start_scheduler();
    let proxy = stack.proxy(Upstream::Postgres);
    stack.surround(resting(place));
    stack.start_worker();
    stack.ready().await;
    (stack, proxy)
}

#[tokio::test]
async fn f17_a_claim_whose_commit_is_unknown_is_taken_up_again() {
    let (stack, proxy) = worker_behind(ClaimBeforeCommit).await;
    let job = stack.client.post("/v1/probes", &json!({"steps": 60})).await.expect(202).id();
    let claimed = "SELECT count(*) FROM steps WHERE state = 'running' AND kind = 'probe'";
    let committed = async || stack.control.value::<i64>(claimed).await == 1;
    lose_the_answer(&proxy, ClaimBeforeCommit, || stack.workers[0].log(), committed).await;
    stack.client.completed(&job, seconds(60)).await;
    assert!(attempts(&stack, &job).await.1 <= 2, "it was not claimed again and again");
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f17_a_settlement_whose_commit_is_unknown_is_not_made_twice() {
    let (stack, proxy) = worker_behind(SettleBeforeCommit).await;
    let job = stack.client.post("/v1/probes", &json!({"steps": 3})).await.expect(202).id();
    let done = "SELECT count(*) FROM steps WHERE state = 'done'";
    let committed = async || stack.control.value::<i64>(done).await == 1;
    lose_the_answer(&proxy, SettleBeforeCommit, || stack.workers[0].log(), committed).await;
    stack.client.completed(&job, seconds(60)).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "what was settled stood");
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM steps").await, 4, "the plan grew once");
    invariants::hold(&stack).await;
}
