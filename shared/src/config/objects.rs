//! The bucket that holds packages and backups.

use std::fmt;
use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::variables::{
    PACKAGE_KEYS, S3_ACCESS_KEY, S3_BUCKET, S3_CHECKSUMS, S3_ENDPOINT, S3_PATH_STYLE, S3_PREFIX, S3_REGION,
    S3_SECRET_FILE, S3_SECRET_KEY, flag, path, unless,
};
use super::{ConfigError, Environment, Problems, gather};

/// A bucket, and how it is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Objects {
    /// The server's URL; `None`: AWS, by the region.
    pub endpoint: Option<String>,
    /// The region that requests are signed for.
    pub region: String,
    /// The bucket; `None`: there is none, and what needs it is refused.
    pub bucket: Option<String>,
    /// What all keys begin with: empty, or ending with a slash.
    pub prefix: String,
    /// As whom; `None`: whatever the SDK's usual chain finds (`AWS_*` variables, files, the machine's role).
    pub key: Option<AccessKey>,
    /// The bucket's name stands in the path, not in the host's name.
    pub path_style: bool,
    /// Requests carry checksums even where S3 does not ask for them, which not every server takes.
    pub checksums: bool,
    /// The keyring that packages are sealed with; `None`: they are not.
    pub package_keys: Option<PathBuf>,
}

/// An access key.
#[derive(Clone, PartialEq, Eq)]
pub struct AccessKey {
    /// Its public part.
    pub id: String,
    /// Its secret part; wiped when dropped.
    pub secret: Zeroizing<String>,
}

impl fmt::Debug for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AccessKey").field("id", &self.id).finish_non_exhaustive()
    }
}

impl Objects {
    /// Reads the section.
    pub fn from_env(from: &Environment) -> Result<Self, Problems> {
        gather!(Self {
            endpoint: from.read_one(&S3_ENDPOINT, endpoint),
            region: from.read_one(&S3_REGION, word),
            bucket: from.read_one(&S3_BUCKET, unless("none", bucket)),
            prefix: from.read_one(&S3_PREFIX, prefix),
            key: key(from),
            path_style: from.read_one(&S3_PATH_STYLE, flag),
            checksums: from.read_one(&S3_CHECKSUMS, checksums),
            package_keys: from.read_one(&PACKAGE_KEYS, unless("none", path)),
        })
    }

    /// Host and port, where the server is no one of AWS's.
    pub fn address(&self) -> Option<(String, u16)> {
        let url = url::Url::parse(self.endpoint.as_deref()?).ok()?;
        let host = url.host_str()?.trim_start_matches('[').trim_end_matches(']').to_owned();
        Some((host, url.port_or_known_default()?))
    }
}

/// Both parts of a key or none: half a key would be another account's by the usual chain.
fn key(from: &Environment) -> Result<Option<AccessKey>, ConfigError> {
    let id = from.read_one(&S3_ACCESS_KEY, unless("chain", word))?;
    let given = from.read_one(&S3_SECRET_KEY, unless("chain", word))?;
    let read = from.read_one(&S3_SECRET_FILE, unless("none", secret_in))?;
    let missing = |variable, expected: &str| ConfigError::Missing { variable, expected: expected.to_owned() };
    match (id, given.or(read)) {
        (None, None) => Ok(None),
        (Some(id), Some(secret)) => Ok(Some(AccessKey { id, secret: Zeroizing::new(secret) })),
        (None, Some(_)) => Err(missing(S3_ACCESS_KEY.name, S3_ACCESS_KEY.expected)),
        (Some(_), None) => {
            Err(missing(S3_SECRET_KEY.name, "the secret of that key, or the file that holds it"))
        }
    }
}

fn secret_in(path: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(Path::new(path)).map_err(|error| format!("{path}: {error}"))?;
    word(text.trim()).map_err(|why| format!("{path}: {why}"))
}

