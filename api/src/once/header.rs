//! The header `Idempotency-Key` (IETF draft "The Idempotency-Key HTTP Header Field").
//!
//! A middleware around every route reads it from each `POST` and notes what makes two
//! requests the same: method, target and body, by a MAC. Invariants: the MAC's key comes
//! from the bearer's token, which every API of a fleet is told by the client and of which
//! the database holds a digest only, so that a stolen database tells nothing of a body
//! (it may hold a password); no key means that nothing is noted. What a key does to a
//! request's effect is in `effect`. Not here: uploads, which will be compared by their
//! declared digest.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest as _, MatchedPath, Request};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method};
use axum::middleware::Next;
use axum::response::Response;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::Ending;

use crate::access::MacKey;
use crate::error::ApiError;
use crate::extract::whole;

/// The header's name, as people write it.
pub(crate) const HEADER: &str = "Idempotency-Key";
/// Marks an answer to a request whose effect was there already.
pub(crate) const REPLAYED: &str = "idempotency-replayed";
const LONGEST: usize = 255;
/// How long an answer waits for the end of its transaction.
const LONGEST_ENDING: Duration = Duration::from_secs(1);

/// A request that names a key.
#[derive(Clone)]
pub(crate) struct Keyed {
    pub(super) key: Arc<str>,
    pub(super) route: Arc<str>,
    pub(super) mac: Arc<[u8]>,
    replayed: Arc<AtomicBool>,
    /// The end of the transaction that has the key.
    ending: Arc<Mutex<Option<Ending>>>,
}

impl Keyed {
    /// The effect is that of an earlier request; the answer will say so.
    pub(super) fn replayed(&self) {
        self.replayed.store(true, Ordering::Relaxed);
    }

    /// The answer will wait for this: whoever has it may send the key again at once, and what
    /// was refused is not in progress any more.
    pub(super) fn claimed_until(&self, ending: Ending) {
        *self.ending.lock().unwrap_or_else(PoisonError::into_inner) = Some(ending);
    }
}

/// The middleware.
pub(crate) async fn idempotency(request: Request, next: Next) -> Result<Response, ApiError> {
    let key = if request.method() == Method::POST { key(request.headers())? } else { None };
    let Some(key) = key else { return Ok(next.run(request).await) };
    let (mut parts, body) = request.into_parts();
    let Some(mac_key) = parts.extensions.get::<MacKey>().cloned() else {
        return Err(ApiError::internal("a route without sign-in asks for its key"));
    };
    let bytes = whole(Bytes::from_request(Request::from_parts(parts.clone(), body), &())).await?;
    let target = parts.uri.path_and_query().map_or("/", |target| target.as_str());
    let route = parts.extensions.get::<MatchedPath>().map_or("unmatched", MatchedPath::as_str);
    let keyed = Keyed {
        key,
        route: format!("POST {route}").into(),
        mac: mac_key.mac(target, &bytes)?.into(),
        replayed: Arc::default(),
        ending: Arc::default(),
    };
    parts.extensions.insert(keyed.clone());
    let mut response = next.run(Request::from_parts(parts, Body::from(bytes))).await;
    let ending = keyed.ending.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(ending) = ending {
        // A store that does not answer any more must not hold up what there is to say.
        let _ = tokio::time::timeout(LONGEST_ENDING, ending.wait()).await;
    }
    if keyed.replayed.load(Ordering::Relaxed) {
        response.headers_mut().insert(HeaderName::from_static(REPLAYED), HeaderValue::from_static("true"));
    }
    Ok(response)
}

/// The one key of the request. In quotes (as the draft writes it) or without, it is one key.
fn key(headers: &HeaderMap) -> Result<Option<Arc<str>>, ApiError> {
    let mut given = headers.get_all(HEADER).iter();
    let Some(first) = given.next() else { return Ok(None) };
    if given.next().is_some() {
        return Err(malformed("there are several such headers; send one"));
    }
    let visible = first.as_bytes().iter().all(u8::is_ascii_graphic);
    let text = std::str::from_utf8(first.as_bytes()).ok().filter(|_| visible);
    let text =
        text.ok_or_else(|| malformed("only visible ASCII characters can stand in it; a UUID will do"))?;
    let key = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(text);
    if key.is_empty() || key.len() > LONGEST {
        return Err(malformed("1 to 255 characters are expected; a UUID will do"));
    }
    Ok(Some(key.into()))
}

fn malformed(detail: &str) -> ApiError {
    ApiError::field(HEADER, ProblemCode::InvalidIdempotencyKey, detail)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use axum::http::{HeaderMap, HeaderValue};

    use super::{HEADER, key};

    #[test]
    fn one_visible_key_in_quotes_or_without() {
        let check = |given: &[&[u8]], expected: Option<Option<&str>>| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(HEADER, HeaderValue::from_bytes(value).unwrap());
            }
            let found = key(&headers).ok();
            assert_eq!(found.as_ref().map(Option::as_deref), expected, "{given:?}");
        };
        check(&[], Some(None));
        check(&[b"a"], Some(Some("a")));
        check(&[b"\"a\""], Some(Some("a")));
        check(&[b"8e03978e-40d5-43dd-bc93-6894a57f9324"], Some(Some("8e03978e-40d5-43dd-bc93-6894a57f9324")));
        check(&[&[b'x'; 255]], Some(Some(&"x".repeat(255))));
        check(&[&[b'x'; 256]], None);
        check(&[b""], None);
        check(&[b"\"\""], None);
        check(&[b"\""], Some(Some("\"")));
        check(&[b"a b"], None);
        check(&[b"a\tb"], None);
        check(&["ä".as_bytes()], None);
        check(&[b"\xff"], None);
        check(&[b"a", b"a"], None);
    }
}
