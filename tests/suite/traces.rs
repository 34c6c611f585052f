//! Spans of several processes are one tree below the request's `traceparent`; a collector
//! that hangs or is away slows nothing.

use std::collections::{BTreeMap, BTreeSet};

use longshore_tests::receiver::{Manner, Receiver};
use longshore_tests::stack::Stack;
use longshore_tests::wait::{seconds, until};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::{KeyValue, any_value};
use prost::Message as _;
use reqwest::Method;
use serde_json::{Value, json};

/// A span as the collector was told.
#[derive(Clone, Debug)]
struct Span {
    instance: String,
    name: String,
    trace: String,
    id: String,
    parent: String,
    tags: BTreeMap<String, String>,
}

fn spans(collector: &Receiver) -> Vec<Span> {
    let mut found = Vec::new();
    for request in collector.received() {
        assert_eq!(
            (request.path.as_str(), request.header("content-type")),
            ("/v1/traces", "application/x-protobuf")
        );
        let sent = ExportTraceServiceRequest::decode(request.body.as_slice()).unwrap();
        for resource in sent.resource_spans {
            let of = tags(&resource.resource.unwrap().attributes);
            let instance = format!("{} {}", of["service.name"], of["service.instance.id"]);
            for span in resource.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                found.push(Span {
                    instance: instance.clone(),
                    name: span.name,
                    trace: hex(&span.trace_id),
                    id: hex(&span.span_id),
                    parent: hex(&span.parent_span_id),
                    tags: tags(&span.attributes),
                });
            }
        }
    }
    found
}

fn tags(attributes: &[KeyValue]) -> BTreeMap<String, String> {
    let text = |one: &KeyValue| match one.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(any_value::Value::StringValue(text)) => text.clone(),
        other => format!("{other:?}"),
    };
    attributes.iter().map(|one| (one.key.clone(), text(one))).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Asks with a `traceparent` of this trace; answers the job's id.
async fn ask(stack: &Stack, path: &str, body: &Value, parent: &str) -> String {
    let request = stack.client.request(Method::POST, path).header("traceparent", parent).json(body);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.status(), 202);
    answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// Waits until the trace has a span of each of the job's done steps; answers its spans.
async fn whole(stack: &Stack, collector: &Receiver, trace: &str, job: &str) -> Vec<Span> {
    let sql = format!("SELECT count(*) FROM steps WHERE job_id = '{job}' AND state = 'done'");
    let steps = usize::try_from(stack.control.value::<i64>(&sql).await).unwrap();
    until(&format!("{steps} steps have told their spans"), seconds(60), async || {
        let found: Vec<_> = spans(collector).into_iter().filter(|span| span.trace == trace).collect();
        let done =
            found.iter().filter(|span| span.tags.get("longshore.step.outcome").is_some_and(|o| o == "done"));
        let request = found.iter().any(|span| span.name == "request");
        (done.count() == steps && request).then_some(found)
    })
    .await
}

/// Every span but the first has its parent among the others, and each step its parts.
fn is_one_tree(spans: &[Span], asked: &str) {
    let ids: BTreeSet<_> = spans.iter().map(|span| span.id.as_str()).collect();
    assert_eq!(ids.len(), spans.len(), "no span was told twice");
    let tops: Vec<_> = spans.iter().filter(|span| !ids.contains(span.parent.as_str())).collect();
    assert_eq!(tops.len(), 1, "one tree: {tops:#?}");
    assert_eq!((tops[0].name.as_str(), tops[0].parent.as_str()), ("request", asked), "{:?}", tops[0]);
    let of = |id: &str| spans.iter().find(|span| span.id == id).unwrap();
    for step in spans.iter().filter(|span| span.name == "step") {
        assert_eq!(of(&step.parent).name, "publish", "{step:?}");
        let mut parts: Vec<_> =
            spans.iter().filter(|s| s.parent == step.id).map(|s| s.name.as_str()).collect();
        parts.sort_unstable();
        assert_eq!(parts, ["claim", "settle"], "{step:?}");
    }
}

