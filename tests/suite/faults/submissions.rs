//! An API that dies around the commit of a submission (F1, F2, F13).

use longshore_shared::failpoint::Failpoint::{
    self, SubmitAfterCommit, SubmitAfterPublish, SubmitBeforeCommit,
};
use longshore_tests::fleet::Surroundings;
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use reqwest::Method;
use serde_json::json;

use super::{attempts, seed};

/// A stack whose API dies at a place, once; and a task.
async fn deadly_api(place: Failpoint) -> (Stack, String) {
    let mut stack = Stack::prepared().await;
    stack.start_api();
    stack.ready().await;
    seed(&stack.source, 50).await;
    let task = stack.task(&json!({})).await;
    stack.apis[0].kill();
    stack.apis[0].start_again_in(Surroundings::default().failpoints([(place, "1*return(die)")]));
    stack.start_scheduler();
    stack.start_worker();
    stack.ready().await;
    (stack, task)
}

/// Submits a run to an API that dies of it, and starts the API again.
async fn submit_and_die(stack: &mut Stack, task: &str) {
    let path = format!("/v1/sync-tasks/{task}/runs");
    let answer = stack.client.request(Method::POST, &path).json(&json!({})).send().await;
    assert!(answer.is_err(), "nobody answered: {answer:?}");
    stack.apis[0].end(seconds(10)).await;
    stack.apis[0].start_again_in(Surroundings::default());
    stack.ready().await;
}

/// The one job, once it is completed.
async fn the_job(stack: &Stack) -> String {
    let jobs: Vec<String> = stack.control.column("SELECT id::text FROM jobs").await;
    assert_eq!(jobs.len(), 1, "one submission, one job: {jobs:?}");
    stack.client.completed(&jobs[0], seconds(60)).await;
    invariants::hold(stack).await;
    jobs[0].clone()
}

#[tokio::test]
async fn f01_an_api_that_dies_between_commit_and_publish_loses_no_job() {
    let (mut stack, task) = deadly_api(SubmitAfterCommit).await;
    submit_and_die(&mut stack, &task).await;
    let job = the_job(&stack).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "each step was done once");
}

#[tokio::test]
async fn f02_an_api_that_dies_between_publish_and_mark_has_one_effect() {
    let (mut stack, task) = deadly_api(SubmitAfterPublish).await;
    submit_and_die(&mut stack, &task).await;
    let job = the_job(&stack).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "the second message found its step taken");
    // The sweep has published it once more, and said so.
    let sql = format!("SELECT count(*) FROM outbox WHERE job_id = '{job}' AND published_at IS NULL");
    until("the row is marked", seconds(20), async || {
        (stack.control.value::<i64>(&sql).await == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn f13_an_api_that_dies_before_its_commit_has_no_effect() {
    let (mut stack, task) = deadly_api(SubmitBeforeCommit).await;
    submit_and_die(&mut stack, &task).await;
    assert_eq!(stack.control.value::<i64>("SELECT count(*) FROM jobs").await, 0);
    // Nothing is in the way of the next one.
    stack.client.submit(&task).await;
    the_job(&stack).await;
}
