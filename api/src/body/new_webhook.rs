//! The bodies that register a webhook and change one.

use chrono::{DateTime, Utc};
use longshore_shared::config::Webhooks;
use longshore_shared::domain::address;
use longshore_shared::domain::id::{OrgId, WebhookId};
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::webhook::{Webhook, WebhookEvent};
use serde::Deserialize;
use url::{Host, Url};
use utoipa::ToSchema;

use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};
use crate::word::{Word, optional_word_list};

/// Longest URL that is taken.
const LONGEST: usize = 2_000;
const EXPECTED_URL: &str = "an https URL, as a text,";

/// A webhook to be told of the ends of jobs.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewWebhook {
    /// Where it goes: https, without a user or a fragment, to a public address.
    #[schema(value_type = String, required = true, max_length = 2000)]
    #[serde(default)]
    url: Field<String>,
    /// What it is told of; everything unless given.
    #[schema(schema_with = optional_word_list::<WebhookEvent>, required = false)]
    #[serde(default)]
    events: Field<Vec<Word<WebhookEvent>>>,
    /// Whether it is told; true unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    enabled: Field<bool>,
}

/// What is to be changed of a webhook. To switch it on forgets why it was switched off.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct WebhookChange {
    /// Where it goes from now on; the secret stays.
    #[schema(value_type = Option<String>, max_length = 2000)]
    #[serde(default)]
    url: Field<String>,
    /// What it is told of from now on.
    #[schema(schema_with = optional_word_list::<WebhookEvent>, required = false)]
    #[serde(default)]
    events: Field<Vec<Word<WebhookEvent>>>,
    /// Whether it is told from now on; false drops what it is still owed.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    enabled: Field<bool>,
}

type Objection = (ProblemCode, String);

impl NewWebhook {
    /// The webhook, or everything that is wrong with the fields.
    pub(crate) fn check(
        self,
        allowed: Webhooks,
        org_id: OrgId,
        id: WebhookId,
        now: DateTime<Utc>,
    ) -> Result<Webhook, ApiError> {
        let mut found = FieldErrors::default();
        let read = found.required("url", self.url, EXPECTED_URL);
        let url = found.checked("url", read, |text| url(&text, allowed));
        let given = !matches!(self.events, Field::Absent);
        let read = found.optional("events", self.events, &expected_events());
        let events = match given {
            true => found.checked("events", read, events),
            false => Some(WebhookEvent::ALL.to_vec()),
        };
        let wrong = matches!(self.enabled, Field::Invalid(_));
        let enabled = found.optional("enabled", self.enabled, "true or false").or((!wrong).then_some(true));
        let whole = (|| {
            let (url, events, enabled) = (url?, events?, enabled?);
            let (disabled_reason, failing_since) = (None, None);
            Some(Webhook {
                org_id,
                id,
                url,
                events,
                enabled,
                disabled_reason,
                failing_since,
                created_at: now,
            })
        })();
        found.finish(whole)
    }
}

impl WebhookChange {
    /// The webhook as it is to be, or everything that is wrong with the fields.
    pub(crate) fn check(self, allowed: Webhooks, before: Webhook) -> Result<Webhook, ApiError> {
        let mut found = FieldErrors::default();
        let kept = Some(before.url);
        let url = change(&mut found, "url", self.url, EXPECTED_URL, kept, |text| url(&text, allowed));
        let kept = Some(before.events);
        let events = change(&mut found, "events", self.events, &expected_events(), kept, events);
        let kept = Some(before.enabled);
        let enabled = change(&mut found, "enabled", self.enabled, "true or false", kept, Ok);
        let whole = (|| {
            let (url, events, enabled) = (url?, events?, enabled?);
            Some(Webhook { url, events, enabled, disabled_reason: None, failing_since: None, ..before })
        })();
        found.finish(whole)
    }
}

/// The new value where one is given, else the one that is there.
fn change<T, U>(
    found: &mut FieldErrors,
    field: &str,
    given: Field<T>,
    expected: &str,
    kept: Option<U>,
    check: impl FnOnce(T) -> Result<U, Objection>,
) -> Option<U> {
    if matches!(given, Field::Absent) {
        return kept;
    }
    let read = found.optional(field, given, expected);
    found.checked(field, read, check)
}

fn expected_events() -> String {
    format!("a list of {}", Word::<WebhookEvent>::choices())
}

