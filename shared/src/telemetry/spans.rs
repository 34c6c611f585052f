//! Spans, sent to an OpenTelemetry collector (OTLP over HTTP) where a setting names one.
//!
//! A span's identifiers are those of the [`TraceContext`] that rides in messages, so that
//! spans of several processes are one tree. Invariants: what a span may tell stands in one
//! enum ([`Tag`]), so no statement, no name of a customer's and no secret gets into one;
//! sending is a thread's of its own with a queue of fixed length, so a collector that hangs
//! or is away costs spans and nothing else. Not here: log lines, which name the trace too.

use std::borrow::Cow;
use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime};

use opentelemetry::trace::{SpanContext, SpanId, SpanKind, Status, TraceFlags, TraceId, TraceState};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{
    BatchConfigBuilder, BatchSpanProcessor, SpanData, SpanEvents, SpanLinks, SpanProcessor as _,
};

use super::{TelemetryError, TraceContext};
use crate::clock;

/// Spans that wait to be sent at most; what comes on top is dropped.
const QUEUE: usize = 4_096;
const BATCH: usize = 512;
const EVERY: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(5);
/// How long the end of a process waits for its last spans.
const CLOSING_TIMEOUT: Duration = Duration::from_secs(2);

/// What a span is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// A request to the API.
    Request,
    /// A message on its way to RabbitMQ, until it is confirmed.
    Publish,
    /// A step in a worker's hands, from the delivery of its message.
    Step,
    /// A step's claim.
    Claim,
    /// The writing of a step's outcome and of what follows from it.
    Settle,
}

/// What a span may tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tag {
    /// The route's template.
    Route,
    /// The request's method.
    Method,
    /// The answer's status.
    Status,
    /// The job.
    Job,
    /// The step.
    Step,
    /// The step's kind.
    Kind,
    /// Which try at the step.
    Attempt,
    /// What came of it.
    Outcome,
    /// The queue.
    Queue,
}

impl Work {
    const fn name(self) -> &'static str {
        match self {
            Self::Request => "request",
            Self::Publish => "publish",
            Self::Step => "step",
            Self::Claim => "claim",
            Self::Settle => "settle",
        }
    }

    const fn kind(self) -> SpanKind {
        match self {
            Self::Request => SpanKind::Server,
            Self::Publish => SpanKind::Producer,
            Self::Step => SpanKind::Consumer,
            Self::Claim | Self::Settle => SpanKind::Internal,
        }
    }

    /// Whether its parent is another process's.
    const fn is_entry(self) -> bool {
        matches!(self, Self::Request | Self::Step)
    }
}

impl Tag {
    const fn name(self) -> &'static str {
        match self {
            Self::Route => "http.route",
            Self::Method => "http.request.method",
            Self::Status => "http.response.status_code",
            Self::Job => "longshore.job.id",
            Self::Step => "longshore.step.id",
            Self::Kind => "longshore.step.kind",
            Self::Attempt => "longshore.step.attempt",
            Self::Outcome => "longshore.step.outcome",
            Self::Queue => "messaging.destination.name",
        }
    }
}

struct Export {
    processor: BatchSpanProcessor,
    scope: InstrumentationScope,
}

static EXPORT: OnceLock<Export> = OnceLock::new();

