//! Who asks: the bearer of an API token.
//!
//! Invariants: one `Authorization` header, never a token in the URL (it would stand in
//! logs and histories); what is looked up is the token's SHA-256, so that the lookup's
//! time tells nothing about the token; nothing of a request is looked at before this.

use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, Uri, header};
use axum::middleware::Next;
use axum::response::Response;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::store::tokens::{self, Bearer};
use longshore_shared::store::{StoreError, within};
use sha2::{Digest as _, Sha256};

use super::mac_key::MacKey;
use crate::error::ApiError;
use crate::state::AppState;

/// How long a token may be looked for, the wait for a connection included.
const PATIENCE: Duration = Duration::from_secs(6);

/// A middleware: refuses whoever bears no valid token, and notes who asks.
pub(crate) async fn sign_in(
    State(state): State<AppState>,
    mut request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    let token = token(request.headers(), request.uri())?;
    let (digest, mac_key) = (sha256(token), MacKey::of(token));
    if !state.schema.is_found() {
        return Err(ApiError::Unavailable("the schema is older than this release".into()));
    }
    let bearer = within(PATIENCE, find(&state, &digest)).await?.ok_or(INVALID)?;
    request.extensions_mut().insert(bearer);
    request.extensions_mut().insert(mac_key);
    Ok(next.run(request).await)
}

async fn find(state: &AppState, digest: &[u8; 32]) -> Result<Option<Bearer>, StoreError> {
    tokens::find(state.sign_in.single().await?.conn(), digest).await
}

/// The digest that a token is kept as; 256 random bits need no slow hash.
pub(crate) fn sha256(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}

const MISSING: ApiError =
    ApiError::Unauthenticated { code: ProblemCode::TokenMissing, detail: "an API token is required" };
const INVALID: ApiError = ApiError::Unauthenticated {
    code: ProblemCode::TokenInvalid,
    detail: "the API token is not known, has expired or was revoked",
};
const TWICE: ApiError = ApiError::Unauthenticated {
    code: ProblemCode::TokenAmbiguous,
    detail: "there are several Authorization headers",
};
const IN_URL: ApiError = ApiError::Unauthenticated {
    code: ProblemCode::TokenInUrl,
    detail: "a token in the URL is never taken: it would stand in logs; revoke it",
};

/// The one token of the request, of the form that we give out.
fn token<'a>(headers: &'a HeaderMap, uri: &Uri) -> Result<&'a str, ApiError> {
    if uri.query().is_some_and(holds_token) {
        return Err(IN_URL);
    }
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (first, second) = (given.next(), given.next());
    if second.is_some() {
        return Err(TWICE);
    }
    let text = first.ok_or(MISSING)?.to_str().map_err(|_| INVALID)?;
    let (scheme, token) = text.split_once(' ').ok_or(INVALID)?;
    let known = scheme.eq_ignore_ascii_case("bearer") && is_token(token);
    if known { Ok(token) } else { Err(INVALID) }
}

fn holds_token(query: &str) -> bool {
    let named = |name: &str| ["access_token", "token", "api_key", "authorization"].contains(&name);
    url::form_urlencoded::parse(query.as_bytes())
        .any(|(name, value)| named(&name.to_ascii_lowercase()) || is_token(&value))
}

/// `ls_` and 32 random bytes in base64url (or more, one day).
fn is_token(text: &str) -> bool {
    let Some(random) = text.strip_prefix("ls_") else { return false };
    (43..=128).contains(&random.len())
        && random.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'))
}

/// Somebody with a valid token and these permissions, for tests of what they may not do.
#[cfg(test)]
pub(crate) fn stranger(permissions: &[&str]) -> tokens::Bearer {
    use longshore_shared::domain::id::{OrgId, TokenId};
    tokens::Bearer {
        org_id: OrgId(uuid::Uuid::nil()),
        token_id: TokenId(uuid::Uuid::nil()),
        name: "stranger".to_owned(),
        permissions: permissions.iter().map(|word| (*word).to_owned()).collect(),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use axum::http::{HeaderMap, Uri, header};

    use super::{ApiError, token};

    const GOOD: &str = "ls_0123456789abcdefghijklmnopqrstuvwxyzABCDEFG";

    #[test]
    fn one_header_and_nothing_else() {
        let check = |given: &[&str], uri: &str, expected: Result<(), &str>| {
            let mut headers = HeaderMap::new();
            for value in given {
                headers.append(header::AUTHORIZATION, value.parse().unwrap());
            }
            let found = token(&headers, &uri.parse::<Uri>().unwrap());
            let found = found.map(drop).map_err(|error| match error {
                ApiError::Unauthenticated { code, .. } => code.as_str(),
                other => panic!("{other:?}"),
            });
            assert_eq!(found, expected, "{given:?} {uri}");
        };
        let bearer = format!("Bearer {GOOD}");
        check(&[&bearer], "/v1/jobs", Ok(()));
        check(&[&format!("bearer {GOOD}")], "/v1/jobs?limit=1", Ok(()));
        check(&[], "/v1/jobs", Err("token_missing"));
        check(&[&bearer, &bearer], "/v1/jobs", Err("token_ambiguous"));
        check(&[GOOD], "/v1/jobs", Err("token_invalid"));
        check(&[&format!("Basic {GOOD}")], "/v1/jobs", Err("token_invalid"));
        check(&["Bearer "], "/v1/jobs", Err("token_invalid"));
        check(&["Bearer ls_short"], "/v1/jobs", Err("token_invalid"));
        check(&[&format!("Bearer  {GOOD}")], "/v1/jobs", Err("token_invalid"));
        check(&[&format!("Bearer {GOOD} ")], "/v1/jobs", Err("token_invalid"));
        check(&[&format!("Bearer ls_{}", "a".repeat(5000))], "/v1/jobs", Err("token_invalid"));
        check(&[&format!("Bearer {}", GOOD.replace('0', "é"))], "/v1/jobs", Err("token_invalid"));
        check(&[], &format!("/v1/jobs?access_token={GOOD}"), Err("token_in_url"));
        check(&[&bearer], &format!("/v1/jobs?x={GOOD}"), Err("token_in_url"));
        check(&[&bearer], "/v1/jobs?Token=x", Err("token_in_url"));
    }
}
