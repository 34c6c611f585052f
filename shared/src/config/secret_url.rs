//! A URL that holds a password.

use std::fmt;

use url::Url;
use zeroize::Zeroizing;

/// A URL whose `Debug` and `Display` leave password and query out; wiped when dropped.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretUrl {
    whole: Zeroizing<String>,
    shown: String,
}

impl SecretUrl {
    /// Reads a URL of one of `schemes` that names a host; an error never shows the URL.
    pub fn parse(text: &str, schemes: &[&str]) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|error| {
            format!("it is not a URL ({error}; special characters of a password must be percent-encoded)")
        })?;
        if !schemes.contains(&url.scheme()) {
            return Err("its scheme is another".to_owned());
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err("it names no host".to_owned());
        }
        Ok(Self { shown: shown(&url), whole: Zeroizing::new(text.to_owned()) })
    }

    /// Host and port; the port is `usual` unless it is said.
    pub fn endpoint(&self, usual: u16) -> (String, u16) {
        let url = Url::parse(&self.whole).ok();
        let host = url.as_ref().and_then(Url::host_str).unwrap_or_default();
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        (host, url.and_then(|url| url.port()).unwrap_or(usual))
    }

    /// The whole URL, password included; call this only where a connection is opened.
    pub fn reveal(&self) -> &str {
        &self.whole
    }
}

fn shown(url: &Url) -> String {
    let mut url = url.clone();
    if url.password().is_some() {
        // Setting can only fail on a URL without a host, and ours has one.
        let _ = url.set_password(Some("***"));
    }
    url.set_query(None);
    url.set_fragment(None);
    url.into()
}

impl fmt::Debug for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretUrl({})", self.shown)
    }
}

impl fmt::Display for SecretUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}