/// Begins to send spans to the collector at `endpoint` (its base, without `/v1/traces`), as
/// this service and instance; a second call does nothing. `None`: no span is ever made.
pub fn start_spans(
    endpoint: Option<&str>,
    service: &'static str,
    instance: &str,
) -> Result<(), TelemetryError> {
    let Some(endpoint) = endpoint else { return Ok(()) };
    if EXPORT.get().is_some() {
        return Ok(());
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_http_client(client()?)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_protocol(Protocol::HttpBinary)
        .with_timeout(PATIENCE)
        .build()
        .map_err(|error| TelemetryError::Spans { reason: error.to_string() })?;
    let config = BatchConfigBuilder::default()
        .with_max_queue_size(QUEUE)
        .with_max_export_batch_size(BATCH)
        .with_scheduled_delay(EVERY)
        .build();
    let mut processor = BatchSpanProcessor::new(exporter, config);
    let of = |name: &'static str, value: &str| KeyValue::new(name, value.to_owned());
    processor.set_resource(
        &Resource::builder()
            .with_service_name(service)
            .with_attributes([
                of("service.instance.id", instance),
                of("service.version", env!("CARGO_PKG_VERSION")),
            ])
            .build(),
    );
    let scope = InstrumentationScope::builder("longshore").with_version(env!("CARGO_PKG_VERSION")).build();
    EXPORT.get_or_init(|| Export { processor, scope });
    Ok(())
}

/// The exporter calls it on its own thread, which knows no async runtime; made on a thread
/// that knows none either.
fn client() -> Result<reqwest::blocking::Client, TelemetryError> {
    let make = || {
        let builder = reqwest::blocking::Client::builder().timeout(PATIENCE).connect_timeout(PATIENCE);
        builder.redirect(reqwest::redirect::Policy::none()).build()
    };
    let made = std::thread::scope(|scope| scope.spawn(make).join());
    let failed = |reason: &str| TelemetryError::Spans { reason: reason.to_owned() };
    made.map_err(|_| failed("the client's thread panicked"))?.map_err(|error| failed(&error.to_string()))
}

/// Sends what waits, for a moment at most; call it last.
pub async fn stop_spans() {
    if EXPORT.get().is_none() {
        return;
    }
    let stop = || EXPORT.get().map(|export| export.processor.shutdown_with_timeout(CLOSING_TIMEOUT));
    // Whatever comes of it, the process ends.
    let _ = tokio::time::timeout(CLOSING_TIMEOUT * 2, tokio::task::spawn_blocking(stop)).await;
}

/// A piece of work whose span is sent when it is ended; one that is dropped is not sent.
#[derive(Debug)]
pub struct OpenSpan {
    context: TraceContext,
    parent: Option<TraceContext>,
    /// `None`: nobody wants it.
    sent: Option<Sent>,
}

#[derive(Debug)]
struct Sent {
    work: Work,
    began: (SystemTime, Instant),
    tags: Vec<KeyValue>,
}

impl TraceContext {
    /// Begins a piece of work below this place.
    pub fn begin(self, work: Work) -> OpenSpan {
        OpenSpan::of(self.child(), Some(self), work)
    }

    /// Begins a piece of work below this place if spans are sent at all; else its place is
    /// this one, so that nothing differs.
    pub fn begin_if_sent(self, work: Work) -> OpenSpan {
        match EXPORT.get() {
            Some(_) => self.begin(work),
            None => OpenSpan { context: self, parent: None, sent: None },
        }
    }
}

impl OpenSpan {
    /// Begins the first piece of work of a trace.
    pub fn first(work: Work) -> Self {
        Self::of(TraceContext::fresh(), None, work)
    }

    fn of(context: TraceContext, parent: Option<TraceContext>, work: Work) -> Self {
        let wanted = EXPORT.get().is_some() && context.is_sampled();
        let began = || (SystemTime::from(clock::now()), Instant::now());
        let sent = wanted.then(|| Sent { work, began: began(), tags: Vec::new() });
        Self { context, parent, sent }
    }

    /// Its place: what is done below it, here or in another process, names this.
    pub fn context(&self) -> TraceContext {
        self.context
    }

    /// Tells something of it.
    pub fn tag(&mut self, tag: Tag, value: &dyn std::fmt::Display) {
        if let Some(sent) = &mut self.sent {
            sent.tags.push(KeyValue::new(tag.name(), value.to_string()));
        }
    }

    /// It is over; `failed` marks it.
    pub fn end(self, failed: bool) {
        let (Some(sent), Some(export)) = (self.sent, EXPORT.get()) else { return };
        let (trace, span) = self.context.ids();
        let context = SpanContext::new(
            TraceId::from(trace),
            SpanId::from(span),
            TraceFlags::SAMPLED,
            false,
            TraceState::default(),
        );
        let (start_time, began) = sent.began;
        export.processor.on_end(SpanData {
            span_context: context,
            parent_span_id: self.parent.map_or(SpanId::INVALID, |parent| SpanId::from(parent.ids().1)),
            parent_span_is_remote: sent.work.is_entry(),
            span_kind: sent.work.kind(),
            name: Cow::Borrowed(sent.work.name()),
            start_time,
            end_time: start_time + began.elapsed(),
            attributes: sent.tags,
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            status: if failed { Status::error("") } else { Status::Unset },
            instrumentation_scope: export.scope.clone(),
        });
    }
}
