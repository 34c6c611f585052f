//! A client as a careful customer writes one: it asks another API when one does not answer,
//! and knows that a request whose answer was lost may have been carried out.

use std::time::Duration;

use longshore_tests::client::Client;
use longshore_tests::place;
use longshore_tests::wait::seconds;
use rand::Rng as _;
use rand::rngs::StdRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::world::World;

/// Longer than an API waits for anything by itself, shorter than a frozen one stays so.
const PATIENCE: Duration = seconds(8);

/// What came of a request.
#[derive(Debug)]
pub(crate) enum Reply {
    /// It was carried out or refused: status and body.
    Answer(u16, Value),
    /// No answer, or one that leaves open whether it was carried out.
    Lost,
}

/// One organisation's client.
pub(crate) struct Caller<'w> {
    /// Where it asks.
    pub(crate) world: &'w World<'w>,
    apis: Vec<Client>,
}

impl<'w> Caller<'w> {
    /// A client with this token.
    pub(crate) fn new(world: &'w World<'w>, token: &str) -> Self {
        let apis = world.apis.iter().map(|api| api.with_token(Some(token))).collect();
        Self { world, apis }
    }

    /// One request to one of the APIs.
    pub(crate) async fn send(
        &self,
        rng: &mut StdRng,
        method: Method,
        path: &str,
        body: Option<&Value>,
    ) -> Reply {
        self.send_keyed(rng, method, path, body, None).await
    }

    /// As [`Caller::send`], with an `Idempotency-Key`.
    async fn send_keyed(
        &self,
        rng: &mut StdRng,
        method: Method,
        path: &str,
        body: Option<&Value>,
        key: Option<&str>,
    ) -> Reply {
        let api = &self.apis[rng.random_range(0..self.apis.len())];
        let request = api.request(method.clone(), path).timeout(PATIENCE);
        let request = body.iter().fold(request, reqwest::RequestBuilder::json);
        let request = key.iter().fold(request, |request, key| request.header("Idempotency-Key", *key));
        let Ok(answer) = request.send().await else {
            self.world.chronicle.count("answers lost");
            return Reply::Lost;
        };
        let (status, later) = (answer.status().as_u16(), answer.headers().contains_key("retry-after"));
        let Ok(text) = answer.text().await else {
            self.world.chronicle.count("answers lost");
            return Reply::Lost;
        };
        match status {
            503 if later => {
                self.world.chronicle.count("answers 503");
                Reply::Lost
            }
            408 | 500.. => {
                self.world.chronicle.wrong(&format!("{method} {path}: {status} {text}"));
                Reply::Lost
            }
            _ => Reply::Answer(status, serde_json::from_str(&text).unwrap_or(Value::Null)),
        }
    }

    /// Asks for a job until an API has accepted it, mostly with one key for all tries: then
    /// there may be one job at most. `None` when the time was over before.
    pub(crate) async fn submit(&self, rng: &mut StdRng, path: &str, body: &Value) -> Option<String> {
        let key = rng.random_bool(0.8).then(place::fresh_name);
        let mut told: Option<String> = None;
        if key.is_some() {
            self.world.book.may_be_made();
        }
        while !self.world.is_over() {
            if key.is_none() {
                self.world.book.may_be_made();
            }
            match self.send_keyed(rng, Method::POST, path, Some(body), key.as_deref()).await {
                Reply::Answer(202, answer) => {
                    let id = answer["id"].as_str().unwrap().to_owned();
                    self.world.book.accepted(&id);
                    if let Some(other) = told.as_ref().filter(|other| **other != id) {
                        self.world.chronicle.wrong(&format!("one key made two jobs: {other} and {id}"));
                    }
                    // As if the answer had been lost: the same job has to be told again.
                    if key.is_some() && rng.random_bool(0.3) {
                        told = Some(id);
                        continue;
                    }
                    return Some(id);
                }
                Reply::Answer(409, answer) if answer["code"] == "idempotency_in_progress" => {
                    pause(rng, 0.2, 0.8).await;
                }
                // The one before, whose answer was lost, was carried out.
                Reply::Answer(409, answer) if answer["job_id"].is_string() => {
                    let id = answer["job_id"].as_str().unwrap().to_owned();
                    self.world.book.accepted(&id);
                    return Some(id);
                }
                Reply::Answer(status, answer) => {
                    self.world.chronicle.wrong(&format!("POST {path}: {status} {answer}"));
                    return None;
                }
                Reply::Lost => pause(rng, 0.3, 1.0).await,
            }
        }
        told
    }

    /// Asks for a job's end until an API has taken note of it.
    pub(crate) async fn cancel(&self, rng: &mut StdRng, job: &str) {
        self.world.book.cancel_asked(job);
        while !self.world.is_over() {
            let path = format!("/v1/jobs/{job}/cancel");
            match self.send(rng, Method::POST, &path, Some(&json!({}))).await {
                Reply::Answer(202, _) => return self.world.chronicle.count("cancels taken"),
                Reply::Answer(409, answer) if answer["code"] == "job_ended" => {
                    return self.world.chronicle.count("cancels too late");
                }
                Reply::Answer(status, answer) => {
                    return self.world.chronicle.wrong(&format!("POST {path}: {status} {answer}"));
                }
                Reply::Lost => pause(rng, 0.3, 1.0).await,
            }
        }
    }

    /// Watches a job to its final state; `None` when the time was over before.
    pub(crate) async fn ended(&self, rng: &mut StdRng, job: &str) -> Option<String> {
        while !self.world.is_over() {
            let path = format!("/v1/jobs/{job}");
            match self.send(rng, Method::GET, &path, None).await {
                Reply::Answer(200, answer) => {
                    let state = answer["state"].as_str().unwrap();
                    if matches!(state, "completed" | "failed" | "cancelled") {
                        self.tell(job, state);
                        return Some(state.to_owned());
                    }
                }
                Reply::Answer(status, answer) => {
                    self.world.chronicle.wrong(&format!("job {job} was accepted, now: {status} {answer}"));
                    return None;
                }
                Reply::Lost => {}
            }
            pause(rng, 0.2, 0.6).await;
        }
        None
    }

    fn tell(&self, job: &str, state: &str) {
        if let Some(before) = self.world.book.told(job, state) {
            self.world.chronicle.wrong(&format!("job {job} was {before} and is now {state}"));
        }
    }
}

/// A pause of `from` to `to` seconds.
pub(crate) async fn pause(rng: &mut StdRng, from: f64, to: f64) {
    tokio::time::sleep(Duration::from_secs_f64(rng.random_range(from..to))).await;
}
