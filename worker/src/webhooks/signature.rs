//! The signature of a delivery, as Standard Webhooks says: HMAC-SHA256 over id, time and
//! body, so that neither can be exchanged and an old delivery shows its age.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac as _};
use longshore_shared::vault::Secret;
use sha2::Sha256;

/// What every secret begins with.
const PREFIX: &str = "whsec_";

/// The value of the header `webhook-signature`; `None` if the secret is none.
pub(super) fn sign(secret: &Secret, id: &str, timestamp: i64, body: &str) -> Option<String> {
    let key = STANDARD.decode(secret.reveal().strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{timestamp}.{body}").as_bytes());
    Some(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
}

#[cfg(test)]
mod tests {
    use longshore_shared::vault::Secret;

    use super::sign;

    /// The example of the Standard Webhooks specification.
    #[test]
    fn t34_the_specifications_own_example() {
        let secret = Secret::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw".to_owned());
        let body = r#"{"test": 2432232314}"#;
        let signed = sign(&secret, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330, body);
        assert_eq!(signed.as_deref(), Some("v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="));
        assert_eq!(sign(&Secret::new("whsec_!".to_owned()), "i", 1, body), None);
        assert_eq!(sign(&Secret::new("MfKQ".to_owned()), "i", 1, body), None);
    }
}
