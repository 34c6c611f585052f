//! A client of the public API.

mod views;

use std::time::Duration;

use reqwest::{Method, RequestBuilder, StatusCode};
use serde_json::{Value, json};

pub use self::views::{Counts, Failure, Job, LogLine, Progress, Table, Verified, Waiting};

use crate::schema::Schema;
use crate::wait::until;

/// A client with a token.
#[derive(Clone)]
pub struct Client {
    base: String,
    token: Option<String>,
    http: reqwest::Client,
}

/// An answer: its status and its JSON (null if it has none).
#[derive(Clone, Debug)]
pub struct Answer {
    /// What was asked.
    pub asked: String,
    /// The status.
    pub status: StatusCode,
    /// The body.
    pub body: Value,
    /// The body as it came.
    pub text: String,
}

/// A job's events, as they come.
#[derive(Debug)]
pub struct Watch {
    answer: reqwest::Response,
    text: String,
}

impl Watch {
    /// The next event's name and data; none when the stream has closed in good order.
    pub async fn next(&mut self) -> Option<(String, Value)> {
        loop {
            if let Some((block, rest)) = self.text.split_once("\n\n") {
                let (event, rest) = (event(block), rest.to_owned());
                self.text = rest;
                if event.is_some() {
                    return event;
                }
                continue;
            }
            let more = self.answer.chunk().await.expect("the stream of events closes in good order")?;
            self.text.push_str(std::str::from_utf8(&more).expect("a chunk holds whole events"));
        }
    }

    /// All that is still to come.
    pub async fn rest(mut self) -> Vec<(String, Value)> {
        let mut events = Vec::new();
        while let Some(event) = self.next().await {
            events.push(event);
        }
        events
    }
}

impl Client {
    /// A client of the API at a port of this machine.
    pub fn new(port: u16, token: Option<&str>) -> Self {
        let http = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
        let base = format!("http://127.0.0.1:{port}");
        Self { base, token: token.map(ToOwned::to_owned), http: http.expect("an HTTP client") }
    }

    /// The same API for somebody else.
    pub fn with_token(&self, token: Option<&str>) -> Self {
        Self { token: token.map(ToOwned::to_owned), ..self.clone() }
    }

    /// Any request.
    pub async fn send(&self, method: Method, path: &str, body: Option<&Value>) -> Answer {
        let request = self.request(method.clone(), path);
        let request = body.iter().fold(request, RequestBuilder::json);
        let answer = request.send().await.unwrap_or_else(|why| panic!("{method} {path}: {why}"));
        Answer::read(format!("{method} {path}"), answer).await
    }

    /// `GET`.
    pub async fn get(&self, path: &str) -> Answer {
        self.send(Method::GET, path, None).await
    }

