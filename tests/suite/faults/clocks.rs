//! Processes whose clock is wrong (F15): leases are PostgreSQL's clock and the monotonic one.

use longshore_tests::fleet::Surroundings;
use longshore_tests::invariants;
use longshore_tests::stack::Stack;
use serde_json::json;

use super::{SLOW, all_is_well, attempts, seed};

#[tokio::test]
async fn f15_clocks_wrong_by_hours_change_no_lease() {
    let mut stack = Stack::prepared().await;
    stack.set(SLOW);
    stack.start_api();
    for shift in ["+7h", "-5h"] {
        stack.surround(Surroundings::default().clock(shift));
        stack.start_worker();
    }
    stack.surround(Surroundings::default().clock("+2d"));
    stack.start_scheduler();
    stack.ready().await;
    seed(&stack.source, 800).await;
    let task = stack.task(&json!({})).await;
    let job = stack.client.submit(&task).await;
    all_is_well(&stack, &job).await;
    assert_eq!(attempts(&stack, &job).await, (1, 1), "no lease lapsed, no step was begun twice");
    let workers = "SELECT count(DISTINCT worker_name) FROM steps WHERE kind = 'copy'";
    assert_eq!(stack.control.value::<i64>(workers).await, 2, "both took part");

    // And their clocks were wrong indeed.
    let hour = |log: &str| -> i64 {
        let line = log.lines().find(|line| line.contains("working")).unwrap();
        let at = line.split_whitespace().next().unwrap();
        at.parse::<chrono::DateTime<chrono::Utc>>().unwrap().timestamp() / 3600
    };
    let apart = hour(&stack.workers[0].log()) - hour(&stack.workers[1].log());
    assert!((11..=13).contains(&apart), "{apart} hours apart");
    invariants::hold(&stack).await;
}
