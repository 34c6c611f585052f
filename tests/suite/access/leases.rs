//! Who opens secrets (T29, T30): a worker that holds the lease of a step, for the connections of
//! that step's job, whatever messages say.

use longshore_shared::bus::{Bus, StepMessage};
use longshore_shared::domain::id::{JobId, OrgId, StepId};
use longshore_shared::domain::step::Queue;
use longshore_tests::invariants;
use longshore_tests::proxy::Flow;
use longshore_tests::stack::{Stack, Upstream};
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};

use super::connection_tests::body;
use super::register;

async fn bus(stack: &Stack) -> Bus {
    let bus = Bus::connect(&stack.broker.amqp_url, "tests").unwrap();
    bus.wait_ready().await.unwrap();
    bus
}

/// The message that announced the job's first step.
async fn message(stack: &Stack, job: &str) -> StepMessage {
    let sql = format!("SELECT body FROM outbox WHERE job_id = '{job}' ORDER BY id LIMIT 1");
    let body: Value = stack.control.value(&sql).await;
    serde_json::from_value(body).unwrap()
}

/// Publishes copies and waits until they were taken.
async fn deliver(bus: &Bus, copies: Vec<StepMessage>) {
    let copies = copies.into_iter().map(|message| (Queue::Interactive, message)).collect();
    assert!(bus.publish_all(copies).await.iter().all(Result::is_ok));
    until("they are taken", seconds(20), async || {
        (bus.depth(Queue::Interactive).await.ok()? == 0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn t30_a_worker_opens_only_the_secrets_of_a_step_that_it_holds() {
    let mut stack = Stack::prepared().await;
    let silent = stack.proxy(Upstream::Source);
    silent.set(Flow::Swallow);
    stack.start_all().await;
    let bus = bus(&stack).await;
    let mut body = body(&stack.source, &[]);
    (body["port"], body["timeout_seconds"]) = (json!(silent.port), json!(120));
    let id = register(&stack, &body).await;
    let path = format!("/v1/connections/{id}/test");
    let job = stack.client.post(&path, &json!({})).await.expect(202).id();
    until("its holder reaches the server", seconds(20), async || {
        (silent.counts().connections == 1).then_some(())
    })
    .await;
    // Whoever gets these holds no lease of the step; one of them is the holder itself.
    deliver(&bus, vec![message(&stack, &job).await; 30]).await;
    assert_eq!(silent.counts().connections, 1, "somebody else opened the secrets too");
    let claims = format!("SELECT max(attempt)::bigint FROM steps WHERE job_id = '{job}'");
    assert_eq!(stack.control.value::<i64>(&claims).await, 1);

    // The holder lost it: the step is another one's to do by now, and the job's end is another's.
    stack.client.post(&format!("/v1/jobs/{job}/cancel"), &json!({})).await.expect(202);
    assert_eq!(stack.client.ended(&job, seconds(30)).await.state, "cancelled");
    deliver(&bus, vec![message(&stack, &job).await; 30]).await;
    assert_eq!(silent.counts().connections, 1, "a step that has ended was opened again");
    invariants::hold_in_the_control_plane(&stack).await;
}

#[tokio::test]
async fn t29_a_forged_message_moves_nothing_in_any_organisation() {
    let mut stack = Stack::prepared().await;
    let quiet = stack.proxy(Upstream::Source);
    // No scheduler: it would announce again what was taken away.
    stack.start_api();
    stack.ready().await;
    let token = stack.control.organisation("other", "org_admin").await;
    let them = stack.client.with_token(Some(&token));
    let theirs = them.post("/v1/connections", &body(&stack.target, &[])).await.expect(201).id();
    let mut body = body(&stack.source, &[]);
    body["port"] = json!(quiet.port);
    let ours = register(&stack, &body).await;
    let test = |id: &str| format!("/v1/connections/{id}/test");
    let our_job = stack.client.post(&test(&ours), &json!({})).await.expect(202).id();
    let their_job = them.post(&test(&theirs), &json!({})).await.expect(202).id();
    let (one, other) = (message(&stack, &our_job).await, message(&stack, &their_job).await);

    // Neither job is there as the message says; the true messages are taken away meanwhile.
    stack.broker.delete_queue(longshore_tests::broker::INTERACTIVE).await;
    let states = "SELECT string_agg(state || attempt, ',' ORDER BY id) FROM steps";
    let before: String = stack.control.value(states).await;
    let forged =
        |org: OrgId, job: JobId, step: StepId, kind: &str| StepMessage::new(org, job, step, kind, None);
    let kind = one.kind.as_str();
    let unknown = uuid::Uuid::nil();
    let copies = vec![
        forged(other.org_id, one.job_id, one.step_id, kind),
        forged(one.org_id, other.job_id, other.step_id, kind),
        forged(one.org_id, one.job_id, other.step_id, kind),
        forged(other.org_id, other.job_id, one.step_id, kind),
        forged(OrgId(unknown), one.job_id, one.step_id, kind),
        forged(one.org_id, one.job_id, StepId(unknown), kind),
        // Another verb than the step's own.
        forged(one.org_id, one.job_id, StepId(unknown), "copy"),
    ];
    stack.start_worker();
    stack.ready().await;
    let bus = bus(&stack).await;
    deliver(&bus, copies).await;
    let after: String = stack.control.value(states).await;
    assert_eq!((quiet.counts().connections, &after), (0, &before), "a forged message was believed");
    // A step is done as its own row says, for its own job, whatever job a message names.
    let strange = vec![
        forged(other.org_id, one.job_id, other.step_id, kind),
        forged(one.org_id, JobId(unknown), one.step_id, kind),
    ];
    deliver(&bus, strange).await;
    stack.client.completed(&our_job, seconds(30)).await;
    them.completed(&their_job, seconds(30)).await;
    invariants::hold_in_the_control_plane(&stack).await;
}
