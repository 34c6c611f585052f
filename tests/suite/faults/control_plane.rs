//! Longshore's own PostgreSQL goes away for longer than a lease (F16): workers keep no wrong
//! claim, nobody is expired by the outage, and the job goes on.

use longshore_tests::servers::Held;
use longshore_tests::stack::{LEASE_SECONDS, Stack};
use longshore_tests::wait::{holds_for, seconds};
use serde_json::json;

use super::{SLOW, all_is_well, in_hand, seed};

#[tokio::test]
async fn f16_an_outage_of_the_metadata_ends_nothing() {
    let own = Held::start("postgres");
    let mut stack = Stack::prepared_with_postgres(&own).await;
    stack.set(SLOW);
    stack.start_all().await;
    seed(&stack.source, 2_500).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    in_hand(&stack, &job, "copy").await;
    own.order("stop", "postgres").await;

    stack.client.get(&format!("/v1/jobs/{job}")).await.expect_problem(503, "unavailable");
    stack.client.get("/readyz").await.expect(503);
    stack.client.get("/healthz").await.expect(200);
    let mut all: Vec<_> =
        stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers).collect();
    holds_for("every process lives", seconds(2 * LEASE_SECONDS), async || {
        all.iter_mut().all(|process| process.ended().is_none())
    })
    .await;
    own.order("start", "postgres").await;
    all_is_well(&stack, &job).await;
}
