//! Webhooks: a job's end is told to whoever wants to hear of it, signed, at least once, and
//! without any job ever waiting for a receiver (W8, F50, T12, T34).

mod delivery;
mod registration;
mod security;
mod trouble;

use longshore_tests::receiver::{Received, Receiver};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

/// A registered webhook: its id and its secret.
struct Hook {
    id: String,
    secret: String,
}

async fn hook(stack: &Stack, url: &str, events: &[&str]) -> Hook {
    let body = json!({"url": url, "events": events});
    let made = stack.client.post("/v1/webhooks", &body).await.expect(201);
    Hook { id: made.id(), secret: made.body["secret"].as_str().unwrap().to_owned() }
}

/// Runs a probe of one step to its end; answers the job's id.
async fn probe(stack: &Stack) -> String {
    let id = stack.client.post("/v1/probes", &json!({"steps": 1})).await.expect(202).id();
    stack.client.completed(&id, seconds(60)).await;
    id
}

/// Waits until this many requests have come.
async fn received(receiver: &Receiver, count: usize) -> Vec<Received> {
    until(&format!("{count} requests"), seconds(60), async || {
        let all = receiver.received();
        (all.len() >= count).then_some(all)
    })
    .await
}

/// Waits until the webhook's newest delivery fits.
async fn newest(stack: &Stack, hook: &Hook, what: &str, fits: impl Fn(&Value) -> bool) -> Value {
    let path = format!("/v1/webhooks/{}/deliveries?limit=1", hook.id);
    until(what, seconds(60), async || {
        let newest = stack.client.get(&path).await.expect(200).body["items"][0].clone();
        fits(&newest).then_some(newest)
    })
    .await
}

/// Whether Standard Webhooks' own library takes the request for the sender's.
fn verifies(secret: &str, request: &Received) -> bool {
    let mut headers = reqwest::header::HeaderMap::new();
    for name in ["webhook-id", "webhook-timestamp", "webhook-signature"] {
        headers.insert(name, request.header(name).parse().unwrap());
    }
    Webhook::new(secret).unwrap().verify(&request.body, &headers).is_ok()
}

/// Makes everything that waits due at once.
async fn hurry(stack: &Stack) {
    stack.control.run("UPDATE webhook_deliveries SET next_at = now() WHERE state = 'pending'").await;
}
