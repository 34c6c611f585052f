//! The body that asks for a backup.

use longshore_shared::domain::connection::{Connection, EngineGroup};
use longshore_shared::domain::id::ConnectionId;
use longshore_shared::domain::problem::ProblemCode;
use longshore_shared::domain::sync::Selection;
use longshore_shared::vault::Secret;
use serde::Deserialize;
use utoipa::ToSchema;

use super::new_run::{asked, password};
use super::new_sync_task::{connection, is_given, patterns};
use super::usable::seen_to_work;
use crate::error::{ApiError, Conflict};
use crate::extract::field::{Field, FieldErrors, name};

/// A backup to be made.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NewBackup {
    /// The connection whose database is kept.
    #[schema(value_type = uuid::Uuid, required = true)]
    #[serde(default)]
    connection_id: Field<String>,
    /// As a person calls it.
    #[schema(value_type = String, required = true, min_length = 1, max_length = 200, example = "before the release")]
    #[serde(default)]
    name: Field<String>,
    /// Names or patterns (`*` any run, `?` one character) of tables; all tables, and everything else that the
    /// database holds, unless given.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000, example = json!(["orders", "customer*"]))]
    #[serde(default)]
    tables: Field<Vec<String>>,
    /// Names or patterns of tables that are left out.
    #[schema(value_type = Option<Vec<String>>, max_items = 5000)]
    #[serde(default)]
    exclude: Field<Vec<String>>,
    /// It is made though the connection was never verified, or was unreachable when it was tested last
    /// (409 `connection_not_verified`, `connection_unreachable`); false unless given.
    #[schema(value_type = Option<bool>)]
    #[serde(default)]
    allow_untested: Field<bool>,
    /// The connection's password, if that asks for it each time.
    #[schema(value_type = Option<String>, max_length = 4096, format = Password, write_only)]
    #[serde(default)]
    source_password: Field<Secret>,
}

/// A backup that is asked for; its connection is only named so far.
pub(crate) struct AskedBackup {
    /// The connection.
    pub(crate) connection_id: ConnectionId,
    /// What a person calls it.
    pub(crate) name: String,
    /// Which tables.
    pub(crate) selection: Selection,
    allow_untested: bool,
    source_password: Field<Secret>,
}

impl NewBackup {
    /// What is asked for, or everything that is wrong with the fields.
    pub(crate) fn check(self) -> Result<AskedBackup, ApiError> {
        let mut found = FieldErrors::default();
        let connection_id = connection(&mut found, "connection_id", self.connection_id);
        let read = found.required("name", self.name, "a text");
        let name = found.checked("name", read, |text| name(&text));
        let selection = selection(&mut found, self.tables, self.exclude);
        let untested = found.optional("allow_untested", self.allow_untested, "true or false");
        let source_password = self.source_password;
        let whole = (|| {
            let (connection_id, name, selection) = (connection_id?, name?, selection?);
            let allow_untested = untested.unwrap_or(false);
            Some(AskedBackup { connection_id, name, selection, allow_untested, source_password })
        })();
        found.finish(whole)
    }
}

impl AskedBackup {
    /// The password that the job is to have, if the connection is fit for a backup.
    pub(crate) fn given(self, connection: &Connection) -> Result<Option<Secret>, ApiError> {
        if connection.engine.group() != EngineGroup::Mysql {
            let detail = format!("databases of {} cannot be backed up by this release", connection.engine);
            let conflict = Conflict::new(ProblemCode::EngineNotSupported, detail);
            return Err(Conflict { field: Some("connection_id"), ..conflict }.into());
        }
        if !self.allow_untested {
            seen_to_work("connection_id", connection)?;
        }
        let mut found = FieldErrors::default();
        let why = connection.ask_password.then(|| asked(&connection.name));
        let password = password(&mut found, "source_password", self.source_password, why);
        found.finish(Some(password))
    }
}

/// Tables by name or pattern; one that is only left out leaves all others in.
fn selection(
    found: &mut FieldErrors,
    tables: Field<Vec<String>>,
    exclude: Field<Vec<String>>,
) -> Option<Selection> {
    let (given_tables, given_exclude) = (is_given(&tables), is_given(&exclude));
    let tables = found.optional("tables", tables, "a list of names or patterns");
    let exclude = found.optional("exclude", exclude, "a list of names or patterns");
    if !given_tables && !given_exclude {
        return Some(Selection::Full);
    }
    let all = || vec!["*".to_owned()];
    let tables = if given_tables { tables } else { Some(all()) };
    let tables = found.checked("tables", tables, |names| patterns(names, 1));
    let exclude = found.checked("exclude", Some(exclude.unwrap_or_default()), |names| patterns(names, 0));
    Some(Selection::Selective { tables: tables?, exclude: exclude? })
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn fields() {
        let check = |body: &Value, expected: &[&str]| {
            let read: NewBackup = serde_json::from_value(body.clone()).expect("the body is read");
            let told = match read.check() {
                Ok(_) => Vec::new(),
                Err(ApiError::Invalid(errors)) => {
                    errors.into_iter().map(|error| format!("{} {}", error.field, error.code)).collect()
                }
                Err(other) => panic!("{other:?}"),
            };
            assert_eq!(told, expected, "{body}");
        };
        let id = "0190bc2a-0000-7000-8000-000000000000";
        check(&json!({}), &["connection_id required", "name required"]);
        check(&json!({"connection_id": id, "name": "x"}), &[]);
        check(
            &json!({"connection_id": "7", "name": ""}),
            &["connection_id unknown_connection", "name required"],
        );
        check(&json!({"connection_id": id, "name": "x", "tables": []}), &["tables required"]);
        check(&json!({"connection_id": id, "name": "x", "tables": "t"}), &["tables invalid_value"]);
    }

    #[test]
    fn what_is_only_left_out_leaves_the_others_in() {
        let id = "0190bc2a-0000-7000-8000-000000000000";
        let read = |more: Value| {
            let mut body = json!({"connection_id": id, "name": "x"});
            body.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
            serde_json::from_value::<NewBackup>(body).unwrap().check().unwrap().selection
        };
        assert_eq!(read(json!({})), Selection::Full);
        let selection = read(json!({"exclude": ["log_*"]}));
        assert!(selection.covers("orders") && !selection.covers("log_2"));
    }
}