fn events(given: Vec<Word<WebhookEvent>>) -> Result<Vec<WebhookEvent>, Objection> {
    let mut events: Vec<_> = given.into_iter().map(|word| word.0).collect();
    events.sort_unstable();
    events.dedup();
    if events.is_empty() {
        return Err((ProblemCode::Required, "at least one event is required".to_owned()));
    }
    Ok(events)
}

/// The URL as it is saved. A name is resolved, and its addresses checked, by a worker at each try.
fn url(text: &str, allowed: Webhooks) -> Result<String, Objection> {
    let invalid = |detail: &str| Err((ProblemCode::InvalidUrl, detail.to_owned()));
    if text.len() > LONGEST {
        return Err((ProblemCode::TooLong, format!("at most {LONGEST} characters are taken")));
    }
    let Ok(url) = Url::parse(text.trim()) else { return invalid("it is not an absolute URL") };
    match url.scheme() {
        "https" => {}
        "http" if allowed.http_allowed => {}
        "http" => return Err((ProblemCode::HttpNotAllowed, "only https is taken".to_owned())),
        _ => return invalid("only https URLs are taken"),
    }
    if !url.username().is_empty() || url.password().is_some() {
        return invalid("leave the user and password out; the signature tells who sends");
    }
    if url.fragment().is_some() {
        return invalid("leave the fragment (`#…`) out; it is never sent");
    }
    if url.port() == Some(0) {
        return invalid("port 0 is no port");
    }
    let literal = match url.host() {
        Some(Host::Ipv4(v4)) => Some(v4.into()),
        Some(Host::Ipv6(v6)) => Some(v6.into()),
        Some(Host::Domain(_)) => None,
        None => return invalid("it names no host"),
    };
    let inside = |found| if allowed.private_allowed { None } else { address::inside(found) };
    let refused = literal.and_then(|found| address::forbidden(found).or_else(|| inside(found)));
    if let Some(what) = refused {
        return Err((ProblemCode::AddressNotAllowed, format!("its host is {what}; no webhook goes there")));
    }
    // Numbers and escapes may have become longer.
    let url = String::from(url);
    if url.len() > LONGEST {
        Err((ProblemCode::TooLong, format!("at most {LONGEST} bytes are taken")))
    } else {
        Ok(url)
    }
}

#[cfg(test)]
mod tests {
    use longshore_shared::config::Webhooks;

    use super::url;

    #[test]
    fn t12_urls() {
        let check = |allowed: bool, text: &str, expected: Result<&str, &str>| {
            let allowed = Webhooks { private_allowed: allowed, http_allowed: allowed };
            let found = url(text, allowed);
            assert_eq!(found.as_deref().map_err(|(code, _)| code.as_str()), expected, "{text:?}");
        };
        check(false, "https://hooks.example.com/a?b=c", Ok("https://hooks.example.com/a?b=c"));
        check(false, " https://HOOKS.example.com:443 ", Ok("https://hooks.example.com/"));
        check(false, "https://hooks.example.com:8443/", Ok("https://hooks.example.com:8443/"));
        check(false, "https://8.8.8.8/", Ok("https://8.8.8.8/"));
        check(false, "http://hooks.example.com/", Err("http_not_allowed"));
        check(true, "http://127.0.0.1:9/", Ok("http://127.0.0.1:9/"));
        check(true, "http://169.254.169.254/latest", Err("address_not_allowed"));
        for host in [
            "127.0.0.1",
            "127.1",
            "2130706433",
            "0x7f000001",
            "0177.0.0.1",
            "[::1]",
            "[::ffff:127.0.0.1]",
            "[64:ff9b::7f00:1]",
            "10.0.0.1",
            "172.16.3.4",
            "192.168.0.1",
            "[fd00::1]",
            "169.254.169.254",
            "2852039166",
            "[::ffff:a9fe:a9fe]",
            "[fd00:ec2::254]",
            "0.0.0.0",
            "0",
            "100.64.0.1",
            "１２７.0.0.1",
        ] {
            check(false, &format!("https://{host}/"), Err("address_not_allowed"));
        }
        for text in [
            "",
            "hooks.example.com",
            "/a",
            "ftp://hooks.example.com/",
            "javascript:alert(1)",
            "https://",
            "https://user@hooks.example.com/",
            "https://user:hunter2@hooks.example.com/",
            "https://hooks.example.com/#a",
            "https://hooks.example.com:0/",
            "https://hooks example.com/",
        ] {
            check(false, text, Err("invalid_url"));
        }
        check(false, &format!("https://h.example/{}", "a".repeat(2_000)), Err("too_long"));
        check(false, &format!("https://h.example/{}", "ä".repeat(900)), Err("too_long"));
    }
}
