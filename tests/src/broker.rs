//! A RabbitMQ vhost of a test's own, seen through the management plugin: as an operator
//! sees it, without the code that is under test.

use std::time::Duration;

use lapin::options::{BasicPublishOptions, ConfirmSelectOptions};
use lapin::{BasicProperties, Confirmation, Connection, ConnectionProperties};
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};
use url::Url;

use crate::place;
use crate::servers::{BrokerUrls, Servers};

const PATIENCE: Duration = Duration::from_secs(20);

/// The queue of steps that a person waits for.
pub const INTERACTIVE: &str = "longshore.interactive.v1";
/// The queue where every job's first step is announced.
pub const FIRST: &str = "longshore.first.v1";
/// The queue of all other steps.
pub const BULK: &str = "longshore.bulk.v1";
/// Where messages end that nobody could read.
pub const DEAD: &str = "longshore.dead.v1";

/// A vhost.
pub struct Broker {
    /// What Longshore's processes are given.
    pub amqp_url: String,
    vhost: String,
    admin: Url,
    http: Client,
}

impl Broker {
    /// Host and port of its management's HTTP.
    pub fn management(&self) -> String {
        format!("127.0.0.1:{}", self.admin.port().expect("the launcher's URL has a port"))
    }

    /// Makes a vhost on the run's broker.
    pub async fn make(servers: &Servers) -> Self {
        let BrokerUrls { amqp, admin } = servers.broker();
        let vhost = format!("test-{}", place::fresh_name());
        let mut url = Url::parse(&amqp).expect("the launcher's URL parses");
        let user = url.username().to_owned();
        url.set_path(&vhost);
        let made = Self::of(url.into(), vhost.clone(), &admin);
        made.must(made.request(Method::PUT, &["vhosts", &vhost])).await;
        let rights = json!({"configure": ".*", "write": ".*", "read": ".*"});
        made.must(made.request(Method::PUT, &["permissions", &vhost, &user]).json(&rights)).await;
        made
    }

    /// The vhost that a broker comes with: for a test with a broker of its own.
    pub fn whole(servers: &Servers) -> Self {
        let BrokerUrls { amqp, admin } = servers.broker();
        let path = Url::parse(&amqp).expect("the launcher's URL parses").path().to_owned();
        Self::of(amqp, path.trim_start_matches('/').to_owned(), &admin)
    }

    fn of(amqp_url: String, vhost: String, admin: &str) -> Self {
        let http = Client::builder().no_proxy().timeout(PATIENCE).build().expect("an HTTP client");
        Self { amqp_url, vhost, admin: Url::parse(admin).expect("the launcher's URL parses"), http }
    }

    /// The messages that wait in a queue, at most 10,000; they stay there, but a look counts
    /// as a delivery. None if there is no such queue.
    pub async fn peek(&self, queue: &str) -> Vec<Peeked> {
        let ask = json!({"count": 10_000, "ackmode": "ack_requeue_true", "encoding": "auto"});
        let answer = self.request(Method::POST, &["queues", &self.vhost, queue, "get"]).json(&ask);
        let answer = answer.send().await.expect("the management plugin answers");
        if !answer.status().is_success() {
            return Vec::new();
        }
        let found: Vec<Value> = answer.json().await.expect("the management plugin answers in JSON");
        found.into_iter().map(Peeked).collect()
    }

    /// Puts a message of any form into a queue.
    pub async fn put(&self, queue: &str, body: &str) {
        let message = json!({
            "properties": {"delivery_mode": 2}, "routing_key": queue,
            "payload": body, "payload_encoding": "string",
        });
        let path = ["exchanges", &self.vhost, "amq.default", "publish"];
        let answer = self.must(self.request(Method::POST, &path).json(&message)).await;
        assert_eq!(answer["routed"], true, "there is no queue {queue}");
    }

    /// Puts a message of any length into a queue: past the management plugin, which has its
    /// own bounds.
    pub async fn put_bytes(&self, queue: &str, body: &[u8]) {
        let connected = Connection::connect(&self.amqp_url, ConnectionProperties::default()).await;
        let connection = connected.expect("the broker takes connections");
        let channel = connection.create_channel().await.expect("a channel");
        channel.confirm_select(ConfirmSelectOptions::default()).await.expect("confirms");
        let options = BasicPublishOptions { mandatory: true, ..BasicPublishOptions::default() };
        let properties = BasicProperties::default().with_delivery_mode(2);
        let sent = channel.basic_publish("".into(), queue.into(), options, body, properties).await;
        let confirmed = sent.expect("it is sent").await.expect("it is confirmed");
        assert!(matches!(confirmed, Confirmation::Ack(None)), "there is no queue {queue}");
        connection.close(200, "done".into()).await.expect("a good end");
    }