#[tokio::test]
async fn a_requests_trace_reaches_the_last_step_as_one_tree() {
    let collector = Receiver::start().await;
    let stack = Stack::running_with(&[("OTLP_ENDPOINT", &collector.url("/"))]).await;
    stack.source.run("CREATE TABLE orders_of_acme (id INT PRIMARY KEY)").await;
    stack.source.run("INSERT INTO orders_of_acme SELECT seq FROM seq_1_to_500").await;
    let task = stack.task(&json!({})).await;
    let runs = format!("/v1/sync-tasks/{task}/runs");
    let probe = json!({"steps": 24, "seconds": 0.2});
    for (place, (path, body)) in [("/v1/probes", probe), (runs.as_str(), json!({}))].into_iter().enumerate() {
        let (trace, asked) = (format!("0af7651916cd43dd8448eb211c80319{place}"), "b7ad6b7169203331");
        let job = ask(&stack, path, &body, &format!("00-{trace}-{asked}-01")).await;
        stack.client.completed(&job, seconds(60)).await;
        let found = whole(&stack, &collector, &trace, &job).await;
        is_one_tree(&found, asked);
        assert!(found.iter().filter(|s| s.name == "step").all(|s| s.tags["longshore.job.id"] == job));
        if place == 0 {
            let of: BTreeSet<_> =
                found.iter().filter(|s| s.name == "step").map(|s| s.instance.as_str()).collect();
            assert_eq!(of, BTreeSet::from(["longshore-worker worker-1", "longshore-worker worker-2"]));
        }
    }
    // Who asks for no spans gets none.
    let unwanted = "00-0af7651916cd43dd8448eb211c80319f-b7ad6b7169203331-00";
    let job = ask(&stack, "/v1/probes", &json!({}), unwanted).await;
    stack.client.completed(&job, seconds(60)).await;
    stack.client.get("/v1/jobs").await.expect(200);
    let told = until("a later request has told its span", seconds(30), async || {
        let found = spans(&collector);
        found.iter().any(|s| s.tags.get("http.route").is_some_and(|r| r == "/v1/jobs")).then_some(found)
    })
    .await;
    assert!(!told.iter().any(|span| span.trace.ends_with("319f")));
    tells_no_more_than_it_may(&stack, &told);
}

fn tells_no_more_than_it_may(stack: &Stack, told: &[Span]) {
    let known = BTreeSet::from([
        "http.request.method",
        "http.response.status_code",
        "http.route",
        "longshore.job.id",
        "longshore.step.attempt",
        "longshore.step.id",
        "longshore.step.kind",
        "longshore.step.outcome",
        "messaging.destination.name",
    ]);
    for span in told {
        for (name, value) in &span.tags {
            assert!(known.contains(name.as_str()), "{span:?}");
            for word in [&stack.source.name, &stack.source.username, &stack.target.name, &stack.token] {
                assert!(!value.contains(word.as_str()), "{span:?}");
            }
            assert!(!value.contains("acme") && !value.contains("SELECT"), "{span:?}");
        }
    }
}

#[tokio::test]
async fn a_collector_that_hangs_or_is_away_slows_nothing() {
    let collector = Receiver::start().await;
    collector.set(Manner::Hang);
    let away = format!("http://127.0.0.1:{}", longshore_tests::place::free_port());
    for endpoint in [collector.url(""), away] {
        let mut stack = Stack::running_with(&[("OTLP_ENDPOINT", &endpoint)]).await;
        // More spans than the queue holds, were it not emptied: two or three of each step.
        let probe = stack.client.post("/v1/probes", &json!({"steps": 3_000})).await.expect(202).id();
        stack.client.completed(&probe, seconds(120)).await;
        for process in stack.apis.iter_mut().chain(&mut stack.workers).chain(&mut stack.schedulers) {
            let ended = process.terminate(seconds(20)).await;
            assert!(ended.success(), "{}: {ended}", process.name);
        }
    }
    assert!(!collector.received().is_empty(), "the collector was asked");
}
