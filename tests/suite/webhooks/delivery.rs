//! What is told, to whom, and how it is signed.

use longshore_tests::client::connection_body;
use longshore_tests::receiver::{Manner, Receiver};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::json;

use super::{hook, hurry, newest, probe, received, verifies};

const EVENTS: &[&str] = &["job.completed", "job.failed", "job.cancelled"];

#[tokio::test]
async fn every_end_of_a_job_is_told_to_whom_it_concerns() {
    let stack = Stack::running().await;
    let (all, failures) = (Receiver::start().await, Receiver::start().await);
    let everything = hook(&stack, &all.url("/hook?token=1"), EVENTS).await;
    hook(&stack, &failures.url("/"), &["job.failed"]).await;
    stack.source.run("CREATE TABLE t (id INT PRIMARY KEY); INSERT INTO t VALUES (1), (2)").await;
    let task = stack.task(&json!({})).await;
    let done = stack.run_completed(&task).await;
    let mut body = connection_body(&stack.source);
    (body["name"], body["password"]) = (json!("wrong"), json!("wrong"));
    let wrong = stack.client.post("/v1/connections", &body).await.expect(201).id();
    let listed = stack.client.get("/v1/connections").await;
    let target = listed.body["items"].as_array().unwrap().iter().find(|c| c["name"] == stack.target.name);
    let target = target.unwrap()["id"].as_str().unwrap().to_owned();
    let failing = stack.client.task(&wrong, &target, &json!({})).await;
    let failed = stack.run(&failing).await;
    let slow = json!({"steps": 1, "seconds": 600});
    let cancelled = stack.client.post("/v1/probes", &slow).await.expect(202).id();
    until("the probe runs", seconds(30), async || {
        (stack.client.job(&cancelled).await.state == "running").then_some(())
    })
    .await;
    stack.client.post(&format!("/v1/jobs/{cancelled}/cancel"), &json!({})).await.expect(202);
    stack.client.ended(&cancelled, seconds(30)).await;

    let told = received(&all, 3).await;
    for (event, job) in [("completed", &done.id), ("failed", &failed.id), ("cancelled", &cancelled)] {
        let found = told.iter().find(|one| one.json()["data"]["job_id"] == **job).unwrap();
        let message = found.json();
        assert_eq!(message["type"], format!("job.{event}"), "{message}");
        assert_eq!((&message["version"], &message["data"]["state"]), (&json!(1), &json!(event)), "{message}");
        assert_eq!(
            (found.path.as_str(), found.header("content-type")),
            ("/hook?token=1", "application/json")
        );
        assert!(verifies(&everything.secret, found));
    }
    let of = |job: &str| told.iter().find(|one| one.json()["data"]["job_id"] == job).unwrap().json();
    let counts = &of(&done.id)["data"]["counts"];
    assert_eq!((&counts["inserted"], &counts["rows"]), (&json!(2), &json!(2)), "{counts}");
    assert_eq!(of(&done.id)["data"]["task_id"], task);
    let failure = &of(&failed.id)["data"]["failure"];
    assert_eq!(failure["code"], failed.why().code, "{failure}");
    let only = received(&failures, 1).await;
    assert_eq!(only[0].json()["data"]["job_id"], failed.id);
    newest(&stack, &everything, "it is delivered", |one| one["state"] == "delivered").await;
    assert_eq!((all.received().len(), failures.received().len()), (3, 1), "each once");
}

/// An old or changed request is told from a fresh one, and a retry is a fresh one.
#[tokio::test]
async fn t34_a_retry_has_the_same_id_and_a_signature_of_its_own_time() {
    let stack = Stack::running().await;
    let receiver = Receiver::start().await;
    receiver.set(Manner::Status(503));
    let hook = hook(&stack, &receiver.url("/"), EVENTS).await;
    probe(&stack).await;
    newest(&stack, &hook, "a try was in vain", |one| one["last_status"] == 503).await;
    // A second later, so that the time differs.
    let first = received(&receiver, 1).await.remove(0);
    until("the second is over", seconds(5), async || {
        (first.at.elapsed() > std::time::Duration::from_millis(1_100)).then_some(())
    })
    .await;
    receiver.set(Manner::Status(204));
    hurry(&stack).await;
    let second = received(&receiver, 2).await.remove(1);
    for request in [&first, &second] {
        assert!(verifies(&hook.secret, request), "{request:?}");
    }
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body, "every try says the same");
    for header in ["webhook-timestamp", "webhook-signature"] {
        assert_ne!(first.header(header), second.header(header));
    }
    let told = newest(&stack, &hook, "it is delivered", |one| one["state"] == "delivered").await;
    assert_eq!((&told["attempts"], &told["id"]), (&json!(2), &json!(first.header("webhook-id"))), "{told}");

    let changed = |change: &dyn Fn(&mut longshore_tests::receiver::Received)| {
        let mut request = second.clone();
        change(&mut request);
        assert!(!verifies(&hook.secret, &request), "{request:?}");
    };
    let time =
        |seconds: i64| (second.header("webhook-timestamp").parse::<i64>().unwrap() + seconds).to_string();
    changed(&|r| r.body.push(b' '));
    changed(&|r| drop(r.headers.insert("webhook-id".to_owned(), "another".to_owned())));
    changed(&|r| drop(r.headers.insert("webhook-timestamp".to_owned(), time(1))));
    changed(&|r| drop(r.headers.insert("webhook-timestamp".to_owned(), time(-3_600))));
    let signature = first.header("webhook-signature").to_owned();
    changed(&|r| drop(r.headers.insert("webhook-signature".to_owned(), signature.clone())));
}