    /// `POST` of JSON.
    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, Some(body)).await
    }

    /// `PATCH` of JSON; `seen` is the `ETag` that the edit is of.
    pub async fn patch(&self, path: &str, body: &Value, seen: Option<&str>) -> Answer {
        let request = self.request(Method::PATCH, path).json(body);
        let request = seen.iter().fold(request, |request, tag| request.header("if-match", *tag));
        let answer = request.send().await.unwrap_or_else(|why| panic!("PATCH {path}: {why}"));
        Answer::read(format!("PATCH {path}"), answer).await
    }

    /// `DELETE`.
    pub async fn delete(&self, path: &str) -> Answer {
        self.send(Method::DELETE, path, None).await
    }

    /// Registers a schema under its own name and account; answers the connection's id.
    pub async fn connection(&self, schema: &Schema) -> String {
        self.post("/v1/connections", &connection_body(schema)).await.expect(201).id()
    }

    /// Makes a sync task from `source_id` to `target_id`; `options` over the usual ones.
    pub async fn task(&self, source_id: &str, target_id: &str, options: &Value) -> String {
        let mut body = json!({
            "name": format!("task {}", crate::place::fresh_name()),
            "source_id": source_id, "target_id": target_id, "mode": "full", "policy": "source_first",
            // Tests delete much of small tables, and test their connections where that is the matter.
            "max_delete_percent": 100, "allow_untested": true,
        });
        let options = options.as_object().expect("a task's options are an object");
        for (name, value) in options {
            body[name] = value.clone();
        }
        self.post("/v1/sync-tasks", &body).await.expect(201).id()
    }

    /// Submits a run; answers the job's id.
    pub async fn submit(&self, task_id: &str) -> String {
        self.post(&format!("/v1/sync-tasks/{task_id}/runs"), &json!({})).await.expect(202).id()
    }

    /// A job as it stands.
    pub async fn job(&self, id: &str) -> Job {
        self.get(&format!("/v1/jobs/{id}")).await.expect(200).parsed()
    }

    /// A job's whole log, line by line, oldest first.
    pub async fn log(&self, id: &str) -> Vec<LogLine> {
        let (mut lines, mut from) = (Vec::new(), String::new());
        loop {
            let path = format!("/v1/jobs/{id}/log?order=oldest&limit=200{from}");
            let page = self.get(&path).await.expect(200).body;
            let items: Vec<LogLine> =
                serde_json::from_value(page["items"].clone()).expect("a job's log is as promised");
            lines.extend(items);
            let Some(next) = page["next_cursor"].as_str() else { return lines };
            from = format!("&cursor={next}");
        }
    }

    /// Waits until a job has ended.
    pub async fn ended(&self, id: &str, patience: Duration) -> Job {
        until(&format!("job {id} ends"), patience, async || {
            let job = self.job(id).await;
            job.is_final().then_some(job)
        })
        .await
    }

    /// Waits until a job has ended, and panics unless it is completed.
    pub async fn completed(&self, id: &str, patience: Duration) -> Job {
        let job = self.ended(id, patience).await;
        assert_eq!(job.state, "completed", "job {id}: {job:#?}");
        job
    }

    /// Follows a job's events.
    pub async fn watch(&self, id: &str) -> Watch {
        let path = format!("/v1/jobs/{id}/events");
        let answer = self.request(Method::GET, &path).send().await.expect("events are served");
        assert_eq!(answer.status(), 200, "GET {path}");
        Watch { answer, text: String::new() }
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.base));
        self.token.iter().fold(request, RequestBuilder::bearer_auth)
    }
}

/// What registers a schema.
pub fn connection_body(schema: &Schema) -> Value {
    let engine = if schema.server.is_mysql() { "mysql" } else { "mariadb" };
    json!({
        "name": schema.name, "engine": engine, "host": "127.0.0.1",
        "port": schema.behind.unwrap_or(schema.server.port),
        "database": schema.name, "username": schema.username, "password": schema.password,
    })
}

fn event(block: &str) -> Option<(String, Value)> {
    let of = |field: &str| block.lines().find_map(|line| line.strip_prefix(field)).map(str::trim);
    let data = of("data:").and_then(|data| serde_json::from_str(data).ok()).unwrap_or(Value::Null);
    Some((of("event:")?.to_owned(), data))
}

impl Answer {
    async fn read(asked: String, answer: reqwest::Response) -> Self {
        let status = answer.status();
        let text = answer.text().await.unwrap_or_else(|why| panic!("{asked}: {why}"));
        let body = serde_json::from_str(&text).unwrap_or(Value::Null);
        Self { asked, status, body, text }
    }

    /// Panics unless this is the status.
    #[track_caller]
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(self.status.as_u16(), status, "{}: {}", self.asked, self.text);
        self
    }

    /// Panics unless this is a problem of this status and code, in the promised form.
    #[track_caller]
    pub fn expect_problem(self, status: u16, code: &str) -> Self {
        let this = self.expect(status);
        assert_eq!(this.body["code"], code, "{}: {}", this.asked, this.text);
        assert_eq!(this.body["status"], status, "{}: {}", this.asked, this.text);
        for field in ["type", "title", "detail", "request_id"] {
            assert!(this.body[field].is_string(), "{}: no {field} in {}", this.asked, this.text);
        }
        this
    }

    /// The `id` of what was made.
    #[track_caller]
    pub fn id(&self) -> String {
        let id = self.body["id"].as_str();
        id.unwrap_or_else(|| panic!("{}: no id in {}", self.asked, self.text)).to_owned()
    }

    /// The body in its promised form.
    #[track_caller]
    pub fn parsed<T: serde::de::DeserializeOwned>(&self) -> T {
        let parsed = serde_json::from_value(self.body.clone());
        parsed.unwrap_or_else(|why| panic!("{}: {why} in {}", self.asked, self.text))
    }
}