fn endpoint(text: &str) -> Result<Option<String>, String> {
    if text == "aws" {
        return Ok(None);
    }
    let url = url::Url::parse(text).map_err(|error| error.to_string())?;
    let is_bare = url.username().is_empty()
        && url.password().is_none()
        && url.query().is_none()
        && url.fragment().is_none()
        && url.path() == "/";
    let fits = ["http", "https"].contains(&url.scheme()) && url.has_host() && is_bare;
    if fits { Ok(Some(text.trim_end_matches('/').to_owned())) } else { Err("no bare http(s) URL".to_owned()) }
}

fn word(text: &str) -> Result<String, String> {
    let fits = !text.is_empty() && text.len() <= 1_000 && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("it is empty, or has spaces or characters beyond ASCII".to_owned())
    }
}

/// As AWS names buckets; servers of others take more, and nobody needs it.
fn bucket(text: &str) -> Result<String, String> {
    let fits = (3..=63).contains(&text.len())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b".-".contains(&byte));
    if fits { Ok(text.to_owned()) } else { Err("it is no name of a bucket".to_owned()) }
}

fn prefix(text: &str) -> Result<String, String> {
    let fits = text.len() <= 200
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"/-_.".contains(&byte))
        && !text.starts_with('/')
        && !text.split('/').any(|part| part == "." || part == "..");
    match text.trim_end_matches('/') {
        _ if !fits => Err("it is no prefix of keys".to_owned()),
        "" => Ok(String::new()),
        text => Ok(format!("{text}/")),
    }
}

fn checksums(text: &str) -> Result<bool, String> {
    match text {
        "when_required" => Ok(false),
        "when_supported" => Ok(true),
        _ => Err("neither".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Objects, String> {
        let environment = Environment::of(variables.iter().copied());
        Objects::from_env(&environment).map_err(|problems| format!("{:?}", problems.0))
    }

    #[test]
    #[expect(clippy::unwrap_used, reason = "a test")]
    fn a_bucket_is_what_the_variables_say() {
        let nothing = read(&[]).unwrap();
        assert_eq!((nothing.bucket, nothing.endpoint, nothing.key), (None, None, None));
        let found = read(&[
            ("LONGSHORE_S3_ENDPOINT", "http://127.0.0.1:8333/"),
            ("LONGSHORE_S3_BUCKET", "longshore"),
            ("LONGSHORE_S3_PREFIX", "a/b"),
            ("LONGSHORE_S3_ACCESS_KEY_ID", "id"),
            ("LONGSHORE_S3_SECRET_ACCESS_KEY", "canary"),
        ])
        .unwrap();
        assert_eq!(found.address(), Some(("127.0.0.1".to_owned(), 8333)));
        assert_eq!((found.bucket.as_deref(), found.prefix.as_str()), (Some("longshore"), "a/b/"));
        assert!(!format!("{found:?}").contains("canary"), "{found:?}");
        assert_eq!(found.key.unwrap().secret.as_str(), "canary");
    }

    #[test]
    fn what_is_wrong_is_named_and_no_secret_shown() {
        for (variable, value) in [
            ("LONGSHORE_S3_ENDPOINT", "http://u:p@127.0.0.1"),
            ("LONGSHORE_S3_ENDPOINT", "127.0.0.1:8333"),
            ("LONGSHORE_S3_BUCKET", "My_Bucket"),
            ("LONGSHORE_S3_PREFIX", "/a"),
            ("LONGSHORE_S3_PREFIX", "a/../b"),
            ("LONGSHORE_S3_CHECKSUMS", "always"),
            ("LONGSHORE_S3_PATH_STYLE", "perhaps"),
            ("LONGSHORE_S3_SECRET_ACCESS_KEY_FILE", "/nowhere/at/all"),
        ] {
            let told = read(&[(variable, value)]).err().unwrap_or_default();
            assert!(told.contains(variable), "{variable} {value}: {told}");
        }
        let told = read(&[("LONGSHORE_S3_SECRET_ACCESS_KEY", "canary")]).err().unwrap_or_default();
        assert!(told.contains("LONGSHORE_S3_ACCESS_KEY_ID") && !told.contains("canary"), "{told}");
        let told = read(&[("LONGSHORE_S3_ACCESS_KEY_ID", "id")]).err().unwrap_or_default();
        assert!(told.contains("LONGSHORE_S3_SECRET_ACCESS_KEY"), "{told}");
    }
}
