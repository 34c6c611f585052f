//! What a watcher of a job sees: its state at once, then its progress, then its end.

use longshore_tests::seeds::shop;
use longshore_tests::stack::Stack;
use longshore_tests::wait::seconds;
use serde_json::json;

/// The job is held up in its last range until its progress was told: a job this small would
/// be over before anybody looks a second time.
#[tokio::test]
async fn a_watcher_sees_state_progress_and_end() {
    let stack = Stack::running_with(&[("CHUNK_ROWS", "200")]).await;
    shop(&stack.source, 2_500).await;
    let task = stack.task(&json!({})).await;
    let first = stack.client.submit(&task).await;
    stack.client.completed(&first, seconds(60)).await;
    stack.source.run("UPDATE customers SET balance = balance + 1").await;
    let held =
        stack.target.blocker("START TRANSACTION; SELECT * FROM customers WHERE id > 2400 FOR UPDATE").await;
    let job = stack.client.submit(&task).await;
    let mut watch = stack.client.watch(&job).await;
    let mut events = Vec::new();
    while !events.iter().any(|(name, _)| name == "progress") {
        let next = tokio::time::timeout(seconds(20), watch.next()).await;
        events.push(next.expect("progress is told while a range waits").expect("the job goes on"));
    }
    held.release().await;
    events.extend(tokio::time::timeout(seconds(60), watch.rest()).await.unwrap());
    let names: Vec<_> = events.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!((names[0], names[names.len() - 1]), ("job", "end"), "{names:?}");

    let of = |wanted| events.iter().filter(move |(name, _)| name == wanted).map(|(_, data)| data);
    let last = of("job").next_back().unwrap();
    assert_eq!(last["state"], "completed", "the last state is the final one");
    assert_eq!(last["id"], json!(job));
    // A watcher that comes late is told the same, and the stream closes.
    let late = stack.client.watch(&job).await.rest().await;
    let names: Vec<_> = late.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["job", "end"]);
    assert_eq!(&late[0].1["tables"], &last["tables"]);

    let done: Vec<i64> = of("progress").map(|data| data["rows_done"].as_i64().unwrap()).collect();
    assert!(done.is_sorted(), "progress goes forward while no worker dies: {done:?}");
    let total = last["progress"]["rows_done"].as_i64().unwrap();
    assert!(done.iter().all(|rows| *rows <= total), "{done:?} of {total}");
}
