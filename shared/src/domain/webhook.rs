//! Webhooks: who is told of a job's end, and when a delivery is tried again.

use std::time::Duration;

use chrono::{DateTime, Utc};

use super::id::{DeliveryId, JobId, OrgId, WebhookId};
use super::words;

words! {
    /// What a webhook may be told of.
    WebhookEvent {
        /// A job is done and verified.
        Completed = "job.completed",
        /// A job has failed.
        Failed = "job.failed",
        /// A person has ended a job.
        Cancelled = "job.cancelled",
    }
}

words! {
    /// Why Longshore has switched a webhook off by itself.
    DisabledReason {
        /// Its receiver answered 410: never again.
        Gone = "gone",
        /// A delivery was given up after a day in which nothing was taken.
        Failing = "failing",
    }
}

words! {
    /// Where a delivery stands.
    DeliveryState {
        /// It is tried when its time comes.
        Pending = "pending",
        /// The receiver took it.
        Delivered = "delivered",
        /// It was given up.
        Failed = "failed",
    }
}

words! {
    /// Why a try was in vain.
    DeliveryError {
        /// The host's name was not found.
        Lookup = "lookup",
        /// The host stands for an address that webhooks may not go to.
        AddressNotAllowed = "address_not_allowed",
        /// The URL is http, and only https is allowed.
        HttpNotAllowed = "http_not_allowed",
        /// Nobody took the connection.
        Connect = "connect",
        /// TLS failed, or the certificate is not to be trusted.
        Tls = "tls",
        /// It took too long.
        Timeout = "timeout",
        /// What came back was no HTTP, or broke off.
        Protocol = "protocol",
        /// A redirect, which is never followed.
        Redirect = "redirect",
        /// The receiver answered with another status than 2xx.
        Status = "status",
        /// The secret could not be opened.
        KeyUnavailable = "key_unavailable",
        /// The webhook was switched off or deleted first.
        Disabled = "disabled",
    }
}

/// A registered webhook.
#[derive(Clone, Debug)]
pub struct Webhook {
    /// Its organisation.
    pub org_id: OrgId,
    /// Its identifier; time-ordered.
    pub id: WebhookId,
    /// Where it goes.
    pub url: String,
    /// What it is told of.
    pub events: Vec<WebhookEvent>,
    /// Whether it is told.
    pub enabled: bool,
    /// Why Longshore switched it off.
    pub disabled_reason: Option<DisabledReason>,
    /// Since when nothing has been taken.
    pub failing_since: Option<DateTime<Utc>>,
    /// When it was registered.
    pub created_at: DateTime<Utc>,
}

/// Something that a webhook is told, or was.
#[derive(Clone, Debug)]
pub struct Delivery {
    /// Its identifier; time-ordered. The same at every try.
    pub id: DeliveryId,
    /// The event, or `ping`.
    pub event: String,
    /// The job that it is about.
    pub job_id: Option<JobId>,
    /// Where it stands.
    pub state: DeliveryState,
    /// Tries so far.
    pub attempts: i32,
    /// When it is tried next.
    pub next_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last try.
    pub last_status: Option<i32>,
    /// Why the last try was in vain.
    pub last_error: Option<DeliveryError>,
    /// Since when it is owed.
    pub created_at: DateTime<Utc>,
    /// When it was taken or given up.
    pub ended_at: Option<DateTime<Utc>>,
}

/// The event of a test.
pub const PING: &str = "ping";

/// Pauses between tries, in seconds: ten tries in a little more than a day.
const PAUSES: [u32; 9] = [5, 30, 300, 1_800, 3_600, 7_200, 14_400, 28_800, 32_400];

/// The pause after the `attempt`th try (from 1) was in vain; `None`: it is given up.
///
/// `jitter` is a number in `0.0..1.0`; the pause is that long and up to a fifth longer.
pub fn pause_after(attempt: i32, jitter: f64) -> Option<Duration> {
    let place = usize::try_from(attempt.max(1) - 1).unwrap_or(usize::MAX);
    let pause = f64::from(*PAUSES.get(place)?);
    Some(Duration::from_secs_f64(pause * (1.0 + jitter.clamp(0.0, 1.0) / 5.0)))
}

#[cfg(test)]
mod tests {
    use super::{PAUSES, pause_after};

    #[test]
    fn tries_grow_apart_and_end() {
        let pauses: Vec<_> = (1..).map_while(|attempt| pause_after(attempt, 0.0)).collect();
        assert_eq!(pauses.len(), PAUSES.len());
        assert!(pauses.is_sorted());
        let all: u64 = pauses.iter().map(std::time::Duration::as_secs).sum();
        assert!((86_400..100_000).contains(&all), "{all}");
        assert!(pause_after(1, 1.0) > pause_after(1, 0.0));
        assert_eq!(pause_after(i32::MAX, 0.5), None);
    }
}
