//! What tells requests of one bearer from requests of another, and from each other.

use hmac::{Hmac, Mac as _};
use sha2::{Digest as _, Sha256};

use crate::error::ApiError;

/// What a request's MAC is made with. Derived from the token, and not by the digest that
/// the database holds.
#[derive(Clone)]
pub(crate) struct MacKey([u8; 32]);

impl MacKey {
    /// The key of a token's bearer.
    pub(super) fn of(token: &str) -> Self {
        Self(Sha256::new().chain_update("longshore idempotency v1\n").chain_update(token).finalize().into())
    }

    /// The MAC of a `POST`.
    pub(crate) fn mac(&self, target: &str, body: &[u8]) -> Result<Vec<u8>, ApiError> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.0).map_err(ApiError::internal)?;
        // The target holds no line feed, so no two requests have one text.
        mac.update(b"POST ");
        mac.update(target.as_bytes());
        mac.update(b"\n");
        mac.update(body);
        Ok(mac.finalize().into_bytes().to_vec())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "a test")]

    use super::MacKey;

    #[test]
    fn a_mac_is_of_one_bearer_one_target_and_one_body() {
        let mac =
            |token: &str, target: &str, body: &str| MacKey::of(token).mac(target, body.as_bytes()).unwrap();
        let first = mac("ls_a", "/v1/probes", "{}");
        assert_eq!(first, mac("ls_a", "/v1/probes", "{}"));
        assert_ne!(first, mac("ls_b", "/v1/probes", "{}"));
        assert_ne!(first, mac("ls_a", "/v1/probes?a=1", "{}"));
        assert_ne!(first, mac("ls_a", "/v1/connections", "{}"));
        assert_ne!(first, mac("ls_a", "/v1/probes", "{} "));
    }
}
