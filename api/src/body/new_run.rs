//! The bodies that ask for a run and for a test: what has to be given each time.

use longshore_shared::domain::connection::Connection;
use longshore_shared::domain::secret::SecretName;
use longshore_shared::store::connections::demands::Demand;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::confirming::{self, protected, secret, wanted};
use crate::error::ApiError;
use crate::extract::field::{Field, FieldErrors};

/// What a run brings along. Sealed for its job, and gone when that ends.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewRun {
    /// The source's password, if that connection asks for it each time.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    source_password: Field<Secret>,
    /// The target's password, if that connection asks for it each time or is protected.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    target_password: Field<Secret>,
    /// The target connection's name, if that is protected.
    #[schema(value_type = Option<String>, max_length = 200)]
    #[serde(default)]
    confirm_target: Field<String>,
    /// This run may delete more of a table's rows than the task's `max_delete_percent` says.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    confirm_deletes: Field<bool>,
}

/// What a run was given.
pub(crate) struct Brought {
    /// The secrets that the job is to have.
    pub(crate) secrets: Vec<(SecretName, Secret)>,
    /// Whether it may delete any number of rows.
    pub(crate) deletes_confirmed: bool,
}

impl NewRun {
    /// What the job is to have, or everything that is missing or too much.
    pub(crate) fn check(self, source: &Demand, target: &Demand) -> Result<Brought, ApiError> {
        let mut found = FieldErrors::default();
        let of_source = (self.source_password, source.ask_password.then(|| asked(&source.name)));
        let why = target.protected.then(|| protected(&target.name));
        let of_target =
            (self.target_password, why.or_else(|| target.ask_password.then(|| asked(&target.name))));
        let confirmed = target.protected.then_some(target.name.as_str());
        confirming::name(&mut found, "confirm_target", self.confirm_target, confirmed);
        let secrets = [
            (SecretName::SourcePassword, "source_password", of_source),
            (SecretName::TargetPassword, "target_password", of_target),
        ];
        let mut whole = Vec::new();
        for (name, field, (given, why)) in secrets {
            whole.extend(password(&mut found, field, given, why).map(|password| (name, password)));
        }
        let deletes = found.optional("confirm_deletes", self.confirm_deletes, "true or false");
        found.finish(Some(Brought { secrets: whole, deletes_confirmed: deletes.unwrap_or(false) }))
    }
}

/// What a test of a saved connection brings along.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewTest {
    /// The password, if the connection asks for it each time.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    password: Field<Secret>,
}

impl NewTest {
    /// The password to log in with, if the connection does not store it.
    pub(crate) fn check(self, connection: &Connection) -> Result<Option<Secret>, ApiError> {
        let mut found = FieldErrors::default();
        let why = connection.ask_password.then(|| asked(&connection.name));
        let password = password(&mut found, "password", self.password, why);
        found.finish(Some(password))
    }
}

pub(super) fn password(
    found: &mut FieldErrors,
    field: &str,
    given: Field<Secret>,
    why: Option<String>,
) -> Option<Secret> {
    let before = found.count();
    let read = secret(found, field, given);
    if found.count() > before { None } else { wanted(found, field, read, why) }
}

pub(super) fn asked(name: &str) -> String {
    format!("connection {name} does not store its password: give it each time")
}