    /// Takes the first message of a queue and refuses it, so that it goes back and counts as
    /// delivered once more; answers whether there was one.
    pub async fn refuse(&self, queue: &str) -> bool {
        let ask = json!({"count": 1, "ackmode": "reject_requeue_true", "encoding": "auto"});
        let path = ["queues", &self.vhost, queue, "get"];
        let found = self.must(self.request(Method::POST, &path).json(&ask)).await;
        found.as_array().is_some_and(|found| !found.is_empty())
    }

    /// What the management plugin knows of a queue; none if there is no such queue.
    pub async fn queue(&self, queue: &str) -> Option<Value> {
        let answer = self.request(Method::GET, &["queues", &self.vhost, queue]).send().await;
        let answer = answer.expect("the management plugin answers");
        if !answer.status().is_success() {
            return None;
        }
        Some(answer.json().await.expect("the management plugin answers in JSON"))
    }

    /// The vhost's queues that hold messages, those in consumers' hands included, and how
    /// many; as the management plugin last counted, which it does every few seconds.
    pub async fn holding(&self) -> Vec<(String, u64)> {
        let found = self.must(self.request(Method::GET, &["queues", &self.vhost])).await;
        let queues = found.as_array().expect("the management plugin answers a list of queues");
        let counted = queues.iter().map(|queue| {
            let name = queue["name"].as_str().unwrap_or_default().to_owned();
            // A queue that was made a moment ago has not been counted yet.
            (name, queue["messages"].as_u64().unwrap_or(u64::MAX))
        });
        counted.filter(|(_, messages)| *messages > 0).collect()
    }

    /// Deletes an exchange.
    pub async fn delete_exchange(&self, exchange: &str) {
        self.must(self.request(Method::DELETE, &["exchanges", &self.vhost, exchange])).await;
    }

    /// Makes a classic queue, as somebody else might have.
    pub async fn make_classic_queue(&self, queue: &str) {
        let body = json!({"durable": true, "arguments": {"x-queue-type": "classic"}});
        self.must(self.request(Method::PUT, &["queues", &self.vhost, queue]).json(&body)).await;
    }

    /// Deletes a queue with all it holds.
    pub async fn delete_queue(&self, queue: &str) {
        self.must(self.request(Method::DELETE, &["queues", &self.vhost, queue])).await;
    }

    /// Deletes a queue if it is there and the broker is.
    pub async fn try_delete_queue(&self, queue: &str) {
        let _ = self.request(Method::DELETE, &["queues", &self.vhost, queue]).send().await;
    }

    /// Closes all connections to the broker, as far as it is there and has counted them.
    pub async fn close_connections(&self) {
        let Ok(answer) = self.request(Method::GET, &["connections"]).send().await else { return };
        let found: Vec<Value> = answer.json().await.unwrap_or_default();
        for connection in &found {
            let name = connection["name"].as_str().unwrap_or_default();
            let _ = self.request(Method::DELETE, &["connections", name]).send().await;
        }
    }

    /// Removes the vhost with all it holds. On a client of its own: the other's connections
    /// belong to a runtime that may stand still.
    pub(crate) async fn remove(&self) {
        let fresh = Self::of(self.amqp_url.clone(), self.vhost.clone(), self.admin.as_str());
        let _ = fresh.request(Method::DELETE, &["vhosts", &self.vhost]).send().await;
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.admin.clone();
        url.path_segments_mut().expect("an HTTP URL has a path").clear().push("api").extend(path);
        let (user, password) = (url.username().to_owned(), url.password().map(ToOwned::to_owned));
        let _ = (url.set_username(""), url.set_password(None));
        self.http.request(method, url).basic_auth(user, password)
    }

    async fn must(&self, request: RequestBuilder) -> Value {
        let answer = request.send().await.expect("the management plugin answers");
        let (status, url) = (answer.status(), answer.url().clone());
        let text = answer.text().await.expect("the management plugin answers in text");
        assert!(status.is_success(), "{url}: {status} {text}");
        serde_json::from_str(&text).unwrap_or(Value::Null)
    }
}

/// A message as the management plugin shows it.
#[derive(Clone, Debug)]
pub struct Peeked(Value);

impl Peeked {
    /// The body, in base64 if it is no text.
    pub fn body(&self) -> &str {
        self.0["payload"].as_str().unwrap_or_default()
    }

    /// Everything about it.
    pub fn whole(&self) -> &Value {
        &self.0
    }
}
