//! What only tells may fail (F51): progress and the job's log. The job goes on.

use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::{SLOW, all_is_well, in_hand, seed};

#[tokio::test]
async fn f51_a_job_goes_on_without_its_progress() {
    let stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 1_000).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    stack.broker.delete_exchange("longshore.progress.v1").await;
    all_is_well(&stack, &job).await;
    invariants::hold(&stack).await;
}

#[tokio::test]
async fn f51_a_job_goes_on_without_its_log_and_its_end_is_recorded() {
    let mut stack = Stack::running_with(SLOW).await;
    seed(&stack.source, 1_000).await;
    let task = stack.task(&json!({})).await;
    stack
        .control
        .run(
            "CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql
                  AS $$ BEGIN RAISE EXCEPTION 'no room for a line'; END $$",
        )
        .await;
    stack.control.run("CREATE TRIGGER refuse BEFORE INSERT ON job_log EXECUTE FUNCTION refuse()").await;
    let job = stack.client.submit(&task).await;
    // A death is told to the log as well; it must not keep the step from being taken back.
    let place = in_hand(&stack, &job, "copy").await;
    stack.workers[place].kill();
    all_is_well(&stack, &job).await;
    // A failure's reason stands in the job's own row.
    stack.workers[place].start_again();
    stack.target.run("SET foreign_key_checks = 0; DROP TABLE orders; CREATE TABLE orders (id INT PRIMARY KEY, other INT)").await;
    let failed = stack.run(&task).await;
    assert!(failed.state == "failed" && failed.failure.is_some(), "{failed:#?}");
    assert!(stack.client.log(&job).await.is_empty(), "no line was written");
    invariants::hold_in_the_control_plane(&stack).await;
}
