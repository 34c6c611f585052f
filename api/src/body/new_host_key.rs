//! The body that confirms an SSH host's key.

use longshore_shared::domain::hop::MOST_HOPS;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::confirming;
use super::new_hop::fingerprint;
use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};

/// A host key that a person has compared with the host's own.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewHostKey {
    /// Which hop, from 1, outermost first.
    #[schema(value_type = u8, required = true, minimum = 1, maximum = 5)]
    #[serde(default)]
    hop: Field<usize>,
    /// The key's fingerprint, as a test showed it and `ssh-keygen -l` prints it.
    #[schema(value_type = String, required = true, pattern = "^SHA256:[A-Za-z0-9+/]{43}$", example = "SHA256:jR5Xq0L2K3mC7w1b4J9d8Tf6Ys+Zc/0aQeUvHgIpNkM")]
    #[serde(default)]
    fingerprint: Field<String>,
    /// The fingerprint that was confirmed before, if the host's key was changed on purpose.
    #[schema(value_type = Option<String>, pattern = "^SHA256:[A-Za-z0-9+/]{43}$")]
    #[serde(default)]
    replaces: Field<String>,
    /// The password of the hop again, if it logs in by one and its key is replaced.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    password: Field<Secret>,
}

/// A checked [`NewHostKey`].
pub(crate) struct HostKey {
    /// Which hop, from 1.
    pub(crate) hop: usize,
    /// The key's fingerprint.
    pub(crate) fingerprint: String,
    /// The one that it takes the place of.
    pub(crate) replaces: Option<String>,
    /// The hop's password.
    pub(crate) password: Option<Secret>,
}

impl NewHostKey {
    /// The host key, or everything that is wrong with the fields.
    pub(crate) fn check(self) -> Result<HostKey, ApiError> {
        let mut found = FieldErrors::default();
        let read = found.required("hop", self.hop, "a hop's number, from 1,");
        let hop = found.checked("hop", read, |hop| match (1..=MOST_HOPS).contains(&hop) {
            true => Ok(hop),
            false => Err((ProblemCode::OutOfRange, format!("1 to {MOST_HOPS} are taken"))),
        });
        let read = found.required("fingerprint", self.fingerprint, "a fingerprint, as a text,");
        let shown = found.checked("fingerprint", read, fingerprint);
        let read = found.optional("replaces", self.replaces, "a fingerprint, as a text,");
        let replaces = read.map(|text| found.checked("replaces", Some(text), fingerprint));
        let password = confirming::secret(&mut found, "password", self.password);
        let whole = (|| {
            let replaces = match replaces {
                Some(replaces) => Some(replaces?),
                None => None,
            };
            Some(HostKey { hop: hop?, fingerprint: shown?, replaces, password })
        })();
        found.finish(whole)
    }
}
