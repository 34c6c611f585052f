//! A webhook and its deliveries as they are shown: everything but the secret, which is shown
//! once, when it is made.

use chrono::{DateTime, Utc};
use longshore_shared::domain::webhook::{
    Delivery, DeliveryError, DeliveryState, DisabledReason, Webhook, WebhookEvent,
};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::word::{Word, word_list, words};

/// A registered webhook.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Webhook)]
pub(crate) struct WebhookView {
    id: Uuid,
    url: String,
    /// What it is told of.
    #[schema(schema_with = word_list::<WebhookEvent>)]
    events: Vec<Word<WebhookEvent>>,
    enabled: bool,
    /// Why Longshore has switched it off: its receiver answered 410 (`gone`), or took nothing
    /// for a day (`failing`).
    #[schema(schema_with = words::<DisabledReason>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    disabled_reason: Option<Word<DisabledReason>>,
    /// Since when its receiver has taken nothing; null while it does.
    #[schema(required = true)]
    failing_since: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

/// A webhook that was just made, with its secret.
#[derive(Serialize, ToSchema)]
pub(crate) struct MadeWebhook {
    #[serde(flatten)]
    webhook: WebhookView,
    /// Verifies signatures, as Standard Webhooks says; it is never shown again.
    secret: String,
}

/// Something that a webhook is told, or was.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = WebhookDelivery)]
pub(crate) struct DeliveryView {
    /// The header `webhook-id`, the same at every try.
    id: Uuid,
    /// `job.completed`, `job.failed`, `job.cancelled`, or `ping` for a test.
    event: String,
    #[schema(required = true)]
    job_id: Option<Uuid>,
    #[schema(schema_with = words::<DeliveryState>)]
    state: Word<DeliveryState>,
    /// Tries so far.
    attempts: i32,
    /// When it is tried next, unless it has ended.
    #[schema(required = true)]
    next_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last try's answer.
    #[schema(required = true)]
    last_status: Option<i32>,
    /// Why the last try was in vain.
    #[schema(schema_with = words::<DeliveryError>, required = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<Word<DeliveryError>>,
    created_at: DateTime<Utc>,
    /// When it was taken, or given up.
    #[schema(required = true)]
    ended_at: Option<DateTime<Utc>>,
}

impl MadeWebhook {
    /// Shows the secret.
    pub(crate) fn of(webhook: Webhook, secret: &str) -> Self {
        Self { webhook: webhook.into(), secret: secret.to_owned() }
    }
}

impl From<Webhook> for WebhookView {
    fn from(w: Webhook) -> Self {
        Self {
            id: w.id.0,
            url: w.url,
            events: w.events.into_iter().map(Word).collect(),
            enabled: w.enabled,
            disabled_reason: w.disabled_reason.map(Word),
            failing_since: w.failing_since,
            created_at: w.created_at,
        }
    }
}

impl From<Delivery> for DeliveryView {
    fn from(d: Delivery) -> Self {
        Self {
            id: d.id.0,
            event: d.event,
            job_id: d.job_id.map(|id| id.0),
            state: Word(d.state),
            attempts: d.attempts,
            next_at: d.next_at,
            last_status: d.last_status,
            last_error: d.last_error.map(Word),
            created_at: d.created_at,
            ended_at: d.ended_at,
        }
    }
}
